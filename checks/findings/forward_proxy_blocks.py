"""The forward proxy takes the request to upgrade out of the handshake."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings.tls_interception import inspected

HOP = "forward proxy"
FIX = "have the proxy pass on Upgrade: websocket, or exempt the name of DSS from inspection and from the proxy"


def proof(evidence: Evidence) -> str | None:
    """Look for a handshake that fails through the proxy as a plain request would, and opens without it."""
    if not evidence.way.proxy or inspected(evidence):
        return None
    for path in evidence.paths:
        asked, plain = evidence.handshake(path), evidence.handshake(path, "no-upgrade").answer
        alike = asked.answer.status == plain.status != 0
        if evidence.handshake(path, "direct").opened and not asked.opened and alike:
            return (
                f"through {evidence.way.proxy} the handshake was answered {asked.answer}, as the same without Upgrade;"
                " without the proxy it was answered 101"
            )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for a handshake that fails through a proxy, where nothing can be said of the way without it."""
    asked = [evidence.handshake(path) for path in evidence.paths]
    failed = bool(asked) and not any(shake.opened or not shake.answer.status for shake in asked)
    if evidence.way.proxy and failed and evidence.direct.failed:
        return "run it once from where DSS can be reached without the forward proxy"
    return None
