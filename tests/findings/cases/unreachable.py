"""Evidence for and against: the server cannot be reached."""

from support.evidence import HOST, HTTPS, PAGE, PROXY, handshakes, no_tunnel, not_connected, observed

from checks.evidence import ConnectAttempt, Response

FIRES = {
    "an unknown host name": not_connected("name", "the name cannot be resolved: Name or service not known", host=HOST),
    "a refused connection": not_connected(
        "tcp", "connection refused", host=HOST, attempts=(ConnectAttempt("192.0.2.1:80", "connection refused"),)
    ),
    "no response": not_connected("tcp", "no response within 10 s", host=HOST),
    "an unknown host name of the proxy": not_connected(
        "name", "the name cannot be resolved", proxy=PROXY, host="proxy.example.com"
    ),
    "a refused connection to the proxy": not_connected(
        "tcp", "connection refused", proxy=PROXY, host="proxy.example.com"
    ),
}

QUIET = {
    "the proxy cannot connect": no_tunnel(502),
    "a failed TLS handshake": not_connected("tls", "connection reset by peer", url=HTTPS),
    "a page": not_connected("tcp", "connection refused", page=PAGE),
    "one refused connection of several": observed(handshakes(Response(error="connection refused"))),
}

UNDECIDED = {
    "the proxy cannot connect": (no_tunnel(502), ["unreachable"]),
}
