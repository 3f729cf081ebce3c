"""Evidence for and against: Envoy does not allow the WebSocket upgrade."""

from support.evidence import ENVOY_403, FORWARDED_403, KERNEL, NOT_AN_UPGRADE, OPEN, handshakes, observed, response

NO_ENDPOINTS = response(503, Date="now", Server="envoy", Content_Length="0")
"""What Envoy Gateway makes Envoy send for a route without endpoints."""


def everywhere_503(handshake):
    """Return evidence of an Envoy that sends 503, except to handshakes."""
    return observed(handshakes(handshake, NO_ENDPOINTS), page=NO_ENDPOINTS, health_check=NO_ENDPOINTS)


FIRES = {
    "on two paths": observed(handshakes(ENVOY_403), handshakes(ENVOY_403, response(400, NOT_AN_UPGRADE), path=KERNEL)),
    "before the sign-in": observed(
        handshakes(ENVOY_403, response(405)), handshakes(ENVOY_403, response(403, "log in"), path=KERNEL)
    ),
}

QUIET = {
    "a 403 that Envoy forwards": observed(handshakes(FORWARDED_403, response(405))),
    "a 403 of another rule in Envoy": observed(handshakes(response(403, "RBAC: access denied", Server="envoy"))),
    "403 for everything": observed(handshakes(ENVOY_403, ENVOY_403)),
    "503 for a plain GET": everywhere_503(ENVOY_403),
    "on one path, while the other opens": observed(handshakes(ENVOY_403), handshakes(OPEN, path=KERNEL)),
    "the same from another server": observed(
        handshakes(response(403, Date="now", Server="x", Connection="close", Content_Length="0"))
    ),
}

UNDECIDED = {
    "503 for a plain GET": (QUIET["503 for a plain GET"], ["upgrade-denied", "backend-down"]),
    "503 for a plain GET, and the page loads": (
        observed(handshakes(ENVOY_403, NO_ENDPOINTS)),
        ["upgrade-denied"],
    ),
    "on one path, while the other opens": (
        QUIET["on one path, while the other opens"],
        ["upgrade-denied"],
    ),
    "with a header that the config adds": (
        observed(handshakes(response(403, Date="now", Server="envoy", X_Frame_Options="DENY", Content_Length="0"))),
        ["upgrade-denied"],
    ),
}
