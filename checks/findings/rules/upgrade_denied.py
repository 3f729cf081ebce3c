"""Detect an Envoy that does not allow the upgrade."""

from __future__ import annotations

from checks.evidence import Response
from checks.findings.facts import GATEWAY_ERRORS, Facts
from checks.findings.responders import from_envoy
from checks.findings.rule import Rule

OWN_HEADERS = ["date", "server", "connection", "content-length"]
"""The headers of Envoy's own 403, in its order; a 403 that it forwards ends with Connection (observed on 1.40)."""


NO_SERVER = (
    "find out why the same request without Upgrade gets a gateway error: Envoy may have no server for this URL, and"
    " then it rejects the handshake without asking one. If pages load and the handshake still gets 403, check"
    " upgrade_configs"
)
"""The advice if the error of a plain GET may explain that of the handshake."""


def detect(facts: Facts) -> str | None:
    """Look for a 403 from Envoy itself on every WebSocket, but not on a plain GET."""
    paths = facts.evidence.paths
    if not all(_denied(facts, path) for path in paths):
        return None
    for path in paths:
        if facts.plain(path).status not in {0, 403, *GATEWAY_ERRORS}:
            return (
                f"expected 101 Switching Protocols, got {facts.response(path)} with an empty body, from Envoy itself;"
                f" the same request without Upgrade returned {facts.plain(path)}"
            )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for the same on some WebSockets, as authorization in Envoy may send it."""
    denied = [path for path in facts.closed_paths if _denied(facts, path) or _may_be_denied(facts, path)]
    if any(facts.plain(path).status in GATEWAY_ERRORS for path in denied):
        return NO_SERVER
    if any(facts.plain(path).status != 403 for path in denied):
        return (
            "check whether upgrade_configs in Envoy applies to this URL too, and whether a filter of Envoy refuses it"
        )
    return None


def _may_be_denied(facts: Facts, path: str) -> bool:
    """Tell whether the same arrived with the headers that a config adds."""
    response, plain = facts.response(path), facts.plain(path)
    return response.status == 403 and not response.body and from_envoy(response) and plain.status not in {0, 403}


def _denied(facts: Facts, path: str) -> bool:
    """Tell whether Envoy itself rejected the handshake, with and without Origin."""
    return all(map(_from_envoy, [facts.response(path), facts.evidence.handshake(path, "no-origin").response]))


def _from_envoy(response: Response) -> bool:
    headers = {name.lower(): value.lower() for name, value in response.headers}
    own = list(headers) == OWN_HEADERS and "envoy" in headers["server"]
    return response.status == 403 and not response.body and own


RULE = Rule(
    __name__,
    title="Envoy does not allow the WebSocket upgrade",
    hop="reverse proxy",
    symptom="Fails at once, for everyone, with 403, and DSS logs nothing",
    summary="An Envoy is not configured to allow WebSocket, and rejects the handshake itself",
    fix="allow the WebSocket upgrade in Envoy (upgrade_configs), or in the product that configures it",
    detect=detect,
    suspect=suspect,
)
