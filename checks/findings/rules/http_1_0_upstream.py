"""Detect a proxy that speaks HTTP/1.0 to the server behind it."""

from __future__ import annotations

from checks.findings.arrival import difference, missing_upgrade, over_http_1_0, over_http_2
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a complaint about the HTTP version of a request with HTTP/1.1."""
    page = facts.evidence.page
    for path in facts.evidence.paths:
        response, shake = facts.response(path), facts.evidence.handshake(path)
        if over_http_1_0(shake) and not shake.opened:
            lost = "".join(f"; {difference(shake, name)}" for name in missing_upgrade(shake))
            return f"expected HTTP/1.1 at the server, as it was sent, got HTTP/1.0{lost}"
        if response.status == 505 and page.status not in {0, 505} and not over_http_2(shake):
            return (
                f"expected 101 Switching Protocols, got {response} to a request with HTTP/1.1; the page returned {page}"
            )
    return None


RULE = Rule(
    __name__,
    title="The proxy speaks HTTP/1.0 to DSS",
    hop="reverse proxy",
    summary="A proxy sends HTTP/1.0 to the server behind it, and WebSocket requires HTTP/1.1",
    fix="make the proxy in front of DSS use HTTP/1.1 for its connections to DSS",
    detect=detect,
)
