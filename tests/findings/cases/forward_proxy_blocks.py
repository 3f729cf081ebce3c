"""Evidence for and against: the forward proxy blocks WebSocket."""

from support.evidence import (
    CROSS_ORIGIN,
    NOT_AN_UPGRADE,
    NOT_FOUND,
    OPEN,
    UPGRADE_REQUIRED,
    handshakes,
    response,
    through_proxy,
    tls,
)

from checks.evidence import Route

FIRES = {
    "426 through the proxy, 101 without": through_proxy(handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED, direct=OPEN)),
    "405": through_proxy(handshakes(response(405), response(405), direct=OPEN)),
    "400 of Jupyter": through_proxy(
        handshakes(response(400, NOT_AN_UPGRADE), response(400, NOT_AN_UPGRADE), direct=OPEN)
    ),
}

QUIET = {
    "the proxy rejects the page too": through_proxy(
        handshakes(response(403), response(403), direct=OPEN), page=response(403), health_check=response(403)
    ),
    "401 through the proxy": through_proxy(handshakes(response(401), response(401), direct=OPEN)),
    "503 through the proxy": through_proxy(handshakes(response(503), response(503), direct=OPEN)),
    "the same certificate through the proxy, so it does not decrypt": through_proxy(
        handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED, direct=OPEN), secured=tls(), direct=Route(tls=tls())
    ),
    "no connection without the proxy": through_proxy(
        handshakes(UPGRADE_REQUIRED, UPGRADE_REQUIRED), direct=Route(failed="tcp", error="no response")
    ),
    "another server without the proxy": through_proxy(handshakes(response(403, CROSS_ORIGIN), NOT_FOUND, direct=OPEN)),
}

UNDECIDED = {
    "426, and no connection without the proxy": (
        QUIET["no connection without the proxy"],
        ["forward-proxy-blocks", "upgrade-not-forwarded"],
    ),
    "403 through a proxy, and 101 without": (
        through_proxy(handshakes(response(403), response(403), direct=OPEN)),
        ["forward-proxy-blocks"],
    ),
}
