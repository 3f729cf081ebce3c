"""Evidence for and against: the proxy drops the Upgrade header."""

from support.evidence import (
    KERNEL,
    NOT_AN_UPGRADE,
    SIGN_IN,
    UPGRADE_REQUIRED,
    arrived,
    at_websocket,
    everywhere,
    handshakes,
    observed,
    response,
    through_proxy,
)

from checks.evidence import Route

FIRES = {
    "426": observed(handshakes(response(426), response(426))),
    "405": observed(handshakes(response(405), response(405))),
    "400 of Jupyter": observed(
        handshakes(response(401), response(401)),
        handshakes(response(400, NOT_AN_UPGRADE), response(400, NOT_AN_UPGRADE), path=KERNEL),
    ),
    "a page instead of the handshake": observed(
        handshakes(response(200, "no handshake"), response(200, "no handshake"))
    ),
    "Connection lost before echo": arrived(response(426, "c"), Connection=None),
    "Connection: close at echo": arrived(response(426, "c"), Connection="close"),
    "Upgrade lost before echo": arrived(response(426, "c"), Upgrade=None),
    "Upgrade: h2c at echo": arrived(response(426, "c"), Upgrade="h2c"),
    "426 at a WebSocket URL": at_websocket(UPGRADE_REQUIRED, UPGRADE_REQUIRED),
    "426 with and without the forward proxy": through_proxy(
        handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED, direct=UPGRADE_REQUIRED)
    ),
}

QUIET = {
    "HTTP/2 at echo": arrived(response(505, "c"), version="HTTP/2", Upgrade=None, Connection=None),
    "404": observed(handshakes(response(404), response(404))),
    "404 and 401": observed(
        handshakes(response(401), response(401)), handshakes(response(404), response(404), path="/typo")
    ),
    "a page at a path that has no WebSocket": observed(
        handshakes(response(401), response(401)),
        handshakes(response(200, "a"), response(200, "a"), path="/jupyter/tree"),
    ),
    "400 for both, with different reasons": observed(handshakes(response(400, "no key"), response(400, "no upgrade"))),
    "400 for both, without a reason": observed(handshakes(response(400, "Bad Request"), response(400, "Bad Request"))),
    "a sign-in page for everything": observed(handshakes(SIGN_IN, SIGN_IN), page=SIGN_IN),
    "a sign-in page that contains the requested path": observed(
        handshakes(response(200, "<html>log in for the socket"), response(200, "<html>log in for the socket")),
        page=response(200, "<html>log in for /"),
        health_check=response(200, "<html>log in for the health check"),
    ),
    "the same page for everything": everywhere(response(200, "<html>not DSS")),
    "no health check of DSS": observed(handshakes(response(426), response(426)), health_check=response(404)),
    "405 from a server that allows GET": observed(handshakes(response(405, Allow="GET"), response(405, Allow="GET"))),
    "what may be the forward proxy": through_proxy(
        handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED), direct=Route(failed="tcp", error="no response")
    ),
}
