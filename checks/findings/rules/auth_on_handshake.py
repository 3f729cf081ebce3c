"""Detect a gateway that asks for authentication on the WebSocket only."""

from __future__ import annotations

from checks.findings.facts import AUTHENTICATION, REDIRECTS, Facts
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
    closed = [path for path in facts.evidence.paths if not facts.evidence.handshake(path, "no-origin").opened]
    statuses = {facts.response(path).status for path in closed}
    page = facts.evidence.page
    if page.status == 401 and 401 in statuses and page.header("WWW-Authenticate"):
        return "pass the credentials that the browser asks for with --header 'Authorization: ...'"
    rejected = statuses & (AUTHENTICATION | REDIRECTS)
    if rejected and not facts.evidence.handshake(facts.evidence.paths[0], "no-cookies").response.status:
        return "sign in with a browser and pass its cookies with --cookies FILE"
    return None


RULE = Rule(
    __name__,
    title="A gateway asks for authentication on the WebSocket only",
    hop="gateway",
    summary="A gateway in front of DSS requires authentication for the handshake, but not for the page",
    fix="turn off the gateway's authentication for WebSocket URLs, or make it accept the cookie of the page",
    detect=detect,
    suspect=suspect,
)
