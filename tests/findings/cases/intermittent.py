"""Evidence for and against: only some handshakes succeed."""

from support.evidence import (
    CLOSED,
    CROSS_ORIGIN,
    HOST,
    KERNEL,
    OPEN,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    handshake,
    handshakes,
    observed,
    repeated,
    response,
)

from checks.evidence import Handshake
from checks.probe import NOTIFICATIONS

FIRES = {
    "the handshake of Firefox has two results": observed(
        repeated(OPEN, OPEN, OPEN),
        [handshake(NOTIFICATIONS, "firefox", answer) for answer in (response(400), OPEN, response(400))],
    ),
    "the first handshake succeeded": observed(repeated(OPEN, CLOSED, OPEN, response(400), OPEN)),
    "the first handshake failed": observed(repeated(response(502), OPEN, response(502), OPEN, OPEN)),
    "failures that look like a lost Upgrade": observed(
        repeated(UPGRADE_REQUIRED, OPEN, first=handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED))
    ),
    "failures that look like a replaced Host": observed(
        repeated(
            response(403, CROSS_ORIGIN),
            OPEN,
            first=handshakes(response(403, CROSS_ORIGIN), no_origin=OPEN, path=KERNEL),
            path=KERNEL,
        )
    ),
    "failures that look like broken HTTP/2": observed(
        repeated(OPEN, CLOSED, OPEN), [Handshake(NOTIFICATIONS, "http2", response(502), "no 200", (("Host", HOST),))]
    ),
    "some 429, and one 403": observed(repeated(OPEN, response(429), response(403))),
}

QUIET = {
    "503 and 429 after the first": observed(repeated(OPEN, OPEN, response(503), OPEN, response(429))),
    "429 for the first": observed(repeated(response(429), OPEN)),
    "no response for some": observed(repeated(OPEN, TIMED_OUT, OPEN)),
}

UNDECIDED = {
    "503 and 429 after the first": (
        QUIET["503 and 429 after the first"],
        ["connections-exhausted", "intermittent"],
    ),
    "no response for some": (QUIET["no response for some"], ["connections-exhausted", "intermittent"]),
}
