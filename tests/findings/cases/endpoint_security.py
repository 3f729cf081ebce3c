"""Evidence for and against: security software on the computer decrypts HTTPS."""

from support.evidence import CLOSED, NOT_FOUND, certified, handshakes, response

FIRES = {
    "an untrusted issuer": certified("Kaspersky Anti-Virus Personal Root Certificate", 20),
    "an untrusted issuer, and no WebSocket": certified(
        "Avast Web/Mail Shield Root", 20, paths=handshakes(CLOSED, response(403))
    ),
}

QUIET = {
    "a trusted issuer, and no sign-in": certified(
        "Kaspersky Anti-Virus Personal Root Certificate", paths=handshakes(response(403), response(403))
    ),
    "a trusted issuer, and no WebSocket at the URL": certified(
        "Avast Web/Mail Shield Root", paths=handshakes(NOT_FOUND, NOT_FOUND)
    ),
}

UNDECIDED = {
    "trusted security software, and no sign-in": (
        QUIET["a trusted issuer, and no sign-in"],
        ["endpoint-security", "auth-on-handshake"],
    ),
}
