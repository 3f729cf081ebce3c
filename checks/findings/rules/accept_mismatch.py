"""Detect a Sec-WebSocket-Accept value that belongs to another handshake."""

from __future__ import annotations

import re

from checks.findings.facts import Facts, expected_accept
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Compare the response with the key (RFC 6455, section 4.2.2)."""
    for path in facts.evidence.paths:
        shake = facts.evidence.handshake(path)
        got, key = shake.response.header("Sec-WebSocket-Accept"), dict(shake.sent).get("Sec-WebSocket-Key", "")
        if shake.response.status != 101 or not got or not key or expected_accept(key) in re.split(", *", got):
            continue
        return f"expected Sec-WebSocket-Accept: {expected_accept(key)} for the key {key}, got {got}"
    return None


RULE = Rule(
    __name__,
    title="The response does not match the handshake key",
    hop="reverse proxy",
    symptom="Fails at once, for everyone, and the console mentions Sec-WebSocket-Accept",
    summary="The response has a Sec-WebSocket-Accept value that does not match the key of the handshake",
    fix="make the proxy forward Sec-WebSocket-Key unchanged, and never cache the response to a handshake",
    detect=detect,
)
