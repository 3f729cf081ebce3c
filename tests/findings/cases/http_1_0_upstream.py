"""Evidence for and against: the proxy speaks HTTP/1.0 to DSS."""

from support.evidence import everywhere, handshakes, observed, response

FIRES = {
    "505": observed(handshakes(response(505), response(505))),
}

QUIET = {
    "505 for the page too": everywhere(response(505)),
}
