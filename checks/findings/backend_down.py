"""A proxy gets no answer from the server behind it: this is no problem of WebSocket."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "start DSS, or correct where the proxy in front of it looks for it: host, port, http or https"


def proof(evidence: Evidence) -> str | None:
    """Look for a gateway's complaint on the page and on the health check alike (RFC 9110, section 15.6)."""
    gateway = {502, 503, 504}
    if evidence.page.status in gateway and evidence.ping.status in gateway:
        return f"the page answered {evidence.page}, and the health check {evidence.ping}, expected 200 OK"
    return None
