"""Detect a forward proxy that drops the Upgrade header."""

from __future__ import annotations

from checks.findings.facts import REGARDLESS, Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a handshake that only the proxy turns into a plain GET."""
    # A proxy cannot read what is inside TLS; if it decrypts TLS, the cause is `tls-interception`.
    if not facts.evidence.route.proxy or facts.tls.version:
        return None
    for path in facts.closed_paths:
        response = facts.response(path)
        alike = response.status == facts.plain(path).status not in {0, *REGARDLESS}
        if alike and facts.evidence.handshake(path, "direct").opened:
            return (
                f"expected 101 Switching Protocols, got {response} through {facts.evidence.route.proxy}, with and"
                " without Upgrade; without the proxy, the handshake succeeded"
            )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a failed handshake that may succeed without the proxy."""
    evidence = facts.evidence
    if evidence.route.failed or not evidence.route.proxy:
        return None
    if facts.opens_without_proxy:
        return "temporarily add an exception for the host name of DSS to the proxy, and run diagnose again"
    rejected = not facts.opened_paths and all(facts.response(path).status for path in evidence.paths)
    if evidence.paths and rejected and evidence.direct.failed:
        return "run diagnose once on a computer that reaches DSS without the forward proxy"
    return None


RULE = Rule(
    __name__,
    title="The forward proxy blocks WebSocket",
    hop="forward proxy",
    symptom="Works at home, fails at work, and the URL of DSS begins with http://",
    summary="The forward proxy drops the Upgrade header from the handshake",
    fix=(
        "serve DSS over HTTPS, which the proxy cannot read. Or ask the team that runs the proxy to let it forward"
        " Upgrade: websocket; in Squid, that is http_upgrade_request_protocols websocket allow all"
    ),
    detect=detect,
    suspect=suspect,
)
