"""Detect a proxy that adds or drops a header of the response."""

from __future__ import annotations

import re

from checks.evidence import Handshake
from checks.findings.facts import Facts, expected_accept
from checks.findings.rule import Rule

REQUIRED = ("Upgrade", "Connection", "Sec-WebSocket-Accept")
"""The headers that every server sends with a 101, and every browser requires (RFC 6455, sections 4.1 and 4.2.2)."""


def detect(facts: Facts) -> str | None:
    """Look for a 101 that lacks a header which every server sends, or has one twice."""
    if facts.evidence.page.status == 101:  # a server that sends it for everything does not know the handshake
        return None
    for path in facts.evidence.paths:
        response = facts.response(path)
        names = {name.lower() for name, _ in response.headers}
        # A missing subprotocol proves nothing: each version of DSS supports its own.
        missing = [name for name in REQUIRED if name.lower() not in names]
        if response.status == 101 and missing and facts.evidence.page.status:
            return f"expected {', '.join(REQUIRED)}, got {response} without {' and '.join(missing)}"
        for name, value in _single_values(facts.evidence.handshake(path)).items():
            values = re.split(", *", response.header(name))
            if response.status == 101 and len(values) > 1 and value.lower() in map(str.lower, values):
                return f"expected {name}: {value} and nothing else, got {response} with {name}: {', '.join(values)}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a 101 without the requested subprotocol."""
    if any("subprotocol" in facts.evidence.handshake(path).fault for path in facts.evidence.paths):
        return (
            "connect to DSS directly, at its own port: if Sec-WebSocket-Protocol comes back there, the proxy drops it"
        )
    return None


def _single_values(shake: Handshake) -> dict[str, str]:
    """Return the value of each header that browsers accept only once (Chromium 156)."""
    sent = dict(shake.sent)
    return {
        "Upgrade": "websocket",
        "Sec-WebSocket-Accept": expected_accept(sent.get("Sec-WebSocket-Key", "")),
        "Sec-WebSocket-Protocol": sent.get("Sec-WebSocket-Protocol", ""),
    }


RULE = Rule(
    __name__,
    title="A proxy changes a handshake header",
    hop="reverse proxy",
    summary="A proxy drops a header from the response to the handshake, or adds one, and browsers reject the result",
    fix=(
        "make the proxy in front of DSS forward the response unchanged, with Upgrade, Connection and "
        "Sec-WebSocket-Accept once each"
    ),
    detect=detect,
    suspect=suspect,
)
