"""Evidence made by chance, the same for the same seed."""

import random
from dataclasses import replace

from checks.evidence import (
    Certificate,
    ConnectAttempt,
    Evidence,
    Handshake,
    HoldResult,
    PingResult,
    Recheck,
    Response,
    Route,
    SizeResult,
)
from checks.probe import NOTIFICATIONS

from .evidence import (
    CLOSED,
    COOKIE_TOO_LARGE,
    CROSS_ORIGIN,
    DROPPED,
    ENVOY_403,
    F5,
    HOST,
    HTTP,
    HTTPS,
    HTTPS_PORT,
    KERNEL,
    KEY,
    NO_PONG,
    NO_TLS,
    NOT_AN_UPGRADE,
    OPEN,
    PLAIN_HTTP,
    PROXY,
    RESERVED_BITS,
    WEBAPP,
    WSS,
    handshakes,
    tls,
)

CONNECTION_MISSING = '"Connection" must be "Upgrade".'
BODIES = ["", "pong", NOT_AN_UPGRADE, CROSS_ORIGIN, F5.body, HTTPS_PORT.body, COOKIE_TOO_LARGE.body, "<html>"]
BODIES += [CONNECTION_MISSING, "unsupported HTTP version: HTTP/1.0", "Origin not allowed", "Welcome to nginx!"]
BODIES += ["\x1b[31m\u202e\ud7ff\x00"]
ERRORS = [
    "",
    "no response within 10 s",
    "connection refused",
    PLAIN_HTTP,
    "the proxy requires a user name and password",
]
HEADERS = [
    *OPEN.headers,
    *ENVOY_403.headers,
    ("Location", "/login"),
    ("Location", "http://[half"),
    ("Location", f"{HTTPS}{NOTIFICATIONS}/"),
    ("WWW-Authenticate", "Negotiate"),
    ("Content-Security-Policy", "connect-src 'none',; ;,"),
    ("Content-Security-Policy", "connect-src http://[ ws://["),
    ("Retry-After", "5"),
    ("Location", NOTIFICATIONS),
    ("Sec-WebSocket-Version", "13"),
]
VARIANTS = ["", "again", "no-upgrade", "no-origin", "no-cookies", "no-extensions", "direct", "http2"]
VARIANTS += ["firefox", "safari", "keep-alive", "forwarded-https"]
ISSUERS = ["", "R11, Let's Encrypt", "Zscaler", "Kaspersky", "Example Corp CA"]
STATUSES = [0, 101, 101, 200, 200, 301, 302, 308, 400, 401, 403, 404, 405, 407, 426, 429, 431]
STATUSES += [500, 502, 503, 504, 505, 999]
FAULTS = ["", "", "no 101", "unsupported extension: x", "invalid Sec-WebSocket-Accept header"]
PING_ERRORS = ["", "", RESERVED_BITS, NO_PONG, DROPPED, "the server closed the WebSocket with code 1002"]
MOMENTS = ["alone", "alone", "together", "beside a handshake", "alone again", "held", "after", "in turn"]
PATHS = [NOTIFICATIONS, KERNEL, WEBAPP, "//[", ""]


def random_evidence(seed):
    """Return evidence that contradicts itself no more than a survey may."""
    return _Chance(seed).evidence()


class _Chance:
    """Each method returns one record."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.one = self.chance.choice

    def some(self, make, most=3):
        return tuple(make() for _ in range(self.chance.randint(0, most)))

    def response(self):
        status = self.one(STATUSES)
        return Response(status, "", self.some(lambda: self.one(HEADERS), 5), self.one(BODIES), self.one(ERRORS))

    def handshake(self):
        sent = self.some(lambda: self.one([("Sec-WebSocket-Key", KEY), ("Host", HOST), ("Cookie", "***")]))
        arrived = self.some(lambda: self.one([("host", "other"), ("Upgrade", "websocket")]), 1)
        return Handshake(self.one(PATHS), self.one(VARIANTS), self.response(), self.one(FAULTS), sent, arrived)

    def route(self):
        return Route(
            self.one(["", PROXY]),
            host=HOST,
            attempts=self.some(lambda: ConnectAttempt("127.0.0.1:80", self.one(ERRORS))),
            tunnel=self.response(),
            tls=self.tls(),
            failed=self.one(["", "", "", "name", "tcp", "proxy", "tls"]),
            error=self.one(ERRORS),
        )

    def tls(self):
        negotiated = tls(self.one(ISSUERS), self.one([0, 0, 0, 10, 18, 20, 62, 99]))
        return self.one([NO_TLS, negotiated, replace(negotiated, certificate=Certificate())])

    def hold(self):
        return HoldResult(
            NOTIFICATIONS,
            self.one([0.0, 15.0]),
            self.one([0.0, 10.0, 58.0, 60.0]),
            self.one([True, False]),
            self.one([0, 0, 1000, 1001, 1012]),
            self.one([0.0, 2.0]),
        )

    def ping(self):
        path, variant, code = self.one([NOTIFICATIONS, KERNEL]), self.one(VARIANTS), self.one([0, 1002, 1009])
        error = self.one(PING_ERRORS)
        return PingResult(path, variant, 0.1, 0, code, "", error, unreadable=error == RESERVED_BITS)

    def size(self):
        return SizeResult(NOTIFICATIONS, self.one([0, 1024, 65536]), self.one([True, False]), self.one([0, 1009]))

    def recheck(self):
        upgrade = self.one([True, False])
        path = NOTIFICATIONS if upgrade else self.one(["/", "/dip/api/ping", NOTIFICATIONS])
        response, opened = self.one([(self.response(), False), (OPEN, True)]) if upgrade else (self.response(), False)
        return Recheck(self.one(MOMENTS), path, upgrade, response, opened, self.one([0, 1, 2]))

    def routes(self, url):
        route, direct = self.route(), self.route()
        if not url.startswith(("https", "wss")):
            route, direct = replace(route, tls=NO_TLS), replace(direct, tls=NO_TLS)
        if route.proxy and not 200 <= route.tunnel.status < 300:
            route = replace(route, failed="proxy", tls=NO_TLS)
        return route, direct if route.proxy else Route()

    def evidence(self):
        url = self.one([HTTP, HTTPS, WSS, "http://[::1]:80"])
        route, direct = self.routes(url)
        evidence = Evidence(
            url,
            self.response(),
            self.response(),
            route=route,
            direct=direct,
            tunnels=self.some(lambda: (f"{HOST}:443", self.one(STATUSES)), 1),
            other_scheme=self.response(),
            recorded_at="now",
        )
        if route.failed:  # nothing connected, so no WebSocket opened
            return replace(evidence, handshakes=tuple(handshakes(CLOSED, CLOSED)) if route.failed == "proxy" else ())
        return replace(
            evidence,
            handshakes=self.some(self.handshake, 6),
            holds=self.some(self.hold, 2),
            pings=self.some(self.ping),
            sizes=self.some(self.size),
            rechecks=self.some(self.recheck, 9),
        )
