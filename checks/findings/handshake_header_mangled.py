"""A proxy takes a header out of the answer to the handshake, or puts one in, and browsers refuse what that makes."""

from __future__ import annotations

import re

from checks.evidence import Evidence, Handshake
from checks.findings.accept_mismatch import expected

TITLE = "A proxy changes a handshake header"
HOP = "reverse proxy"
FIX = (
    "make the proxy in front of DSS pass on the answer as it is, Upgrade, Connection and Sec-WebSocket-Accept each once"
)

NEEDED = ("Upgrade", "Connection", "Sec-WebSocket-Accept")
"""What no server leaves out of a 101, and no browser does without (RFC 6455, sections 4.1 and 4.2.2)."""


def proof(evidence: Evidence) -> str | None:
    """Look for a 101 that lacks a header which every server sends, or has one twice."""
    if evidence.page.status == 101:  # who says so to everything knows no handshake
        return None
    for path in evidence.paths:
        answer = evidence.handshake(path).response
        names = {name.lower() for name, _ in answer.headers}
        # A subprotocol that is missing proves nothing: which ones a DSS knows is its own affair.
        lacking = [name for name in NEEDED if name.lower() not in names]
        if answer.status == 101 and lacking and evidence.page.status:
            return f"answered {answer} without {' and '.join(lacking)}, expected all of {', '.join(NEEDED)}"
        for name, right in _once(evidence.handshake(path)).items():
            values = re.split(", *", answer.header(name))
            if answer.status == 101 and len(values) > 1 and right.lower() in map(str.lower, values):
                return f"answered {answer} with {name}: {', '.join(values)}, expected {right} and nothing else"
    return None


def _once(shake: Handshake) -> dict[str, str]:
    """Return the one value of each header that browsers take once only (Chromium 156)."""
    sent = dict(shake.sent)
    return {
        "Upgrade": "websocket",
        "Sec-WebSocket-Accept": expected(sent.get("Sec-WebSocket-Key", "")),
        "Sec-WebSocket-Protocol": sent.get("Sec-WebSocket-Protocol", ""),
    }


def maybe(evidence: Evidence) -> str | None:
    """Look for a 101 without the subprotocol that was asked for."""
    if any("subprotocol" in evidence.handshake(path).fault for path in evidence.paths):
        return "ask DSS itself, at its own port: if Sec-WebSocket-Protocol comes back there, the proxy loses it"
    return None
