"""Evidence for and against: the proxy drops the Upgrade header."""

from support.evidence import (
    KERNEL,
    NOT_AN_UPGRADE,
    PAGE,
    SIGN_IN,
    UPGRADE_REQUIRED,
    WSS,
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
    "only Connection, which Jupyter names": observed(
        handshakes(response(400, '"Connection" must be "Upgrade".'), response(400, NOT_AN_UPGRADE), path=KERNEL)
    ),
    "only Connection, at a WebSocket URL": at_websocket(
        response(426, "invalid Connection header: close"), response(426, "missing Connection header")
    ),
    "only Upgrade, in a page with markup": observed(
        handshakes(response(400, "<p>Missing &quot;Upgrade: websocket&quot; header</p>"), response(404))
    ),
    "Connection, named in the reason": at_websocket(response(400, reason="No Connection upgrade"), response(404)),
    "Connection, without the health check of DSS": observed(
        handshakes(response(400, "Missing or invalid Connection header"), response(404)), health_check=response(404)
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
    "a server that misses Connection in every request": everywhere(response(400, '"Connection" must be "Upgrade".')),
    "an upgrade that is not allowed": observed(
        handshakes(response(403, "The Upgrade header is not allowed"), response(426))
    ),
    "a page that explains WebSocket": observed(
        handshakes(response(200, "Missing Connection header: what to do"), response(200, "Welcome"))
    ),
    "a refused connection behind the proxy": observed(
        handshakes(response(500, "no connection: connection refused"), response(426))
    ),
    "a page instead of the handshake": observed(
        handshakes(response(200, "no handshake"), response(200, "no handshake"))
    ),
    "an empty page instead of the handshake": observed(handshakes(response(200), response(200))),
    "404": observed(handshakes(response(404), response(404))),
    "404 for every URL": everywhere(response(404)),
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

UNDECIDED = {
    "an empty page instead of the handshake": (
        observed(handshakes(response(200), response(200))),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
    ),
    "a long page instead of the handshake": (
        observed(handshakes(response(200, "<html>" * 30), response(200, "<html>" * 30))),
        ["upgrade-not-forwarded"],
    ),
    "the page of / instead of the handshake": (
        observed(handshakes(PAGE, PAGE)),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
    ),
    "the page of / at a WebSocket URL": (
        at_websocket(PAGE, PAGE),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
    ),
    "the page of /, which is the WebSocket URL": (
        observed(handshakes(PAGE, PAGE, path="/"), url=WSS),
        ["upgrade-not-forwarded"],
    ),
}
