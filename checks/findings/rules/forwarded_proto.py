"""Detect a server that believes that it was asked over HTTP."""

from __future__ import annotations

from checks.findings.facts import GATEWAY_ERRORS, REDIRECTS, TOO_MANY, Facts
from checks.findings.responders import location, may_be_from_proxy
from checks.findings.rule import Rule

UNDECIDED = REDIRECTS | GATEWAY_ERRORS | TOO_MANY | {0, 500}
"""The status codes that do not tell whether the server knows that HTTPS was used."""


def detect(facts: Facts) -> str | None:
    """Look for a redirect to the requested URL, which X-Forwarded-Proto prevents.

    If a proxy overwrites that header, only the handshake may be redirected. Such a redirect comes from the server,
    because a rule of a proxy may redirect for the sake of Upgrade alone.
    """
    for path in facts.closed_paths:
        if not _redirected(facts, path):
            continue
        proof = (
            f"expected 101 Switching Protocols, got {facts.response(path)} to {location(facts.response(path))},"
            " the URL that was requested"
        )
        told, plain = facts.evidence.handshake(path, "forwarded-https").response, facts.plain(path)
        if told.status not in UNDECIDED:
            return f"{proof}; with X-Forwarded-Proto: https, the same handshake returned {told}"
        # The server gets the same Host and cookies for both: only the scheme that the proxy reports may differ.
        if plain.status not in UNDECIDED and not may_be_from_proxy(facts.response(path)):
            return f"{proof}; the same request without Upgrade returned {plain}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for an https URL where everything is redirected to itself."""
    if any(_redirected(facts, path) for path in facts.closed_paths):
        return (
            "make the proxy that decrypts HTTPS send X-Forwarded-Proto: https to the server, and every proxy behind it"
            " forward that header unchanged. If they do, look in the proxy config for a redirect of the handshake"
        )
    return None


def _redirected(facts: Facts, path: str) -> bool:
    """Tell whether an https URL is redirected to itself, and sets no cookie."""
    response, secure = facts.response(path), facts.evidence.url.startswith(("https:", "wss:"))
    to_socket = location(response).lower().startswith("ws")
    return secure and not to_socket and facts.redirected_to_itself(path) and not response.header("Set-Cookie")


RULE = Rule(
    __name__,
    title="The server believes that it was asked over HTTP",
    hop="reverse proxy",
    symptom="Fails at once with 301, or pages redirect too many times",
    summary="The server redirects the handshake to the https URL that was requested, because no proxy reports HTTPS",
    fix=(
        "make the proxy that decrypts HTTPS send X-Forwarded-Proto: https with every request. In nginx, that is "
        "proxy_set_header X-Forwarded-Proto https; in HAProxy, http-request set-header X-Forwarded-Proto https. "
        "If it sends wss with handshakes, as Traefik does, replace that value with https"
    ),
    detect=detect,
    suspect=suspect,
)
