"""A proxy speaks HTTP/1.0 to the server behind it, and WebSocket needs HTTP/1.1."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS speak HTTP/1.1 to it"


def proof(evidence: Evidence) -> str | None:
    """Look for a handshake, and only the handshake, refused for its HTTP version."""
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        if asked.status == 505 and plain.status not in {0, 505}:
            return f"answered {asked}, expected 101 Switching Protocols; the same without Upgrade answered {plain}"
    return None
