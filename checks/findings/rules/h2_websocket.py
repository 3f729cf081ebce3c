"""Detect a server that offers WebSocket over HTTP/2, and fails there."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a handshake that succeeds over HTTP/1.1 and fails over HTTP/2."""
    for path in facts.opened_paths:
        shake = facts.evidence.handshake(path, "http2")
        if shake.fault and shake.sent:  # nothing is sent if the server does not offer it
            fault = f" ({shake.fault})" if shake.response.status == 200 else ""
            return f"over HTTP/2, expected 200, got {shake.response}{fault}; over HTTP/1.1, the handshake succeeded"
    return None


RULE = Rule(
    __name__,
    title="WebSocket over HTTP/2 fails",
    hop="reverse proxy",
    symptom="Fails in Chrome and Firefox, and works with curl and other tools",
    summary="The server offers WebSocket over HTTP/2, which browsers then use, and it fails there",
    fix=(
        "turn off extended CONNECT (RFC 8441) in the proxy in front of DSS, so that browsers use HTTP/1.1 for WebSocket"
    ),
    detect=detect,
)
