"""Detect a proxy that drops or changes Upgrade or Connection."""

from __future__ import annotations

from checks.evidence import Handshake
from checks.findings.advice import DIRECT, OTHER_PATH
from checks.findings.arrival import difference, missing_upgrade
from checks.findings.facts import Facts, same
from checks.findings.rule import Rule
from checks.findings.strays import stray

AMBIGUOUS = {200, 400, 404, 405, 426}
"""Status codes that a server may send to a plain GET, and for other reasons too."""


def detect(facts: Facts) -> str | None:
    """Look for a handshake that gets the response to a plain GET."""
    if facts.opened_paths or facts.may_be_forward_proxy(lambda shake: _same_symptom(facts, shake)):
        return None
    for path in filter(facts.lost_upgrade, facts.evidence.paths):
        proof = f"expected 101 Switching Protocols, got {facts.response(path)}"
        shake = facts.evidence.handshake(path)
        if shake.arrived:
            return "; ".join([proof, *(difference(shake, name) for name in missing_upgrade(shake))])
        if miss := facts.complaint(path):
            return f'{proof}; {miss.header} was sent, and the response reports "{miss.phrase}"'
        return f"{proof}; the same request without Upgrade also returned {facts.plain(path)}"
    return None


def _same_symptom(facts: Facts, direct: Handshake) -> bool:
    """Tell whether a handshake without the forward proxy fails in the same way."""
    if direct.arrived:
        return missing_upgrade(direct) == missing_upgrade(facts.evidence.handshake(direct.path))
    return same(direct.response, facts.response(direct.path))


def suspect(facts: Facts) -> str | None:
    """Look for the same where the response may have other reasons."""
    if facts.opened_paths:
        return None
    for path in facts.evidence.paths:
        response = facts.response(path)
        if response.status == facts.evidence.page.status == 400 and not facts.is_websocket_url:
            continue  # the page, which requests no upgrade, is rejected as well
        if response.status == 404 and same(response, facts.evidence.page):
            continue  # nothing is at any URL
        if response.status in AMBIGUOUS and same(response, facts.plain(path)):
            return stray(facts, path) or (OTHER_PATH if response.status == 404 else DIRECT)
    return None


RULE = Rule(
    __name__,
    title="The proxy drops Upgrade or Connection",
    hop="reverse proxy",
    symptom="Fails at once, for everyone, on every network, often with 400, 404 or 426",
    summary=(
        "A proxy drops or changes the Upgrade or the Connection header of the handshake, so DSS receives an ordinary"
        " page request"
    ),
    fix=(
        "make the proxy in front of DSS forward Upgrade and Connection, over HTTP/1.1. In nginx, add "
        "proxy_set_header for both; in Apache httpd, add upgrade=websocket to ProxyPass"
    ),
    detect=detect,
    suspect=suspect,
)
