"""Detect a web application firewall that blocks the handshake."""

from __future__ import annotations

from checks.findings.facts import Facts, firewall_phrase
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a firewall's phrase in the response to the handshake only."""
    for path in facts.closed_paths:
        response, plain = facts.response(path), facts.plain(path)
        phrase = firewall_phrase(response)
        if phrase and plain.status and not firewall_phrase(plain) and not firewall_phrase(facts.evidence.page):
            return (
                f"expected 101 Switching Protocols, got {response} with a firewall's phrase ({phrase!r});"
                f" the same request without Upgrade returned {plain}"
            )
    return None


RULE = Rule(
    __name__,
    title="A web application firewall blocks the WebSocket",
    hop="gateway",
    symptom="Fails with 403 or 406 for everyone outside your network",
    summary="A web application firewall rejects the handshake",
    fix="allow the WebSocket URLs of DSS in the firewall; its log has the number of the rule",
    detect=detect,
)
