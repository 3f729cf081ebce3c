"""The forward proxy wants a login, and a WebSocket never asks for one."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "forward proxy"
FIX = "let the proxy pass DSS without a login, or exempt DSS from it; if browsers log in there, do so with --proxy"


def proof(evidence: Evidence) -> str | None:
    """Look for a tunnel that is refused for want of a login (RFC 9110, section 15.5.8)."""
    tunnel = evidence.way.tunnel
    if evidence.way.proxy and tunnel.status == 407:
        wants = tunnel.header("Proxy-Authenticate")
        asked = f", which asks for {wants}" if wants else ""
        return f"{evidence.way.proxy} answered {tunnel} to CONNECT{asked}, expected 200"
    if evidence.way.failed == "proxy" and "user name and password" in tunnel.error:
        return f"{evidence.way.proxy}: {tunnel.error}, expected a connection"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a proxy that ends the connection without a word, as some do with whom they do not know."""
    way = evidence.way
    if way.proxy and way.failed == "proxy" and not way.tunnel.status:
        return "give the login that the browser has there, if it has one, with --proxy"
    return None
