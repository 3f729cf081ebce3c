"""Evidence for and against: the proxy speaks HTTP/1.0 to DSS."""

from support.evidence import arrived, everywhere, handshakes, observed, response

FIRES = {
    "HTTP/1.0 at echo": arrived(response(505, "c"), version="HTTP/1.0", Upgrade=None, Connection=None),
    "HTTP/1.0 at echo, with Upgrade": arrived(response(400, "c"), version="HTTP/1.0"),
    "505": observed(handshakes(response(505), response(505))),
}

QUIET = {
    "HTTP/2 at echo": arrived(response(505, "c"), version="HTTP/2", Upgrade=None, Connection=None),
    "505 for the page too": everywhere(response(505)),
}
