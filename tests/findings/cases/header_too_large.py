"""Evidence for and against: the request headers are too large."""

from support.evidence import COOKIE_TOO_LARGE, OPEN, handshakes, observed, redirect, response

FIRES = {
    "400 of nginx for everything, and 401 without cookies": observed(
        handshakes(COOKIE_TOO_LARGE, COOKIE_TOO_LARGE, no_cookies=response(401)),
        page=COOKIE_TOO_LARGE,
        health_check=COOKIE_TOO_LARGE,
    ),
    "400 of nginx for the handshake only": observed(handshakes(COOKIE_TOO_LARGE, no_cookies=response(403))),
    "400 of nginx for the handshake and a plain GET": observed(
        handshakes(COOKIE_TOO_LARGE, COOKIE_TOO_LARGE, no_cookies=OPEN)
    ),
    "400 of Apache": observed(
        handshakes(response(400, "Size of a request header field exceeds server limit."), no_cookies=response(401))
    ),
    "431": observed(handshakes(response(431), response(431), no_cookies=response(302))),
    "400 without a reason, but the WebSocket opens without cookies": observed(
        handshakes(response(400), response(400), no_cookies=OPEN), page=response(400), health_check=response(400)
    ),
}

QUIET = {
    "400 without a reason, but the page loads": observed(handshakes(response(400), response(400), no_cookies=OPEN)),
    "400 without a reason, and a redirect without cookies": observed(
        handshakes(response(400), response(400), no_cookies=redirect("/login", 302)),
        page=response(400),
        health_check=response(400),
    ),
    "400 with and without cookies": observed(handshakes(response(400), no_cookies=response(400))),
    "400 of nginx to a user without cookies": observed(handshakes(COOKIE_TOO_LARGE)),
    "403 with cookies": observed(handshakes(response(403), no_cookies=OPEN)),
}
