"""Evidence for and against: the proxy forwards Upgrade for some URLs only."""

from support.evidence import KERNEL, NOT_AN_UPGRADE, OPEN, handshakes, observed, response

FIRES = {
    "on the path of a notebook": observed(
        handshakes(OPEN), handshakes(response(400, NOT_AN_UPGRADE), response(400, NOT_AN_UPGRADE), path=KERNEL)
    ),
    "on the path of the notifications": observed(
        handshakes(response(426)), handshakes(OPEN, response(400, NOT_AN_UPGRADE), path=KERNEL)
    ),
}

QUIET = {
    "a page at a path that has no WebSocket": observed(
        handshakes(OPEN), handshakes(response(200, "a"), response(200, "a"), path="/jupyter/tree")
    ),
    "403 for notebooks": observed(handshakes(OPEN), handshakes(response(403), response(403), path=KERNEL)),
}
