"""Evidence for and against: the handshake gets no response."""

from dataclasses import replace

from support.evidence import (
    KERNEL,
    NOT_AN_UPGRADE,
    OPEN,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    alone,
    at_websocket,
    handshakes,
    observed,
    recheck,
    response,
)

from checks.evidence import Response
from checks.probe import NOTIFICATIONS

FIRES = {
    "no response": alone(observed(handshakes(TIMED_OUT)), handshake=Response(error="no response within 30 s")),
    "no response on two paths": alone(
        observed(handshakes(TIMED_OUT), handshakes(TIMED_OUT, response(400, NOT_AN_UPGRADE), path=KERNEL))
    ),
    "no response at a wss:// URL": alone(at_websocket(TIMED_OUT, response(426))),
}

QUIET = {
    "no response from the kernel of a busy notebook only": observed(
        handshakes(OPEN), handshakes(TIMED_OUT, path=KERNEL)
    ),
    "no response to anything": observed(handshakes(TIMED_OUT, TIMED_OUT), page=TIMED_OUT, health_check=TIMED_OUT),
    "a refused connection": observed(handshakes(Response(error="Connection refused"))),
    "no response with Origin only": observed(handshakes(TIMED_OUT, no_origin=OPEN)),
    "no handshake": observed(),
    "a response after 12 s": alone(observed(handshakes(TIMED_OUT)), handshake=replace(OPEN, seconds=12.0)),
    "a rejection after 12 s": alone(observed(handshakes(TIMED_OUT)), handshake=response(400)),
    "a 504 after 25 s, then no response in 10 s": alone(
        observed(handshakes(TIMED_OUT)),
        recheck("alone", NOTIFICATIONS, TIMED_OUT, upgrade=True),
        handshake=response(504),
    ),
    "no response yet": observed(handshakes(TIMED_OUT)),
    "no response at a WebSocket URL": at_websocket(TIMED_OUT, UPGRADE_REQUIRED),
}

UNDECIDED = {
    "no response yet": (QUIET["no response yet"], ["handshake-unanswered"]),
    "no response at a WebSocket URL": (at_websocket(TIMED_OUT, UPGRADE_REQUIRED), ["handshake-unanswered"]),
    "a 504 for the handshake only": (
        alone(observed(handshakes(response(504), UPGRADE_REQUIRED))),
        ["handshake-unanswered", "http2-upstream"],
    ),
    "a 504 after the test had waited longer": (
        alone(observed(handshakes(TIMED_OUT)), handshake=response(504)),
        ["handshake-unanswered", "http2-upstream"],
    ),
}
