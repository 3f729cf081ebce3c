"""The forward proxy opens no tunnel to this host and port, and a WebSocket needs one."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "The forward proxy refuses the tunnel"
HOP = "forward proxy"
FIX = "have the proxy open tunnels to this host and port; where it minds the port only, HTTPS on port 443 will do"

REFUSALS = {403, 405, 501}
"""With 403 a proxy decides, with the others it may be none; with 502, 503 and 504 it tried and did not get there."""


def proof(evidence: Evidence) -> str | None:
    """Look for a tunnel that the proxy refuses by a rule of its own."""
    tunnel = evidence.route.tunnel
    is_proxy = evidence.page.status == 200  # it brought the page, which takes no tunnel
    if not evidence.route.proxy or tunnel.status not in (REFUSALS if is_proxy else {403}):
        return None
    said = f"{evidence.route.proxy} answered {tunnel} to CONNECT, expected 200"
    for there, status in evidence.tunnels:
        if status and status not in REFUSALS and status != 407:
            said += f"; a tunnel to {there} it does not refuse ({status}), so it is the port"
    if evidence.page.status == tunnel.status:
        said += "; it refuses the page too, so this is no matter of WebSocket alone"
    elif evidence.page.status and evidence.page.status not in REFUSALS:
        said += f"; the page, which needs no tunnel, answered {evidence.page}"
    return said


def maybe(evidence: Evidence) -> str | None:
    """Look for a refusal, or a closed connection, that may also come from something that is no proxy."""
    route, tunnel = evidence.route, evidence.route.tunnel
    wordless = route.failed == "proxy" and not tunnel.status
    if route.proxy and (wordless or (400 <= tunnel.status < 500 and tunnel.status != 407)):
        return "compare the proxy with the one in the settings of a browser in which the page loads"
    return None
