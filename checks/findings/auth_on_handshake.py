"""Something on the way asks for a login on the handshake that it does not ask for on the page."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "A gateway asks for authentication on the WebSocket only"
HOP = "gate"
FIX = "ask for no login of its own on the addresses of sockets, or make the gate take the cookie that the page has"

SCHEMES = ("basic", "negotiate", "ntlm", "digest", "kerberos")
"""Of a proxy or a gate; Jupyter and DSS have pages of their own for it."""


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that is asked for a login by HTTP, with and without Upgrade, where the page is not."""
    # What serves a socket that somebody names, or everything but the page, may have a login of its own.
    if evidence.named_a_socket or not evidence.page.status == evidence.health_check.status == 200:
        return None
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).response, evidence.handshake(path, "no-upgrade").response
        wants = asked.header("WWW-Authenticate")
        # DSS itself may ask for Basic, but not somebody who has logged in.
        logged_in = any(name.lower() == "cookie" for name, _ in evidence.handshake(path).sent)
        asks = wants.lower().startswith(SCHEMES) and (logged_in or not wants.lower().startswith("basic"))
        if asked.status == plain.status == 401 and asks:
            return f"answered {asked}, which asks for {wants}, expected 101; the page answered {evidence.page}"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for refusals that a login may change."""
    closed = [path for path in evidence.paths if not evidence.handshake(path, "no-origin").opened]
    asked = {evidence.handshake(path).response.status for path in closed}
    if evidence.page.status == 401 and 401 in asked and evidence.page.header("WWW-Authenticate"):
        return "give the login that the browser asks for with --header 'Authorization: ...'"
    if (
        asked & {301, 302, 303, 307, 401, 403}
        and not evidence.handshake(evidence.paths[0], "no-cookies").response.status
    ):
        return "log in with a browser and give its cookies with --cookies FILE"
    return None
