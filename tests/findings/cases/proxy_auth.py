"""Evidence for and against: the forward proxy requires authentication."""

from support.evidence import HEALTHY, PAGE, everywhere, handshakes, no_tunnel, response, socks, through_proxy

FIRES = {
    "407": no_tunnel(407),
    "407 for the tunnel, and the page loads": no_tunnel(407, page=PAGE, health_check=HEALTHY),
    "SOCKS5 without credentials": socks("the proxy requires a user name and password"),
    "SOCKS5 with other credentials": socks("the proxy rejected this user name and password"),
}

QUIET = {
    "SOCKS5 that does not allow the connection": socks("the proxy does not allow this connection"),
    "407 of a server": everywhere(response(407)),
    "407 of a server through the tunnel": through_proxy(handshakes(response(407), response(407))),
}
