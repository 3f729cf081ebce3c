"""Evidence for and against: a proxy changes a handshake header."""

from support.evidence import OPEN, arrived, doubled, handshakes, observed, response

from checks.evidence import Handshake, Response
from checks.probe import NOTIFICATIONS

FIRES = {
    "no key at echo": arrived(response(400, "c"), Sec_WebSocket_Key=None),
    "version 8 at echo": arrived(response(426, "c"), Sec_WebSocket_Version="8"),
    **{
        f"101 without {name}": observed(
            handshakes(Response(101, headers=tuple(pair for pair in OPEN.headers if name not in pair)))
        )
        for name, _ in OPEN.headers
    },
    "no key, in the words of the server": observed(
        handshakes(response(400, "Missing or invalid Sec-WebSocket-Key header"), response(426))
    ),
    "another version, in the words of the server": observed(
        handshakes(response(400, "unsupported Sec-WebSocket-Version"), response(426))
    ),
    "another version, in the header of the server": observed(
        handshakes(response(426, Sec_WebSocket_Version="7, 8, 13"), response(400))
    ),
    "a header, which Tornado does not name": observed(
        handshakes(response(400, "Missing/Invalid WebSocket headers"), response(400, "no"))
    ),
    "Upgrade twice": doubled("Upgrade", "h2,h2c"),
    "the same Upgrade twice": doubled("Upgrade", "WebSocket"),
    "another accept value after the expected one": doubled("Sec-WebSocket-Accept", "x"),
    "a subprotocol after the requested one": doubled("Sec-WebSocket-Protocol", "other"),
}

QUIET = {
    "a server of an older version": observed(handshakes(response(426, Sec_WebSocket_Version="8"), response(400))),
    "the same header without Upgrade": observed(
        handshakes(response(426, Sec_WebSocket_Version="13"), response(426, "b"))
    ),
    "no subprotocol": observed([Handshake(NOTIFICATIONS, "", OPEN, "no subprotocol came back, and browsers insist")]),
    "Upgrade to another protocol, twice": observed(
        [Handshake(NOTIFICATIONS, "", response(101, Upgrade="h2,h2c", Connection="x", Sec_WebSocket_Accept="x"), "no")]
    ),
}

UNDECIDED = {
    "an empty 200, as Caddy sends for a 101 without Connection": (
        observed(handshakes(response(200, Server="Caddy"), response(426))),
        ["handshake-header-mangled"],
    ),
    "a response without the subprotocol": (
        observed([Handshake(NOTIFICATIONS, "", OPEN, "no subprotocol came back, and browsers insist")]),
        ["handshake-header-mangled"],
    ),
}
