"""Evidence for and against: WebSocket works."""

from support.evidence import (
    DROPPED,
    HOST,
    KERNEL,
    KEY,
    NOT_FOUND,
    OPEN,
    STAYED,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    arrived,
    at_websocket,
    certified,
    handshakes,
    held,
    idle,
    keyed,
    observed,
    over_http2,
    ping,
    pinged,
    redirect,
    response,
    sized,
    through_proxy,
    with_policy,
)

from checks.findings.facts import expected_accept

FIRES = {
    "Host and Origin of another site at echo": arrived(OPEN, Host="other", Origin="http://other"),
    "no extensions at echo": arrived(OPEN, Sec_WebSocket_Extensions=None),
    "no Origin at echo": arrived(OPEN, Origin=None),
    "Connection: keep-alive, Upgrade at echo": arrived(OPEN, Connection="keep-alive, Upgrade"),
    "the WebSocket opens": observed(handshakes(OPEN)),
    "a ping gets a pong": pinged(ping(pong=0.1)),
    "both held WebSockets stay open": held(idle(75.0, dropped=False), STAYED),
    "every message size passes": sized((1024, None), (16 << 20, None)),
    "behind a certificate": certified(),
    "behind a trusted certificate of a product for TLS inspection": certified("Zscaler Intermediate Root CA"),
    "behind a trusted certificate of security software": certified("Kaspersky Anti-Virus Personal Root Certificate"),
    "through a forward proxy": through_proxy(handshakes(OPEN)),
    "over HTTP/2 too": over_http2(response(200), fault=""),
    "before the sign-in": observed(handshakes(OPEN), page=redirect("/login/", 302)),
    "on a server other than DSS": observed(handshakes(OPEN), page=NOT_FOUND, health_check=NOT_FOUND),
    "at a WebSocket URL": at_websocket(OPEN, UPGRADE_REQUIRED, page=NOT_FOUND),
    "with the expected accept value": observed(keyed(expected_accept(KEY), fault="")),
    **{f"under {value}": with_policy(value) for value in ("connect-src 'self'", "default-src *", "connect-src wss:")},
    "under a policy with the host name": with_policy(f"connect-src wss://{HOST}"),
    "under a policy with a wildcard": with_policy("connect-src wss://*.example.com"),
    "under a policy about other things": with_policy("script-src 'none'; frame-ancestors 'none'"),
    "under the policy of a sign-in page": with_policy(
        "x", page=response(200, "log in", Content_Security_Policy="connect-src 'none'"), health_check=NOT_FOUND
    ),
    "under a policy of a 404": with_policy("x", page=response(404, Content_Security_Policy="default-src 'none'")),
    "under a policy of a redirect": with_policy(
        "x", page=redirect("/login/", 302, Content_Security_Policy="default-src 'none'")
    ),
    "under a policy at a WebSocket URL": at_websocket(
        OPEN, UPGRADE_REQUIRED, page=response(200, "{}", Content_Security_Policy="default-src 'none'")
    ),
}

QUIET = {
    "no handshake": observed(),
    "one WebSocket of two does not open": observed(handshakes(OPEN), handshakes(response(403), path=KERNEL)),
    "500 for the page": observed(handshakes(OPEN), page=response(500)),
    "no response from the page": observed(handshakes(OPEN), page=TIMED_OUT),
    "426 for the page": observed(handshakes(OPEN), page=response(426), health_check=response(426)),
    "429 for the page": observed(handshakes(OPEN), page=response(429)),
    "an idle WebSocket is closed": held(idle(20.0, code=1000), STAYED),
    "the WebSocket drops at once": pinged(ping(DROPPED)),
    "the WebSocket opens only without the proxy": through_proxy(handshakes(response(403), direct=OPEN)),
}
