"""Detect a proxy that cannot reach the server behind it."""

from __future__ import annotations

from checks.evidence import CLOSED
from checks.findings.facts import TRIED_S, Facts, gateway_error
from checks.findings.phrases import UNKNOWN_SERVER
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a gateway error on the health check, and on the page or a WebSocket."""
    evidence = facts.evidence
    if facts.opened_paths or facts.may_be_forward_proxy(lambda shake: gateway_error(shake.response)):
        return None
    others = [evidence.page, *map(facts.response, evidence.paths)]
    if not (gateway_error(evidence.health_check) and any(map(gateway_error, others))) or _may_know_no_server(facts):
        return None
    return (
        f"expected 200 OK from the health check of DSS, got {evidence.health_check}; the page returned {evidence.page}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for a response that a proxy also sends for a host name it does not know."""
    if not (gateway_error(facts.evidence.health_check) and _may_know_no_server(facts)):
        return None
    return (
        "use the URL that the browser shows, because the proxy may know DSS by that host name only; if you did, check"
        " whether DSS runs"
    )


def _may_know_no_server(facts: Facts) -> bool:
    """Tell whether the proxy responded at once, so it may have tried no server."""
    health = facts.evidence.health_check
    text = f"{health.reason} {health.body}".lower()
    closed = any(CLOSED in facts.response(path).error for path in facts.evidence.paths)
    tried = closed or min(facts.evidence.page.seconds, health.seconds) >= TRIED_S
    return any(phrase in text for phrase in UNKNOWN_SERVER) and not tried


RULE = Rule(
    __name__,
    title="The reverse proxy cannot reach DSS",
    hop="server",
    summary="A proxy reports that the server behind it does not respond, so the cause is not related to WebSocket",
    fix="start DSS, or end its maintenance, or correct the host, port and scheme of DSS in the proxy in front of it",
    detect=detect,
    suspect=suspect,
)
