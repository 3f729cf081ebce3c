"""Evidence for and against: the proxy does not preserve the Host header."""

from support.evidence import CROSS_ORIGIN, KERNEL, OPEN, WEBAPP, arrived, handshakes, observed, response

FIRES = {
    "another Host at echo": arrived(OPEN, Host="127.0.0.1:11200"),
    "another Origin at echo": arrived(OPEN, Origin="http://other"),
    "no Host at echo": arrived(OPEN, Host=None),
    "403 with the reason of Jupyter": observed(
        handshakes(response(401)), handshakes(response(403, CROSS_ORIGIN), path=KERNEL, no_origin=OPEN)
    ),
    "403 for notebooks, while notifications open": observed(
        handshakes(OPEN), handshakes(response(403), path=KERNEL, no_origin=OPEN)
    ),
}

QUIET = {
    "a gateway that rejects the Origin everywhere": observed(
        handshakes(response(403), no_origin=OPEN), handshakes(response(403), path=KERNEL, no_origin=OPEN)
    ),
    "a web application with its own list of origins": observed(
        handshakes(OPEN), handshakes(response(403, CROSS_ORIGIN), path=WEBAPP, no_origin=OPEN)
    ),
    "403 before the sign-in": observed(handshakes(OPEN), handshakes(response(403, "log in"), path=KERNEL)),
}
