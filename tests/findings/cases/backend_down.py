"""Evidence for and against: the reverse proxy cannot reach DSS."""

from dataclasses import replace

from support.evidence import (
    CLOSED,
    HAPROXY_503,
    OPEN,
    PAGE,
    VARNISH_503,
    alone,
    everywhere,
    handshakes,
    no_tunnel,
    observed,
    response,
    through_proxy,
    without_rechecks,
)

from checks.evidence import Response

FIRES = {
    "502 for everything": everywhere(response(502)),
    "503 of HAProxy after 3 s of retries": everywhere(replace(HAPROXY_503, seconds=3.0)),
    "503 of Varnish after a wait of 3.5 s": everywhere(replace(VARNISH_503, seconds=3.5)),
    "503 of Varnish, and a closed pipe": alone(
        observed(handshakes(CLOSED, VARNISH_503), page=VARNISH_503, health_check=VARNISH_503)
    ),
    "503 of Apache httpd": everywhere(
        response(503, "The server is temporarily unable to service your\nrequest due to maintenance downtime")
    ),
    "503 of Envoy": everywhere(response(503, "upstream connect error or disconnect/reset before headers.")),
    "503 of Squid": everywhere(response(503, X_Squid_Error="ERR_CONNECT_FAIL 111")),
    "503 of lighttpd": everywhere(response(503, Server="lighttpd/1.4.79")),
    "a closed connection instead of a 504": alone(
        observed(handshakes(Response(error="EOF"), response(504)), page=response(504), health_check=response(504))
    ),
    "502 behind the nginx of DSS, which serves the page": alone(
        observed(handshakes(response(502), response(502)), health_check=response(502))
    ),
}

DOWN = everywhere(response(502))
APACHE_503 = response(503, "The server is temporarily unable to service your request")

QUIET = {
    "503 of a limit in nginx": everywhere(response(503, "<center>nginx</center>")),
    "a host name unknown to HAProxy": everywhere(HAPROXY_503),
    "a host name unknown to Varnish": everywhere(VARNISH_503),
    "planned maintenance": everywhere(response(503, "Back at noon.", Retry_After="3600")),
    "maintenance without an end": everywhere(response(503, "Back soon.")),
    "503 of a circuit breaker in Traefik": everywhere(response(503, "Service Unavailable")),
    "502 for the page only": observed(handshakes(OPEN), page=response(502)),
    "502 for the health check only": observed(handshakes(OPEN), health_check=response(502)),
    "500 of DSS": everywhere(response(500)),
    "the forward proxy cannot connect": no_tunnel(
        503, page=response(503, Server="squid"), health_check=response(503, Server="squid")
    ),
    "the forward proxy cannot connect, and a direct connection works": through_proxy(
        handshakes(response(503), response(503), direct=OPEN), page=response(503), health_check=response(503)
    ),
    "502 side by side, and all is well alone": alone(
        DOWN, page=PAGE, health_check=response(200, "pong"), plain=response(426), handshake=OPEN
    ),
    "502 side by side, and alone for the handshake only": alone(
        DOWN, page=PAGE, health_check=response(200, "pong"), plain=response(426)
    ),
    "502 side by side, and the page loads alone": alone(DOWN, page=PAGE),
    "502 in the first look alone": without_rechecks(DOWN),
}


def at_websocket_url(answer):
    """Return evidence of a WebSocket URL with one response everywhere, also alone."""
    first = observed(handshakes(answer, answer), url="ws://dss.example.com", page=answer, health_check=Response())
    return alone(first)


UNDECIDED = {
    "502 for everything, asked as ws": (at_websocket_url(response(502)), ["backend-down"]),
    "a host name that may be unknown to HAProxy, asked as ws": (at_websocket_url(HAPROXY_503), ["backend-down"]),
    "503 of HAProxy after a wait of 5 s, asked as ws": (
        at_websocket_url(replace(HAPROXY_503, seconds=5.0)),
        ["connections-exhausted", "backend-down"],
    ),
    "a host name that may be unknown to HAProxy": (everywhere(HAPROXY_503), ["backend-down"]),
    "a host name that may be unknown to OpenShift": (
        everywhere(response(503, "<h1>Application is not available</h1>")),
        ["backend-down"],
    ),
    "503 of HAProxy after a wait of 5 s, as in a full queue": (
        everywhere(replace(HAPROXY_503, seconds=5.0)),
        ["connections-exhausted", "backend-down"],
    ),
    "503 of HAProxy after a wait of 1 s": (
        everywhere(replace(HAPROXY_503, seconds=1.0)),
        ["connections-exhausted", "backend-down"],
    ),
    "503 of Apache httpd after a wait of 1 s": (
        everywhere(replace(APACHE_503, seconds=1.0)),
        ["connections-exhausted", "backend-down"],
    ),
    "502 side by side, and all is well alone": (
        QUIET["502 side by side, and all is well alone"],
        ["connections-exhausted", "backend-down"],
    ),
    "502 in the first look alone": (QUIET["502 in the first look alone"], ["backend-down"]),
}
