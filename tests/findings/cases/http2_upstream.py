"""Evidence for and against: a hop over HTTP/2 cannot carry the handshake."""

from support.evidence import (
    HEALTHY,
    OPEN,
    PAGE,
    UPGRADE_REQUIRED,
    alone,
    everywhere,
    handshakes,
    observed,
    recheck,
    response,
)

from checks.probe import NOTIFICATIONS

ENDED = response(503, "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
FINE = {"page": PAGE, "health_check": HEALTHY, "plain": UPGRADE_REQUIRED}
APART = [recheck("together", "/", PAGE), recheck("together", NOTIFICATIONS, UPGRADE_REQUIRED)]
AGAIN = [recheck("alone again", "/", PAGE)]


def beside(page=ENDED, handshake=ENDED):
    """Return a page request and a handshake that were sent side by side."""
    return [
        recheck("beside a handshake", "/", page),
        recheck("beside a handshake", NOTIFICATIONS, handshake, upgrade=True),
    ]


def asked_again(*rounds, **responses):
    """Return evidence in which everything failed side by side, and then these rounds."""
    rechecks = [each for one in rounds for each in (*APART, *one, *AGAIN)]
    return alone(everywhere(ENDED), *rechecks, **(FINE | responses))


FIRES = {
    "all requests side by side": asked_again(beside(), beside()),
    "a page that was sent to another thread once": asked_again(beside(), beside(page=PAGE), beside()),
    "502 instead": asked_again(beside(page=response(502)), beside(page=response(502))),
    "the page in the first look, too": alone(
        observed(handshakes(ENDED)), *APART, *beside(), *AGAIN, *APART, *beside(), *AGAIN
    ),
}

QUIET = {
    "a server that restarted between two looks": asked_again(handshake=OPEN),
    "a page that failed beside a handshake once": asked_again(beside(), beside(page=PAGE), beside(page=PAGE)),
    "pages that fail beside each other, too": alone(
        everywhere(ENDED), *APART, recheck("together", "/", ENDED), *beside(), *AGAIN, *APART, *beside(), **FINE
    ),
    "a page that fails alone again": alone(
        everywhere(ENDED), *APART, *beside(), *APART, *beside(), recheck("alone again", "/", ENDED), **FINE
    ),
    "a handshake that opens beside the page": asked_again(beside(handshake=OPEN), beside(handshake=OPEN)),
    "a handshake that fails alone": asked_again(),
}

UNDECIDED = {
    "a handshake that fails alone": (QUIET["a handshake that fails alone"], ["http2-upstream"]),
    "a page that failed beside a handshake once": (
        QUIET["a page that failed beside a handshake once"],
        ["http2-upstream"],
    ),
}
