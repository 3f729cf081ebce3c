"""Evidence for and against: a proxy breaks WebSocket compression."""

from support.evidence import DROPPED, NO_PONG, OPEN, PONG_UNCOMPRESSED, RESERVED_BITS, observed, ping, pinged

from checks.evidence import Handshake
from checks.probe import NOTIFICATIONS

FIRES = {
    "reserved bits": pinged(ping(RESERVED_BITS), PONG_UNCOMPRESSED),
    "closed with 1002": pinged(
        ping("the server closed the WebSocket with code 1002", close_code=1002), PONG_UNCOMPRESSED
    ),
    "closed with 1007": pinged(
        ping("the server closed the WebSocket with code 1007", close_code=1007), PONG_UNCOMPRESSED
    ),
    "a response with an extension that was not offered": observed(
        [
            Handshake(NOTIFICATIONS, "", OPEN, "unsupported extension: name = x-webkit-deflate-frame, params = []"),
            Handshake(NOTIFICATIONS, "no-extensions", OPEN),
        ],
        pings=(PONG_UNCOMPRESSED,),
    ),
    "no pong after a compressed frame": pinged(
        ping(frame_sent=True, frame_error=DROPPED), ping(variant="no-extensions", frame_sent=True)
    ),
}

QUIET = {
    "a compressed frame fails, and nothing was compared": pinged(ping(frame_sent=True, frame_error=DROPPED)),
    "a compressed frame fails, and the other was not sent": pinged(
        ping(frame_sent=True, frame_error=DROPPED), PONG_UNCOMPRESSED
    ),
    "the first WebSocket dropped, the next did not": pinged(ping(DROPPED), PONG_UNCOMPRESSED),
    "the first pong was late, the next was not": pinged(ping(NO_PONG), PONG_UNCOMPRESSED),
    "closed with 1013 (try again later)": pinged(
        ping("the server closed the WebSocket with code 1013", close_code=1013), PONG_UNCOMPRESSED
    ),
    "a reset": pinged(ping("connection reset by peer"), PONG_UNCOMPRESSED),
    "broken with and without compression": pinged(ping(RESERVED_BITS), ping(RESERVED_BITS, variant="no-extensions")),
    "not tried without compression": pinged(ping(RESERVED_BITS)),
}
