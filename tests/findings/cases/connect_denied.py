"""Evidence for and against: the forward proxy refuses the tunnel."""

from support.evidence import HEALTHY, HOST, PAGE, handshakes, no_tunnel, observed, response, through_proxy

FIRES = {
    "403, but not for port 443": no_tunnel(403, tunnels=((f"{HOST}:443", 200),)),
    "403, and the page loads": no_tunnel(403, page=PAGE, health_check=HEALTHY),
    "403 for every tunnel": no_tunnel(403, tunnels=((f"{HOST}:443", 403),)),
    "405, and the page loads": no_tunnel(405, page=PAGE, health_check=HEALTHY),
    "501, and the page loads": no_tunnel(501, page=PAGE, health_check=HEALTHY),
}

QUIET = {
    **{f"{status}: the proxy tried to connect": no_tunnel(status) for status in (502, 503, 504)},
    "a tunnel, and then 403 of the server": through_proxy(handshakes(response(403), response(403))),
    "405 of what may be a server": no_tunnel(405),
    "no proxy": observed(handshakes(response(403), response(403))),
}

UNDECIDED = {
    "405 of what may be a server": (no_tunnel(405), ["connect-denied"]),
}
