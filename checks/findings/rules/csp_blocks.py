"""Detect a Content-Security-Policy that blocks the WebSocket of its own page."""

from __future__ import annotations

from checks.findings.csp import UPGRADES, blocking_policy
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a policy that allows no WebSocket to the site of the page."""
    if facts.is_websocket_url or not all(page.status == 200 for page in facts.pages):
        return None  # redirects, errors and APIs forbid everything, and are not the page that opens the WebSocket
    page, url = facts.evidence.page, facts.evidence.url
    for path in facts.evidence.paths:
        found = blocking_policy(page, url, path)
        if found == UPGRADES:
            return f"expected no {UPGRADES} in the policy of a page over HTTP: with it, browsers open wss:// here"
        if found:
            return f"expected 'self' in the connect-src of the page, got {found}"
    return None


RULE = Rule(
    __name__,
    title="A Content-Security-Policy blocks the WebSocket",
    hop="reverse proxy",
    symptom="Fails at once, for everyone, and the console mentions a Content Security Policy",
    summary="The page has a Content-Security-Policy that blocks its own WebSocket",
    fix=(
        "add the origin of the WebSocket to connect-src: 'self', or wss:// and the host name of DSS; on a page over"
        " HTTP, remove upgrade-insecure-requests"
    ),
    detect=detect,
)
