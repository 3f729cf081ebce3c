"""Something on the way changes the compression of WebSocket, so that frames cannot be read."""

from __future__ import annotations

from checks.evidence import Evidence, PingResult

TITLE = "A proxy breaks WebSocket compression"
HOP = "any"
FIX = "have the proxy or the security software pass on frames and Sec-WebSocket-Extensions unchanged"

OFFERED = "permessage-deflate"


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that breaks with the extension, and works when none is offered."""
    for path in evidence.paths:
        shake, bare = evidence.handshake(path), evidence.handshake(path, "no-extensions")
        seen, without = evidence.ping_on(path), evidence.ping_on(path, "no-extensions")
        broken = (seen and _unreadable(seen)) or (shake.response.status == 101 and "extension" in shake.fault.lower())
        if broken and bare.opened and without and not without.error:
            went = seen.error if seen and seen.error else shake.fault
            return f"with {OFFERED} offered: {went}; the same without an offer works"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for frames that cannot be read with compression or without."""
    if any(_unreadable(seen) for seen in evidence.pings):
        return "try it from another computer, and from another network: something on the way changes what is sent"
    return None


def _unreadable(seen: PingResult) -> bool:
    """Tell whether a frame could not be read, here or there (1002 protocol error, 1007 invalid data)."""
    return bool(seen.error) and (seen.unreadable or seen.close_code in {1002, 1007})
