"""Detect a gateway that asks for authentication on the WebSocket only."""

from __future__ import annotations

from checks.findings.advice import COOKIES, QUERY
from checks.findings.facts import AUTHENTICATION, REDIRECTS, Facts
from checks.findings.responders import access_rule, location, mentions_origin
from checks.findings.rule import Rule

SCHEMES = ("basic", "negotiate", "ntlm", "digest", "kerberos")
"""The schemes of a proxy or a gateway; Jupyter and DSS have sign-in pages of their own."""


def detect(facts: Facts) -> str | None:
    """Look for a WebSocket URL that requires HTTP authentication, unlike the page."""
    # The server of any WebSocket URL, or everything except the page, may have authentication of its own.
    if facts.is_websocket_url or not all(page.status == 200 for page in facts.pages):
        return None
    for path in facts.evidence.paths:
        response, plain = facts.response(path), facts.plain(path)
        scheme = response.header("WWW-Authenticate")
        # DSS itself may ask for Basic, but not if the user has signed in.
        signed_in = any(name.lower() == "cookie" for name, _ in facts.evidence.handshake(path).sent)
        asks = scheme.lower().startswith(SCHEMES) and (signed_in or not scheme.lower().startswith("basic"))
        if response.status == plain.status == 401 and asks:
            return (
                f"expected 101 Switching Protocols, got {response} with WWW-Authenticate: {scheme};"
                f" the page returned {facts.evidence.page}"
            )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for rejected handshakes that credentials may change."""
    if not any(_may_need_sign_in(facts, path) for path in facts.closed_paths):
        return None
    no_cookies = not facts.evidence.handshake(facts.evidence.paths[0], "no-cookies").response.status
    if not no_cookies:
        return None
    return QUERY if facts.is_websocket_url and any("?" in path for path in facts.closed_paths) else COOKIES


def _may_need_sign_in(facts: Facts, path: str) -> bool:
    """Tell whether a rejected handshake may succeed after a sign-in.

    It may if a plain GET is rejected as well, or is not comparable: Starlette has no page there, and sends 404.
    """
    response, plain = facts.response(path), facts.plain(path)
    if response.status in REDIRECTS:
        to_websocket = location(response).lower().startswith(("ws:", "wss:"))
        return not to_websocket and not facts.redirected_to_itself(path)
    rejected = response.status in AUTHENTICATION and plain.status in {0, 404, *AUTHENTICATION, *REDIRECTS}
    blamed = (
        access_rule(response, plain)
        or mentions_origin(response.body)
        or facts.evidence.handshake(path, "no-origin").opened
    )
    return rejected and not blamed and not facts.refused_everywhere


RULE = Rule(
    __name__,
    title="A gateway asks for authentication on the WebSocket only",
    hop="gateway",
    symptom="The page opens, but the WebSocket gets 401; Safari fails where other browsers work",
    summary="A gateway in front of DSS requires authentication for the handshake, but not for the page",
    fix="turn off the gateway's authentication for WebSocket URLs, or make it accept the cookie of the page",
    detect=detect,
    suspect=suspect,
)
