"""Evidence for and against: TLS inspection breaks the WebSocket."""

from support.evidence import (
    CLOSED,
    NOT_FOUND,
    OPEN,
    UPGRADE_REQUIRED,
    certified,
    handshakes,
    response,
    through_proxy,
    tls,
)

from checks.evidence import Route

FIRES = {
    "an untrusted certificate of a product": certified("Zscaler Intermediate Root CA", 20),
    "a copied certificate, and a WebSocket that opens without the proxy": through_proxy(
        handshakes(CLOSED, UPGRADE_REQUIRED, direct=OPEN),
        secured=tls("Example Corp Inspection CA"),
        direct=Route(tls=tls()),
    ),
    "a copied certificate from an untrusted issuer": through_proxy(
        handshakes(OPEN, direct=OPEN), secured=tls("Example Corp Inspection CA", 20), direct=Route(tls=tls())
    ),
}

QUIET = {
    "a trusted product, and no sign-in": certified(
        "Zscaler Intermediate Root CA", paths=handshakes(response(403), response(403))
    ),
    "a trusted product, and no WebSocket at the URL": certified(
        "Zscaler Intermediate Root CA", paths=handshakes(NOT_FOUND, NOT_FOUND)
    ),
    "another server without the proxy, and no sign-in": through_proxy(
        handshakes(response(401), response(401), direct=response(401)),
        secured=tls("E5, Let's Encrypt"),
        direct=Route(tls=tls("E6, Let's Encrypt", ends="2027-02-02T00:00:00Z")),
    ),
    "the same failure with and without inspection": through_proxy(
        handshakes(response(403), response(403), direct=response(403)),
        secured=tls("Example Corp Inspection CA"),
        direct=Route(tls=tls()),
    ),
}

UNDECIDED = {
    "a trusted product, and no sign-in": (
        QUIET["a trusted product, and no sign-in"],
        ["tls-interception", "auth-on-handshake"],
    ),
}
