"""A proxy speaks HTTP/1.0 to the server behind it, and WebSocket needs HTTP/1.1."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "The proxy speaks HTTP/1.0 to DSS"
HOP = "reverse proxy"
FIX = "make the proxy in front of DSS speak HTTP/1.1 to it"


def proof(evidence: Evidence) -> str | None:
    """Look for a complaint about the HTTP version, though ours was 1.1 and the page had none."""
    for path in evidence.paths:
        asked = evidence.handshake(path).response
        if asked.status == 505 and evidence.page.status not in {0, 505}:
            return f"answered {asked} to HTTP/1.1, expected 101 Switching Protocols; the page answered {evidence.page}"
    return None
