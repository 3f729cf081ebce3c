"""A proxy passes on the request to upgrade for some addresses of DSS and takes it out for others."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy treat every address of DSS alike: one rule for / that passes on Upgrade and Connection"


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that opens, and another that is answered as a plain GET of its address is."""
    opened = [path for path in evidence.paths if evidence.handshake(path).opened]
    for path in filter(evidence.taken_for_page, evidence.paths):
        if opened:
            asked = evidence.handshake(path).answer
            return (
                f"{path} answered {asked}, and the same without Upgrade too, expected 101 Switching Protocols;"
                f" {opened[0]} answered 101"
            )
    return None
