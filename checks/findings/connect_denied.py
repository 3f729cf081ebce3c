"""The forward proxy opens no tunnel to this host and port, and a WebSocket needs one."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "forward proxy"
FIX = "serve DSS over HTTPS on port 443, or have this port added to those that the proxy opens tunnels to"

REFUSALS = {403, 405, 501}
"""With these a proxy decides; with 502, 503 and 504 it tried and did not get there."""


def proof(evidence: Evidence) -> str | None:
    """Look for a tunnel that the proxy refuses by a rule of its own."""
    tunnel = evidence.way.tunnel
    if not evidence.way.proxy or tunnel.status not in REFUSALS:
        return None
    said = f"{evidence.way.proxy} answered {tunnel} to CONNECT, expected 200"
    for there, status in evidence.tunnels:
        if status and status not in REFUSALS and status != 407:
            said += f"; a tunnel to {there} it does not refuse ({status}), so it is the port"
    if evidence.page.status and evidence.page.status not in REFUSALS:
        said += f"; the page, which needs no tunnel, answered {evidence.page}"
    return said
