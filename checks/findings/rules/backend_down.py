"""Detect a proxy that cannot reach the server behind it."""

from __future__ import annotations

from checks.evidence import CLOSED, Response
from checks.findings.advice import MOMENT
from checks.findings.facts import GATEWAY_ERRORS, Facts, gateway_error
from checks.findings.limits import may_be_queue, may_know_no_server
from checks.findings.phrases import TLS_TO_PLAIN
from checks.findings.responders import from_envoy
from checks.findings.rule import Rule

HOST_NAME = (
    "use the URL that the browser shows, because the proxy may know DSS by that host name only; if you did, check"
    " whether DSS runs"
)

RUNS = (
    "check whether the server runs, and whether the proxy has its host, port and scheme. Look in the error log of the"
    " proxy for the server that it could not reach"
)


def detect(facts: Facts) -> str | None:
    """Look for a gateway error on the health check, and on the page or a WebSocket.

    Each must get one side by side with others, and alone.
    """
    evidence, look = facts.evidence, facts.second_look
    if facts.opened_paths or look.recovered or not _side_by_side(facts):
        return None
    alone = look.health_check
    others = [*look.page, *look.plain, *([look.handshake.response] if look.handshake else [])]
    loads = gateway_error(evidence.page) and not all(map(gateway_error, look.page))
    if loads or not alone or not all(map(gateway_error, alone)) or not any(map(gateway_error, others)):
        return None
    if _unclear(facts, [evidence.page, evidence.health_check, *look.page, *alone]):
        return None
    page = f"; the page returned {evidence.page}" if evidence.page.status else ""
    return (
        f"expected 200 OK from the health check of DSS, got {evidence.health_check}, also when no other connection was"
        f" open{page}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for gateway errors that something else may explain.

    That is an unknown host name, a full queue, or a moment that is over.
    """
    if _no_route(facts):
        return "check whether the server runs, because Envoy sends a gateway error to plain requests too"
    if facts.is_websocket_url:
        return _of_websocket_url(facts)
    if facts.opened_paths or not _side_by_side(facts):
        return None
    look = facts.second_look
    if look.recovered:
        return MOMENT
    if not look.health_check:
        return "run diagnose again, without --gentle: it repeats each request alone, and proves whether DSS is down"
    return HOST_NAME if all(map(gateway_error, look.health_check)) else None


def _of_websocket_url(facts: Facts) -> str | None:
    """Return the advice if everything gets a gateway error, also alone.

    Without a health check, nothing proves whose server that is.
    """
    look, first = facts.second_look, [facts.evidence.page, *map(facts.response, facts.evidence.paths)]
    if facts.may_be_forward_proxy(lambda shake: gateway_error(shake.response)) or not look.handshake:
        return None
    responses = [*first, *look.page, *look.plain, look.handshake.response]
    if not all(map(gateway_error, responses)):
        return None
    return HOST_NAME if any(map(may_know_no_server, responses)) else RUNS


def _no_route(facts: Facts) -> bool:
    """Tell whether Envoy itself sends gateway errors, and 403 to a handshake."""
    plain = [*facts.pages, *map(facts.plain, facts.closed_paths)]
    alike = all(each.status in GATEWAY_ERRORS and from_envoy(each) for each in plain)
    return alike and not facts.opened_paths and any(facts.response(path).status == 403 for path in facts.closed_paths)


def _side_by_side(facts: Facts) -> bool:
    """Tell whether the first look got gateway errors from behind a forward proxy."""
    evidence = facts.evidence
    if facts.may_be_forward_proxy(lambda shake: gateway_error(shake.response)):
        return False
    others = [evidence.page, *map(facts.response, evidence.paths)]
    return gateway_error(evidence.health_check) and any(map(gateway_error, others))


def _unclear(facts: Facts, responses: list[Response]) -> bool:
    """Tell whether the proxy may not have tried to connect to DSS, or was connected."""
    closed = any(CLOSED in facts.response(path).error for path in facts.evidence.paths)
    at_once = any(map(may_know_no_server, responses)) and not closed
    answers = any(phrase in response.body.lower() for phrase in TLS_TO_PLAIN for response in responses)
    return at_once or answers or any(map(may_be_queue, responses))


RULE = Rule(
    __name__,
    title="The reverse proxy cannot reach DSS",
    hop="server",
    symptom="Pages fail too, with 502, 503 or 504",
    summary="A proxy reports that it cannot reach the server behind it, so pages fail like WebSockets",
    fix=(
        "start DSS, or end its maintenance, or correct the host, port and scheme of DSS in the proxy in front of it."
        " If the proxy log reports Permission denied, SELinux must allow the connection (httpd_can_network_connect)."
        " If DSS runs, look for a limit on connections to it in the proxy (nginx: max_conns, HAProxy: maxconn,"
        " Varnish: max_connections)"
    ),
    detect=detect,
    suspect=suspect,
)
