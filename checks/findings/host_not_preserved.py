"""A proxy replaces the Host header, so that notebooks take their own page for a stranger."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS pass on Host as the browser sent it, port included"


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that opens without Origin and is refused with the page's own."""
    for path in evidence.paths:
        asked = evidence.handshake(path).answer
        if asked.status == 403 and evidence.handshake(path, "no-origin").opened:
            return (
                f"answered {asked} to the page's own Origin, expected 101 Switching Protocols;"
                " the same without Origin answered 101"
            )
    return None
