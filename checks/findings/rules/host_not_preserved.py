"""Detect a proxy that replaces Host or Origin."""

from __future__ import annotations

import re

from checks.evidence import Handshake
from checks.findings.facts import Facts
from checks.findings.responders import mentions_origin, own_page, quoted_host
from checks.findings.rule import Rule

JUPYTER = re.compile(r"^/jupyter/|/api/kernels/[^/]+/channels|/api/events/subscribe|/terminals/websocket/")
"""The WebSocket URLs of Jupyter, which compares Origin with Host, unless a list is configured."""

POLICY_VIOLATION = 1008
"""The close code of servers that check Origin after the handshake (RFC 6455, section 7.4.1)."""

COMPARE = (
    "compare Host and Origin as they arrive at the server with those that a browser sends, in its log or with the"
    " command echo. The proxy must forward both. If the server has a list of allowed origins, add this one to it"
)

FIND = (
    "find out in the logs, from the proxy to DSS, which program rejects the handshake. If it is the server, compare the"
    " Host and the Origin that arrive there with those that a browser sends"
)


def detect(facts: Facts) -> str | None:
    """Look for a changed Host, or a notebook that connects only without Origin."""
    for path in facts.evidence.paths:
        shake = facts.evidence.handshake(path)
        for name, received in shake.changed_headers.items():
            if (name == "Host" or (name == "Origin" and received)) and not _same_origin(shake):
                return f"expected {name}: {dict(shake.sent)[name]} at the server, got {received or 'no Host header'}"
        sent, quoted = dict(shake.sent).get("Host", ""), "" if shake.opened else quoted_host(shake.response)
        if sent and quoted and quoted != sent.lower():
            return f"expected Host: {sent} at the server, got {shake.response}, which reports Host {quoted}"
    # Other web applications compare Origin with a list of their own, but Jupyter compares it with Host.
    for path in filter(JUPYTER.search, facts.evidence.paths):
        response = facts.response(path)
        if response.status != 403 or not facts.evidence.handshake(path, "no-origin").opened:
            continue
        # A gateway that checks Origin would reject every WebSocket, with other words than Jupyter.
        if "cross origin" in response.body.lower() or facts.opened_paths:
            return (
                f"expected 101 Switching Protocols, got {response} with the Origin of the page;"
                " without Origin, the handshake succeeded"
            )
    return None


def _same_origin(shake: Handshake) -> bool:
    """Tell whether Origin arrived with the Host that arrived: Jupyter accepts it."""
    return shake.arrived_header("Origin").partition("://")[2].lower() == shake.arrived_header("Host").lower() != ""


def suspect(facts: Facts) -> str | None:
    """Look for a rejected Origin: it may be wrong, or the Host beside it."""
    advice = next(filter(None, (_advice(facts, path) for path in facts.closed_paths)), "")
    if advice:
        return advice
    for ping in facts.evidence.pings:
        if ping.close_code == POLICY_VIOLATION and mentions_origin(ping.close_reason):
            return COMPARE
    return None


def _advice(facts: Facts, path: str) -> str:
    """Return what to try if Origin or Host may be why this path rejects."""
    response, bare = facts.response(path), facts.evidence.handshake(path, "no-origin")
    if response.status < 400:
        return ""
    if bare.opened or mentions_origin(f"{response.reason}\n{response.body}"):
        return COMPARE
    # A server that gets no Origin sends the same, whatever was sent.
    alike = response.status == bare.response.status == 403 and not own_page(response)
    return FIND if alike and facts.plain(path).status in {200, 400, 405, 426} else ""


RULE = Rule(
    __name__,
    title="The proxy does not preserve the Host header",
    hop="reverse proxy",
    symptom="Notifications work, but notebooks fail with 403",
    summary=(
        "A proxy replaces the Host header, or Origin, so the server rejects the connection as cross-origin, as Jupyter"
        " does with notebooks"
    ),
    fix=(
        "make the proxy in front of DSS forward Host as the browser sent it, with its port, and Origin unchanged."
        " In nginx, that is proxy_set_header Host $http_host; in Apache httpd, ProxyPreserveHost On; in Traefik, "
        "remove passHostHeader: false"
    ),
    detect=detect,
    suspect=suspect,
)
