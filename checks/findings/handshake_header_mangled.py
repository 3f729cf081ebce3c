"""A proxy takes a header out of the answer to the handshake, and the browser refuses what is left."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS pass on the whole answer: Upgrade, Connection and every Sec-WebSocket header"


def proof(evidence: Evidence) -> str | None:
    """Look for a 101 that lacks what RFC 6455 (section 4.1) or the WHATWG makes browsers insist on."""
    for path in evidence.paths:
        shake = evidence.handshake(path)
        # A header that is there and wrong has other causes than one that is gone.
        if shake.answer.status == 101 and shake.fault and not shake.fault.startswith("invalid"):
            return f"answered 101 Switching Protocols, and a browser refuses it: {shake.fault}"
    return None
