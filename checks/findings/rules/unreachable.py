"""Detect a server that cannot be reached."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule
from checks.findings.tunnel import advice, tried

STAGES = {"name": "no IP address for", "tcp": "no connection to"}
"""The missing part, by the stage that failed."""


def detect(facts: Facts) -> str | None:
    """Look for a connection that failed before anything could be requested."""
    route = facts.evidence.route
    if route.failed not in STAGES or facts.responded:
        return None
    host = f"the forward proxy {route.host}" if route.proxy else route.host
    tried = ", ".join(attempt.address for attempt in route.attempts)
    addresses = f" ({tried})" if tried else ""
    others = "".join(f"; {proxy}, which the PAC file returned before: {error}" for proxy, error in route.passed_over)
    return f"{STAGES[route.failed]} {host}{addresses}: {route.error}{others}"


def suspect(facts: Facts) -> str | None:
    """Look for a forward proxy that cannot reach the server, or fails itself."""
    route = facts.evidence.route
    if facts.opened_paths or facts.opens_without_proxy:
        return None
    if route.proxy and route.failed == "proxy" and tried(route.tunnel):
        return advice(facts)
    return None


RULE = Rule(
    __name__,
    title="The server cannot be reached",
    hop="network",
    symptom="Not even the page loads",
    summary="Nothing responds at this host and port, so the cause is not related to WebSocket",
    fix=(
        "compare the URL with the one in your browser, and ask the network team whether this computer may connect to it"
    ),
    detect=detect,
    suspect=suspect,
)
