"""Evidence for and against: a gateway asks for authentication."""

from support.evidence import (
    BASIC,
    KERNEL,
    NEGOTIATE,
    WSS,
    at_websocket,
    everywhere,
    handshakes,
    observed,
    redirect,
    response,
    signed_in,
)

from checks.evidence import Response

FIRES = {
    "Negotiate": observed(handshakes(NEGOTIATE, NEGOTIATE)),
    "Basic, although the user has signed in": observed(signed_in(BASIC)),
}

QUIET = {
    "401 of Jupyter, without a scheme": observed(handshakes(response(401), response(401), path=KERNEL)),
    "Basic of DSS itself, before the sign-in": observed(handshakes(BASIC, BASIC)),
    "the page requires it too": everywhere(BASIC),
    "only the page does not require it": observed(signed_in(BASIC), health_check=BASIC),
    "an API with its own authentication": at_websocket(NEGOTIATE, NEGOTIATE),
    "403": observed(handshakes(response(403), response(403))),
}

UNDECIDED = {
    "403 with Upgrade, 404 without, as Starlette sends": (
        observed(handshakes(response(403), response(404))),
        ["auth-on-handshake", "wrong-path"],
    ),
    "a relative redirect to a sign-in page, asked as a WebSocket URL": (
        at_websocket(redirect("/login", 302), redirect("/login", 302)),
        ["auth-on-handshake"],
    ),
    "401 at a WebSocket URL with a query": (
        observed(handshakes(response(401), response(401), path="/live?token=..."), url=WSS, health_check=Response()),
        ["auth-on-handshake"],
    ),
    "403 before the sign-in": (observed(handshakes(response(403), response(403))), ["auth-on-handshake"]),
    "a redirect to a sign-in page": (
        observed(handshakes(redirect("/login", 302), redirect("/login", 302))),
        ["auth-on-handshake"],
    ),
    "a redirect to a sign-in page, with 308": (
        observed(handshakes(redirect("/login", 308), redirect("/login", 308))),
        ["auth-on-handshake"],
    ),
    "a redirect to the sign-in page of another host": (
        everywhere(redirect("https://sso.example.com/login?to=dss", 302)),
        ["auth-on-handshake"],
    ),
}
