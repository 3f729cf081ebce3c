"""A proxy takes a header out of the answer to the handshake, and browsers refuse what is left."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "reverse proxy"
FIX = "make the proxy in front of DSS pass on the whole answer: Upgrade, Connection and Sec-WebSocket-Accept"

NEEDED = ("Upgrade", "Connection", "Sec-WebSocket-Accept")
"""What no server leaves out of a 101, and no browser does without (RFC 6455, sections 4.1 and 4.2.2)."""


def proof(evidence: Evidence) -> str | None:
    """Look for a 101 that lacks a header which every server sends."""
    if evidence.page.status == 101:  # who says so to everything knows no handshake
        return None
    for path in evidence.paths:
        answer = evidence.handshake(path).answer
        names = {name.lower() for name, _ in answer.headers}
        # A subprotocol that is missing proves nothing: which ones a DSS knows is its own affair.
        lacking = [name for name in NEEDED if name.lower() not in names]
        if answer.status == 101 and lacking and evidence.page.status:
            return f"answered {answer} without {' and '.join(lacking)}, expected all of {', '.join(NEEDED)}"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a 101 without the subprotocol that was asked for."""
    if any("subprotocol" in evidence.handshake(path).fault for path in evidence.paths):
        return "ask DSS itself, at its own port: if Sec-WebSocket-Protocol comes back there, the proxy loses it"
    return None
