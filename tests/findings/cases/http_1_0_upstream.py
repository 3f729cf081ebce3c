"""Evidence for and against: the proxy speaks HTTP/1.0 to DSS."""

from support.evidence import DROPPED, arrived, at_websocket, everywhere, handshakes, observed, ping, pinged, response

ENVOY_426 = response(426, Server="envoy", Content_Length="0")
UNSUPPORTED = "unsupported protocol; expected HTTP/1.1: HTTP/1.0"

FIRES = {
    "HTTP/1.0 at echo": arrived(response(505, "c"), version="HTTP/1.0", Upgrade=None, Connection=None),
    "HTTP/1.0 at echo, with Upgrade": arrived(response(400, "c"), version="HTTP/1.0"),
    "505": observed(handshakes(response(505), response(505))),
    "the version that arrived": observed(handshakes(response(400, UNSUPPORTED), response(400, UNSUPPORTED))),
    "the version that is missing": at_websocket(
        response(426, "WebSocket protocol violation: handshake request must be at least HTTP/1.1"), response(404)
    ),
    "the version, to the page too": everywhere(response(505, UNSUPPORTED)),
    "the empty 426 of Envoy, to everything": everywhere(ENVOY_426),
}

QUIET = {
    "HTTP/2 at echo": arrived(response(505, "c"), version="HTTP/2", Upgrade=None, Connection=None),
    "505 for the page too": everywhere(response(505)),
    "an empty 426 for everything": everywhere(response(426)),
    "a 426 that Envoy forwards": everywhere(response(426, Server="envoy", x_envoy_upstream_service_time="2")),
    "101, and nothing after it": pinged(ping(DROPPED), ping(DROPPED, variant="no-extensions")),
    "a page about HTTP": observed(handshakes(response(200, "HTTP/1.0"), response(426))),
}

UNDECIDED = {
    "505 for everything": (everywhere(response(505)), ["http-1-0-upstream"]),
    "an empty 426 for everything": (everywhere(response(426)), ["http-1-0-upstream", "upgrade-not-forwarded"]),
    "101, and nothing after it": (QUIET["101, and nothing after it"], ["http-1-0-upstream"]),
}
