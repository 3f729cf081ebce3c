"""Evidence for and against: the proxy does not preserve the Host header."""

from dataclasses import replace

from support.evidence import (
    CROSS_ORIGIN,
    KERNEL,
    OPEN,
    WEBAPP,
    arrived,
    at_websocket,
    handshakes,
    observed,
    ping,
    pinged,
    response,
)

NOT_AUTHORIZED = 'request Origin "dss.example.com" is not authorized for Host "10.0.0.5:11200"'

FIRES = {
    "another Host at echo": arrived(OPEN, Host="127.0.0.1:11200"),
    "another Origin at echo": arrived(OPEN, Origin="http://other"),
    "no Host at echo": arrived(OPEN, Host=None),
    "403 with the reason of Jupyter": observed(
        handshakes(response(401)), handshakes(response(403, CROSS_ORIGIN), path=KERNEL, no_origin=OPEN)
    ),
    "403 for notebooks, while notifications open": observed(
        handshakes(OPEN), handshakes(response(403), path=KERNEL, no_origin=OPEN)
    ),
    "403 with the reason of Jupyter, at any WebSocket URL": observed(
        handshakes(response(403, CROSS_ORIGIN), path="/user/a/api/kernels/1/channels", no_origin=OPEN),
        url="ws://dss.example.com",
        health_check=response(0),
    ),
    "a response that quotes another Host": observed(
        [
            replace(each, sent=(("Host", "dss.example.com"),))
            for each in handshakes(response(403, NOT_AUTHORIZED), no_origin=OPEN)
        ]
    ),
}

QUIET = {
    "a gateway that rejects the Origin everywhere": observed(
        handshakes(response(403), no_origin=OPEN), handshakes(response(403), path=KERNEL, no_origin=OPEN)
    ),
    "a web application with its own list of origins": observed(
        handshakes(OPEN), handshakes(response(403, CROSS_ORIGIN), path=WEBAPP, no_origin=OPEN)
    ),
    "403 before the sign-in": observed(handshakes(OPEN), handshakes(response(403, "log in"), path=KERNEL)),
}

UNDECIDED = {
    "an Origin that the server does not accept, at a WebSocket URL": (
        observed(
            handshakes(response(403, CROSS_ORIGIN), path="/live", no_origin=OPEN),
            url="ws://dss.example.com",
            health_check=response(0),
        ),
        ["host-not-preserved"],
    ),
    "the same in other words, and rejected without Origin too": (
        at_websocket(response(403, "Origin not allowed"), response(404)),
        ["host-not-preserved", "wrong-path"],
    ),
    "403 with and without Origin, and no sign-in": (
        observed(handshakes(response(403, "Forbidden"), response(426))),
        ["host-not-preserved"],
    ),
    "closed because of its Origin": (
        pinged(ping("the server closed the WebSocket with code 1008", close_code=1008, close_reason="Invalid origin!")),
        ["host-not-preserved"],
    ),
}
