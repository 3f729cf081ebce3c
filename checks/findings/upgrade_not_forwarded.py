"""A proxy takes the request to upgrade out of the handshake, so that DSS sees an ordinary page request."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS pass on Upgrade and Connection"


def proof(evidence: Evidence) -> str | None:
    """Compare the handshake's answer with the answer to a plain GET of the same address, where no socket opens."""
    if any(evidence.handshake(path).opened for path in evidence.paths):
        return None
    for path in (path for path in evidence.paths if lost(evidence, path)):
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        return f"answered {asked}, expected 101 Switching Protocols; the same without Upgrade answered {plain} too"
    return None


def lost(evidence: Evidence, path: str) -> bool:
    """Tell whether a server that knows a socket at this address saw a plain request there instead of a handshake."""
    if not evidence.taken_for_page(path):
        return False
    asked, notifications = evidence.handshake(path).answer, path.startswith("/dip/websocket")
    match asked.status:
        case 426:
            return True
        case 400:
            return "upgrade" in asked.body.lower() or "websocket" in asked.body.lower()
        case 405:
            return notifications
        case 200:  # a login or a site that shows the same everywhere is no answer of DSS
            return notifications and asked.body not in {evidence.page.body, evidence.ping.body}
    # 404 above all: perhaps there is no socket, because the kernel has ended or the address is wrong.
    return False
