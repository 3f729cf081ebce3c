"""Detect a proxy that speaks HTTP/1.0 to the server behind it."""

from __future__ import annotations

from checks.evidence import CLOSED, Response
from checks.findings.arrival import difference, missing_upgrade, over_http_1_0, over_http_2
from checks.findings.complaints import HTTP_1_0
from checks.findings.facts import Facts
from checks.findings.responders import bare_426, from_envoy
from checks.findings.rule import Rule

FORCE_HTTP_1_1 = (
    "make the proxy in front of DSS use HTTP/1.1 (in nginx before 1.29.7: proxy_http_version 1.1), then run diagnose"
    " again"
)


def detect(facts: Facts) -> str | None:
    """Look for a complaint about the HTTP version of a request with HTTP/1.1."""
    page = facts.evidence.page
    for path in facts.closed_paths:
        response, shake, miss = facts.response(path), facts.evidence.handshake(path), facts.complaint(path)
        if over_http_1_0(shake):
            lost = "".join(f"; {difference(shake, name)}" for name in missing_upgrade(shake))
            return f"expected HTTP/1.1 at the server, as it was sent, got HTTP/1.0{lost}"
        proof = f"expected 101 Switching Protocols, got {response} to a request with HTTP/1.1"
        if miss and miss.header == HTTP_1_0:
            return f'{proof}; the response reports "{miss.phrase}"'
        if response.status == 505 and page.status not in {0, 505} and not over_http_2(shake):
            return f"{proof}; the page returned {page}"
        if _refused_by_envoy(response) and _refused_by_envoy(page):
            return f"{proof}, from Envoy itself, which sends it for HTTP/1.0; the page returned {page}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a 101 with no byte after it, or a bare 426 or 505 for every page.

    Tornado sends 101 to HTTP/1.0 too, and then closes.
    """
    for path in facts.opened_paths:
        pings = [ping for ping in facts.evidence.pings if ping.path == path]
        silent = all(CLOSED in ping.error and not ping.messages and not ping.close_code for ping in pings)
        if pings and silent and {"", "no-extensions"} <= {ping.variant for ping in pings}:
            return FORCE_HTTP_1_1
    page = facts.evidence.page
    for path in facts.closed_paths:
        response = facts.response(path)
        if response.status == page.status == 505 or (bare_426(response) and bare_426(page)):
            return FORCE_HTTP_1_1
    return None


def _refused_by_envoy(response: Response) -> bool:
    """Tell whether Envoy itself refused HTTP/1.0, which it does with a bare 426."""
    return response.status == 426 and from_envoy(response) and bare_426(response)


RULE = Rule(
    __name__,
    title="The proxy speaks HTTP/1.0 to DSS",
    hop="reverse proxy",
    symptom="Fails with 505, or opens and closes at once, and downloads end too early",
    summary="A proxy sends HTTP/1.0 to the server behind it, and WebSocket requires HTTP/1.1",
    fix=(
        "make the proxy in front of DSS use HTTP/1.1 for its connections to DSS. In nginx, add proxy_http_version"
        " 1.1; in Apache httpd, remove force-proxy-request-1.0"
    ),
    detect=detect,
    suspect=suspect,
)
