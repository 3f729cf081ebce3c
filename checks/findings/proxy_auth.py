"""The forward proxy wants a login, and a WebSocket never asks for one."""

from __future__ import annotations

from checks.evidence import CREDENTIALS, Evidence

TITLE = "The forward proxy requires authentication"
HOP = "forward proxy"
FIX = "let the proxy pass DSS without a login, or exempt DSS from it; if browsers log in there, do so with --proxy"


def proof(evidence: Evidence) -> str | None:
    """Look for a tunnel that is refused for want of a login (RFC 9110, section 15.5.8)."""
    tunnel = evidence.route.tunnel
    if evidence.route.proxy and tunnel.status == 407:
        wants = tunnel.header("Proxy-Authenticate")
        asked = f", which asks for {wants}" if wants else ""
        return f"{evidence.route.proxy} answered {tunnel} to CONNECT{asked}, expected 200"
    if evidence.route.failed == "proxy" and CREDENTIALS in tunnel.error:
        return f"{evidence.route.proxy}: {tunnel.error}, expected a connection"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a proxy that ends the connection without a word, as some do with whom they do not know."""
    route = evidence.route
    if route.proxy and route.failed == "proxy" and not route.tunnel.status:
        return "give the login that the browser has there, if it has one, with --proxy"
    return None
