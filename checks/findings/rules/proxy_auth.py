"""Detect a forward proxy that requires authentication."""

from __future__ import annotations

from checks.evidence import CREDENTIALS
from checks.findings.facts import Facts
from checks.findings.rule import Rule
from checks.findings.tunnel import quoted, wants_credentials


def detect(facts: Facts) -> str | None:
    """Look for a tunnel that requires authentication (RFC 9110, section 15.5.8)."""
    route, tunnel = facts.evidence.route, facts.evidence.route.tunnel
    if route.proxy and tunnel.status == 407:
        scheme = tunnel.header("Proxy-Authenticate")
        asks = f" with Proxy-Authenticate: {scheme}" if scheme else ""
        return f"expected 200 for CONNECT from {route.proxy}, got {tunnel}{asks}{quoted(tunnel)}"
    if route.proxy and route.failed == "proxy" and CREDENTIALS in tunnel.error:
        return f"expected a connection through {route.proxy}, got: {tunnel.error}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a closed connection or for words, as from some such proxies."""
    route = facts.evidence.route
    if not route.proxy or route.failed != "proxy" or not (wants_credentials(route.tunnel) or not route.tunnel.status):
        return None
    sent = f": it responded {route.tunnel}{quoted(route.tunnel)}" if route.tunnel.status else ""
    return f"pass the credentials that the browser has for the proxy, if any, with --proxy{sent}"


RULE = Rule(
    __name__,
    title="The forward proxy requires authentication",
    hop="forward proxy",
    symptom="Pages load, perhaps after a password, and the console shows “Proxy authentication failed”",
    summary="The forward proxy requires authentication, and a WebSocket never asks the user for it",
    fix=(
        "allow connections to DSS through the proxy without authentication, or let browsers bypass the proxy for "
        "DSS; to test with the credentials that browsers have, pass them with --proxy"
    ),
    detect=detect,
    suspect=suspect,
)
