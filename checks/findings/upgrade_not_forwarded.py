"""A proxy takes the request to upgrade out of the handshake, so that DSS sees an ordinary page request."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS pass on Upgrade and Connection"


def proof(evidence: Evidence) -> str | None:
    """Compare the handshake's answer with the answer to a plain GET of the same address, where no socket opens."""
    if any(evidence.handshake(path).opened for path in evidence.paths):
        return None
    for path in filter(evidence.taken_for_page, evidence.paths):
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        return f"answered {asked}, expected 101 Switching Protocols; the same without Upgrade answered {plain} too"
    return None
