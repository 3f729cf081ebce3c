"""Evidence for and against: there is no WebSocket at this URL."""

from support.evidence import (
    KERNEL,
    NOT_FOUND,
    OPEN,
    PAGE,
    UPGRADE_REQUIRED,
    WEBAPP,
    everywhere,
    handshakes,
    observed,
    response,
)

FIRES = {
    "a kernel that has ended": observed(handshakes(OPEN), handshakes(NOT_FOUND, NOT_FOUND, path=KERNEL)),
}

QUIET = {
    "404 of a web application, which may be a lost Upgrade": observed(
        handshakes(OPEN), handshakes(NOT_FOUND, NOT_FOUND, path=WEBAPP)
    ),
    "404 with Upgrade only": observed(handshakes(OPEN), handshakes(NOT_FOUND, response(405), path=KERNEL)),
    "404 with Upgrade, 426 without": observed(handshakes(NOT_FOUND, UPGRADE_REQUIRED)),
    "no WebSocket opens": observed(handshakes(NOT_FOUND, NOT_FOUND), handshakes(NOT_FOUND, NOT_FOUND, path=KERNEL)),
    "404 for everything": everywhere(NOT_FOUND),
}

UNDECIDED = {
    "the page, as where a proxy removes a prefix": (
        observed(handshakes(PAGE, PAGE)),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
    ),
    "the 404 of a proxy, and the page loads": (
        observed(handshakes(response(404, "404 page not found"), response(404, "404 page not found"))),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
    ),
    "404 with Upgrade and without": (
        observed(handshakes(NOT_FOUND, NOT_FOUND)),
        ["upgrade-not-forwarded", "wrong-path"],
    ),
    "404 beside a WebSocket that opens": (
        observed(handshakes(OPEN), handshakes(NOT_FOUND, NOT_FOUND, path=WEBAPP)),
        ["upgrade-wrong-location", "wrong-path"],
    ),
}
