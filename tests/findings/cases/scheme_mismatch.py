"""Evidence for and against: HTTP and HTTPS are mixed up."""

from support.evidence import (
    CLOSED,
    HEALTHY,
    HTTP,
    HTTPS,
    HTTPS_PORT,
    NOT_FOUND,
    PAGE,
    PLAIN_HTTP,
    PROXY,
    TIMED_OUT,
    everywhere,
    handshakes,
    in_both_schemes,
    observed,
    redirect,
    response,
    tls,
)

from checks.evidence import Response

FIRES = {
    "https on a port that serves http": in_both_schemes(
        Response(error=PLAIN_HTTP), PAGE, failed="tls", error=PLAIN_HTTP
    ),
    "http on an https port of nginx": in_both_schemes(HTTPS_PORT, PAGE, url=HTTP),
    "http on an https port of Apache": in_both_schemes(
        response(400, "You're speaking plain HTTP to an SSL-enabled server port."), redirect("/login", 302), url=HTTP
    ),
    "http on an https port of Go": in_both_schemes(
        response(400, "Client sent an HTTP request to an HTTPS server."), NOT_FOUND, url=HTTP
    ),
    "a proxy that sends http to an https port behind it": in_both_schemes(
        HTTPS_PORT, Response(error=PLAIN_HTTP), url=HTTP
    ),
    "the same behind https": in_both_schemes(HTTPS_PORT, Response(), tls=tls()),
    "the same for WebSockets only": observed(handshakes(HTTPS_PORT, HTTPS_PORT)),
    "the same for WebSockets only, asked as ws": observed(
        handshakes(HTTPS_PORT, HTTPS_PORT), url=HTTP.replace("http", "ws"), health_check=Response()
    ),
    "Envoy sends TLS to an http port behind it": everywhere(
        response(503, "upstream connect error. TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER")
    ),
    "http on an https port that closes the connection": in_both_schemes(CLOSED, PAGE, url=HTTP),
}

QUIET = {
    "TLS that requires a client certificate, and 400 with http": in_both_schemes(
        Response(error="TLS failed"), HTTPS_PORT, failed="tls", error="TLS failed: sslv3 alert handshake failure"
    ),
    "another TLS version, and a redirect with http": in_both_schemes(
        Response(error="TLS failed"), redirect(HTTPS), failed="tls", error="TLS failed: tlsv1 alert protocol version"
    ),
    "no response from the page, and 400 with http": in_both_schemes(TIMED_OUT, HTTPS_PORT, tls=tls()),
    "no response from the page through a proxy, and 503 of its own with http": in_both_schemes(
        TIMED_OUT, response(503), proxy=PROXY, tunnel=HEALTHY, tls=tls()
    ),
    "the words of an https port, whose own scheme is unknown": in_both_schemes(HTTPS_PORT, CLOSED, url=HTTP),
    "no response in either scheme": in_both_schemes(CLOSED, CLOSED, failed="tls", error="TLS failed"),
    "a kernel that mentions the topic": observed(handshakes(response(200, HTTPS_PORT.body))),
    "a page about the topic": in_both_schemes(response(200, HTTPS_PORT.body), PAGE, url=HTTP),
}

APACHE_TLS = response(500, "<p>Reason: <strong>Error during SSL Handshake with remote server</strong></p>")

UNDECIDED = {
    "the words of an https port, whose own scheme is unknown": (
        QUIET["the words of an https port, whose own scheme is unknown"],
        ["scheme-mismatch"],
    ),
    "Apache httpd sends TLS to a port, and that fails": (everywhere(APACHE_TLS), ["scheme-mismatch"]),
    "the same for WebSockets only": (observed(handshakes(APACHE_TLS, APACHE_TLS)), ["scheme-mismatch"]),
}
