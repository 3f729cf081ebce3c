"""Build evidence: a DSS that works, and what differs from it.

`observed` is the whole; what it takes is built by the functions above it, and common wholes by those below.
"""

from dataclasses import replace
from itertools import chain

from checks.evidence import (
    Certificate,
    Evidence,
    Handshake,
    HoldResult,
    PingResult,
    Recheck,
    Response,
    Route,
    SizeResult,
    Tls,
)
from checks.findings.facts import expected_accept
from checks.probe import NOTIFICATIONS

HOST = "dss.example.com"
HTTP, HTTPS, WSS = f"http://{HOST}", f"https://{HOST}", f"wss://{HOST}/live"
KERNEL = "/jupyter/api/kernels/1/channels"
WEBAPP = "/web-apps-backends/A/b/ws"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PROXY = "http://proxy.example.com:3128"


def response(status, body="", reason="", **headers):
    """Return a response; an underscore in the name of a header is a hyphen."""
    return Response(status, reason, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


def redirect(location, status=301, **headers):
    return response(status, Location=location, **headers)


PAGE = Response(200, "OK", body="<html>the page of DSS")
HEALTHY = Response(200, "OK", body="pong")
OPEN = response(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept="x")
UPGRADE_REQUIRED = response(426)
NOT_FOUND = response(404, "none")
TIMED_OUT = Response(error="no response within 10 s")
CLOSED = Response(error="the server closed the connection before it sent a response")

SIGN_IN = Response(200, body="<html>Who are you?")
BASIC = response(401, WWW_Authenticate='Basic realm="gate"')
NEGOTIATE = response(401, WWW_Authenticate="Negotiate")

CROSS_ORIGIN = "Cross origin websockets not allowed"
NOT_AN_UPGRADE = 'Can "Upgrade" only to "WebSocket".'
"""Bodies of Jupyter."""

HAPROXY_503 = response(503, "<h1>503 Service Unavailable</h1>\nNo server is available to handle this request.")
VARNISH_503 = response(503, "Guru Meditation", "Backend fetch failed", Retry_After="5")
COOKIE_TOO_LARGE = response(400, "<h1>400 Bad Request</h1>Request Header Or Cookie Too Large")
F5 = response(200, "The requested URL was rejected. Please consult with your administrator. Your support ID is: 1")
HTTPS_PORT = response(400, "The plain HTTP request was sent to HTTPS port")
ENVOY_403 = response(403, Date="now", Server="envoy", Connection="close", Content_Length="0")
FORWARDED_403 = response(403, Server="envoy", Date="now", Content_Length="0", Connection="close")

PLAIN_HTTP = "the port responded with plain HTTP instead of TLS"
"""The error of a TLS handshake with a port that serves plain HTTP."""


def handshake(path, variant, answer):
    return Handshake(path, variant, answer, "" if answer == OPEN else "no 101")


def handshakes(upgraded, plain=UPGRADE_REQUIRED, *, path=NOTIFICATIONS, **variants):
    """Return the handshakes on one path.

    The response to the handshake without Origin is the same, unless it is given.
    """
    answers = {"": upgraded, "no-upgrade": plain, "no-origin": upgraded}
    answers |= {name.replace("_", "-"): answer for name, answer in variants.items()}
    return [handshake(path, variant, answer) for variant, answer in answers.items()]


def repeated(*answers, first=(), path=NOTIFICATIONS):
    """Return identical handshakes on one path, with a response for each."""
    firsts = first or handshakes(answers[0], path=path)
    return [*firsts, *(handshake(path, "again", answer) for answer in answers[1:])]


def signed_in(answer):
    """Return the handshakes of a user with a cookie, each with this response."""
    return [replace(each, sent=(("Cookie", "***"),)) for each in handshakes(answer, answer, no_cookies=answer)]


def keyed(accept, fault="invalid Sec-WebSocket-Accept header"):
    """Return a handshake with a known key and this Sec-WebSocket-Accept."""
    answer = response(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=accept)
    return [Handshake(NOTIFICATIONS, "", answer, fault, (("Sec-WebSocket-Key", KEY),))]


SENT = (
    *(("Host", HOST), ("Origin", HTTP), ("Upgrade", "websocket"), ("Connection", "Upgrade")),
    *(("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", "dummy")),
)


def arrived(answer, *, version="HTTP/1.1", **changed):
    """Return evidence of `checks echo`, with the headers that did not arrive as sent.

    An underscore in the name of a header is a hyphen; None means that it was lost.
    """
    headers = {**dict(SENT), **{name.replace("_", "-"): value for name, value in changed.items()}}
    pairs = tuple((name, value) for name, value in headers.items() if value is not None)
    line = f"GET {NOTIFICATIONS} {version}"
    opened = response(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=expected_accept(KEY))
    upgraded, fault = (opened, "") if answer == OPEN else (answer, "no 101")
    shake = Handshake(NOTIFICATIONS, "", upgraded, fault, SENT, pairs, arrived_request=line)
    return observed([shake, *handshakes(answer)[1:]], page=response(200, "a"), health_check=response(200, "b"))


RESERVED_BITS = "invalid frame: reserved bits must be 0"
NO_PONG = "no pong within 10 s"
DROPPED = "the server closed the connection without a close frame"


def ping(error="", *, variant="", pong=0.0, path=NOTIFICATIONS, **more):
    pong = pong or (0.0 if error else 0.1)
    return PingResult(path, variant, pong, error=error, unreadable=error == RESERVED_BITS, **more)


PONG_UNCOMPRESSED = ping(variant="no-extensions")


def idle(seconds, *, dropped=True, code=0, error=DROPPED, **more):
    return HoldResult(NOTIFICATIONS, 0, seconds, dropped, code, error=error if dropped else "", **more)


def busy(seconds, *, dropped=True, code=0, after=4.0, every=15.0, error=DROPPED, **more):
    return HoldResult(NOTIFICATIONS, every, seconds, dropped, code, after, error if dropped else "", **more)


STAYED = busy(75.0, dropped=False)

NO_TLS = Tls()


def tls(issuer="R11, Let's Encrypt", code=0, *, names=(HOST,), ends="2027-01-01T00:00:00Z"):
    """Return the TLS of a server whose certificate is from this issuer."""
    certificate = Certificate(names[0], issuer, names, "2026-01-01T00:00:00Z", ends, f"digest of {issuer} {names}")
    return Tls("TLSv1.3", "http/1.1", certificate, "in the words of OpenSSL" if code else "", code)


NO_TRUST_STORE = replace(tls(code=20), no_trust_store=True)


def observed(*paths, page=PAGE, health_check=HEALTHY, holds=(), url=HTTP, **more):
    """Return evidence with the handshakes of each path."""
    return Evidence(url, page, health_check, tuple(chain.from_iterable(paths)), holds, **more)


def everywhere(answer, **more):
    """Return evidence of a site that sends one response everywhere, also alone."""
    return alone(observed(handshakes(answer, answer), page=answer, health_check=answer, **more))


def alone(evidence, *more, **responses):
    """Return the evidence with each request repeated alone.

    Responses are those of the first look, or given as `page`, `health_check`, `plain` and `handshake`. `more` follows
    the second look.
    """
    path = evidence.paths[0]
    first = {"page": evidence.page, "health_check": evidence.health_check}
    first |= {"plain": evidence.handshake(path, "no-upgrade").response, "handshake": evidence.handshake(path).response}
    paths = {"page": "/", "health_check": "/dip/api/ping"}
    rechecks = [
        recheck("alone", paths.get(name, path), answer, upgrade=name == "handshake")
        for name, answer in (first | responses).items()
    ]
    return replace(evidence, rechecks=(*rechecks, *more))


def recheck(moment, path, answer, *, upgrade=False, held=0):
    """Return one request of the second look."""
    return Recheck(moment, path, upgrade, answer, upgrade and answer.status == 101, held)


def without_rechecks(evidence):
    """Return the evidence of the first look alone, as with --gentle."""
    return replace(evidence, rechecks=())


def at_websocket(upgraded, plain, **more):
    """Return evidence of a wss:// URL, whose server is unknown."""
    return observed(handshakes(upgraded, plain, path="/live"), url=WSS, **({"health_check": Response()} | more))


def doubled(name, value):
    """Return evidence of a valid response with one more header."""
    sent = (("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Protocol", "dummy"))
    valid = response(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=expected_accept(KEY))
    headers = (*valid.headers, ("Sec-WebSocket-Protocol", "dummy"), (name, value))
    answer = replace(valid, headers=headers)
    return observed([Handshake(NOTIFICATIONS, "", answer, f"more than one {name}", sent)])


def pinged(*pings, answers=(OPEN, OPEN), **more):
    """Return evidence of a WebSocket that opens, and of its pings."""
    return observed(handshakes(answers[0], no_extensions=answers[1]), pings=pings, **more)


def sized(*sizes):
    """Return evidence of messages, each with size and close code (None if it passed)."""
    results = (SizeResult(NOTIFICATIONS, size, code is None, code or 0) for size, code in sizes)
    return observed(handshakes(OPEN), sizes=tuple(results))


def held(*holds):
    return observed(handshakes(OPEN), holds=holds)


def certified(*arguments, paths=None, **more):
    """Return evidence behind a certificate; by default, the WebSocket opens."""
    return observed(paths or handshakes(OPEN), url=HTTPS, route=Route(tls=tls(*arguments)), **more)


def over_http2(answer, fault="no 200", sent=((":protocol", "websocket"),), over_http1=OPEN):
    """Return evidence of a server that offers WebSocket over HTTP/2.

    Without `sent`, it may not offer it.
    """
    shakes = [Handshake(NOTIFICATIONS, "http2", answer, fault, sent)]
    return observed(handshakes(over_http1), shakes, url=HTTPS, route=Route(tls=tls()))


def through_proxy(*paths, tunnel=HEALTHY, failed="", secured=NO_TLS, page=PAGE, **more):
    """Return evidence through a forward proxy, without TLS unless `secured`."""
    route = Route(PROXY, host="proxy.example.com", tunnel=tunnel, tls=secured, failed=failed)
    return observed(*paths, page=page, route=route, **({"url": HTTPS if secured.version else HTTP} | more))


def no_tunnel(status, **more):
    """Return evidence of a forward proxy that sends this status for CONNECT."""
    answer, none = response(status), Response(error=f"the proxy answered {status} to CONNECT")
    pages = {"page": none, "health_check": none}
    return through_proxy(handshakes(none, none), tunnel=answer, failed="proxy", **(pages | more))


def socks(error):
    """Return evidence of a SOCKS5 proxy that fails."""
    none = Response(error=error)
    route = Route("socks5://proxy.example.com:1080", tunnel=none, failed="proxy", error=error)
    return observed(handshakes(none), page=none, health_check=none, route=route)


def not_connected(stage, error, page=None, *, url=HTTP, **route):
    """Return evidence of a connection that failed at this stage."""
    page = page or Response(error=error)
    return Evidence(url, page, Response(), route=Route(failed=stage, error=error, **route))


def in_both_schemes(page, other, *, url=HTTPS, **route):
    """Return evidence of a port that was asked in the other scheme too."""
    return Evidence(url, page, Response(), route=Route(**route), other_scheme=other)


def with_policy(value, **more):
    """Return evidence of a page with a Content-Security-Policy."""
    page = response(200, "<html>", Content_Security_Policy=value)
    return observed(handshakes(OPEN), **({"url": HTTPS, "page": page} | more))
