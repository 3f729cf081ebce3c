"""Evidence for and against: the handshake gets no response."""

from support.evidence import KERNEL, NOT_AN_UPGRADE, OPEN, TIMED_OUT, handshakes, observed, response

from checks.evidence import Response

FIRES = {
    "no response": observed(handshakes(TIMED_OUT)),
    "no response on two paths": observed(
        handshakes(TIMED_OUT), handshakes(TIMED_OUT, response(400, NOT_AN_UPGRADE), path=KERNEL)
    ),
}

QUIET = {
    "no response from the kernel of a busy notebook only": observed(
        handshakes(OPEN), handshakes(TIMED_OUT, path=KERNEL)
    ),
    "no response to anything": observed(handshakes(TIMED_OUT, TIMED_OUT), page=TIMED_OUT, health_check=TIMED_OUT),
    "a refused connection": observed(handshakes(Response(error="Connection refused"))),
    "no response with Origin only": observed(handshakes(TIMED_OUT, no_origin=OPEN)),
    "no handshake": observed(),
}
