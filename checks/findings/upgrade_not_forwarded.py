"""A proxy takes the request to upgrade out of the handshake, so that DSS sees an ordinary page request."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings import waf_blocks

TITLE = "The proxy drops the Upgrade header"
HOP = "reverse proxy"
FIX = "make the proxy in front of DSS pass on Upgrade and Connection"


def proof(evidence: Evidence) -> str | None:
    """Compare the handshake's answer with the answer to a plain GET of the same address, where no socket opens."""
    if any(evidence.handshake(path).opened for path in evidence.paths) or _may_be_forward(evidence):
        return None
    for path in (path for path in evidence.paths if lost(evidence, path)):
        shake, plain = evidence.handshake(path), evidence.handshake(path, "no-upgrade").response
        both = f"answered {shake.response}, expected 101 Switching Protocols"
        if shake.arrived:
            return f"{both}; Upgrade was sent and did not arrive"
        return f"{both}; the same without Upgrade answered {plain} too"
    return None


def lost(evidence: Evidence, path: str) -> bool:
    """Tell whether a server that knows a socket at this address saw a plain request there instead of a handshake."""
    shake = evidence.handshake(path)
    if shake.arrived:
        return shake.changed_headers.get("Upgrade") == ""
    if not evidence.answered_like_plain_get(path):
        return False
    asked, notifications = evidence.handshake(path).response, path.startswith("/dip/websocket")
    said = asked.body.lower()
    if asked.status == 400:
        return "upgrade" in said or "websocket" in said
    if asked.status == 405:  # of a server that does take GET, somebody has made another method of it
        return notifications and "get" not in asked.header("Allow").lower()
    if asked.status == 200:  # a login, or a site that shows the same everywhere, or a firewall is no answer of DSS
        login = "<" in evidence.health_check.body or asked.body in {evidence.page.body, evidence.health_check.body}
        return notifications and not login and not waf_blocks.says(asked)
    # 404 above all: perhaps there is no socket, because the kernel has ended or the address is wrong.
    return asked.status == 426


def _may_be_forward(evidence: Evidence) -> bool:
    """Tell whether a forward proxy may be the one: there is one, and without it the same was not seen."""
    direct = [shake.response for shake in evidence.handshakes if shake.variant == "direct"]
    asked = [evidence.handshake(shake.path).response for shake in evidence.handshakes if shake.variant == "direct"]
    alike = [(each.status, each.body) for each in direct] == [(each.status, each.body) for each in asked]
    return bool(evidence.route.proxy) and not (direct and alike)


def maybe(evidence: Evidence) -> str | None:
    """Look for a handshake that was answered as the plain request, in a way that has other reasons too."""
    if any(evidence.handshake(path).opened for path in evidence.paths):
        return None
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).response, evidence.handshake(path, "no-upgrade").response
        if asked.status == evidence.page.status == 400 and not evidence.named_a_socket:
            continue  # the page, which asks for no upgrade, is refused as well
        if asked.status in {200, 400, 404, 405, 426} and (asked.status, asked.body) == (plain.status, plain.body):
            return "ask DSS itself, at its own port and without the proxy; if the socket opens there, the proxy is it"
    return None
