"""A proxy passes on the request to upgrade for some addresses of DSS and takes it out for others."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings.upgrade_not_forwarded import lost

TITLE = "The proxy forwards Upgrade for some URLs only"
HOP = "reverse proxy"
FIX = "make the proxy treat every address of DSS alike: one rule for / that passes on Upgrade and Connection"


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that opens, and another that is answered as a plain GET of its address is."""
    opened = [path for path in evidence.paths if evidence.handshake(path).opened]
    for path in (path for path in evidence.paths if opened and lost(evidence, path)):
        return (
            f"{path} answered {evidence.handshake(path).response}, and the same without Upgrade too,"
            f" expected 101 Switching Protocols; {opened[0]} answered 101"
        )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a socket that opens, and another that is answered as a page is that may not be there."""
    opened = any(evidence.handshake(path).opened for path in evidence.paths)
    for path in evidence.paths:
        if opened and evidence.answered_like_plain_get(path) and evidence.handshake(path).response.status == 404:
            return "compare the address with the one in the developer tools of a browser in which it works"
    return None
