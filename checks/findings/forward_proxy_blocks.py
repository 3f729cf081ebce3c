"""The forward proxy takes the request to upgrade out of the handshake."""

from __future__ import annotations

from checks.evidence import ALIKE_FOR_ALL, Evidence

TITLE = "The forward proxy blocks WebSocket"
HOP = "forward proxy"
FIX = "have the proxy pass on Upgrade: websocket, or exempt the name of DSS from inspection and from the proxy"


def proof(evidence: Evidence) -> str | None:
    """Look for a handshake that fails through the proxy as a plain request would, and opens without it."""
    # Inside TLS it cannot read what it passes on; where it opens TLS, that is tls-interception.
    if not evidence.route.proxy or evidence.route.tls.version:
        return None
    for path in evidence.paths:
        asked, plain = evidence.handshake(path), evidence.handshake(path, "no-upgrade").response
        alike = asked.response.status == plain.status not in {0, *ALIKE_FOR_ALL}
        if evidence.handshake(path, "direct").opened and not asked.opened and alike:
            return (
                f"through {evidence.route.proxy} the handshake was answered {asked.response},"
                " as the same without Upgrade; without the proxy it was answered 101"
            )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a handshake that fails through a proxy, and opens without it, or nothing can be said of that way."""
    asked = [evidence.handshake(path) for path in evidence.paths]
    failed = bool(asked) and not any(shake.opened or not shake.response.status for shake in asked)
    direct = [shake for shake in evidence.handshakes if shake.variant == "direct" and shake.opened]
    if evidence.route.failed or not evidence.route.proxy:
        return None
    if any(not evidence.handshake(shake.path).opened for shake in direct):
        return "have the name of DSS exempt from the proxy for a moment, and look again"
    if failed and evidence.direct.failed:
        return "run it once from where DSS can be reached without the forward proxy"
    return None
