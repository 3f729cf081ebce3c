"""Evidence for and against: a proxy buffers WebSocket messages."""

from dataclasses import replace

from support.evidence import (
    DROPPED,
    KERNEL,
    NO_PONG,
    OPEN,
    PONG_UNCOMPRESSED,
    UPGRADE_REQUIRED,
    at_websocket,
    handshakes,
    observed,
    ping,
    pinged,
)

from checks.evidence import PingResult

FIRES = {
    "no byte after 101": pinged(ping(NO_PONG), ping(NO_PONG, variant="no-extensions")),
    "no byte on two paths": observed(
        handshakes(OPEN), handshakes(OPEN, path=KERNEL), pings=(ping(NO_PONG), PingResult(KERNEL, error=NO_PONG))
    ),
    "each message one event late": pinged(ping(NO_PONG, late=10.1), ping(NO_PONG, late=10.1, variant="no-extensions")),
}

QUIET = {
    "no pong from the kernel of a busy notebook only": observed(
        handshakes(OPEN), handshakes(OPEN, path=KERNEL), pings=(ping(), PingResult(KERNEL, error=NO_PONG))
    ),
    "a server that is slow, and answers both pings": pinged(
        ping(NO_PONG, late=11.0, second=True), ping(NO_PONG, late=11.0, second=True, variant="no-extensions")
    ),
    "messages, but no pong": pinged(ping(NO_PONG, messages=3)),
    "a drop without a close frame": pinged(ping(DROPPED), ping(DROPPED, variant="no-extensions")),
    "the first pong was late, the next was not": pinged(ping(NO_PONG), PONG_UNCOMPRESSED),
    "a server other than DSS, which may send no pong": replace(
        at_websocket(OPEN, UPGRADE_REQUIRED), pings=(PingResult("/live", error=NO_PONG),)
    ),
}

UNDECIDED = {
    "no pong from a server other than DSS": (
        QUIET["a server other than DSS, which may send no pong"],
        ["response-buffered"],
    ),
}
