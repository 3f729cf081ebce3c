"""What each cause is proven by, what only looks like it, and between which causes evidence does not decide."""

import random
from dataclasses import replace
from itertools import chain

import pytest

from checks.evidence import (
    Certificate,
    ConnectAttempt,
    Evidence,
    Handshake,
    HoldResult,
    PingResult,
    Response,
    Route,
    SizeResult,
    Tls,
)
from checks.findings import cause, diagnose, ids
from checks.findings.facts import Facts
from checks.findings.facts import expected_accept as expected
from checks.probe import NOTIFICATIONS

HOST = "dss.example.com"
PLAIN, SECURE, SOCKET = f"http://{HOST}", f"https://{HOST}", f"wss://{HOST}/live"
KERNEL = "/jupyter/api/kernels/1/channels"
WEBAPP = "/web-apps-backends/A/b/ws"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def says(status, body="", reason="", **headers):
    return Response(status, reason, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


def to(address, status=301, **headers):
    return says(status, Location=address, **headers)


PAGE = Response(200, "OK", body="<html>the page of DSS")
PONG = Response(200, "OK", body="pong")
OPEN = says(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept="x")
SILENT = Response(error="no response within 10 s")
CLOSED = Response(error="the server closed the connection before it sent a response")
UPGRADE = says(426)
LOGIN = Response(200, body="<html>Who are you?")
NO_ORIGIN = "Cross origin websockets not allowed"
NO_UPGRADE = 'Can "Upgrade" only to "WebSocket".'


def shakes(asked, plain=UPGRADE, *, path=NOTIFICATIONS, **variants):
    """Return the handshakes on one path; without Origin the answer is the same unless it is given."""
    variants = {"": asked, "no-upgrade": plain, "no-origin": asked} | {
        name.replace("_", "-"): answer for name, answer in variants.items()
    }
    return [tried(path, variant, answer) for variant, answer in variants.items()]


def tried(path, variant, answer):
    return Handshake(path, variant, answer, "" if answer == OPEN else "no 101")


def keyed(accept, fault="invalid Sec-WebSocket-Accept header"):
    """Return one handshake, with the key that was sent, and the accept value that came."""
    answer = says(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=accept)
    return [Handshake(NOTIFICATIONS, "", answer, fault, (("Sec-WebSocket-Key", KEY),))]


def doubled(name, value):
    """Return one handshake whose answer fits, and has this header once more."""
    sent = (("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Protocol", "dummy"))
    fits = says(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=expected(KEY))
    headers = (*fits.headers, ("Sec-WebSocket-Protocol", "dummy"), (name, value))
    return seen([Handshake(NOTIFICATIONS, "", replace(fits, headers=headers), f"more than one {name}", sent)])


def seen(*sockets, page=PAGE, ping=PONG, holds=(), url=PLAIN, **more):
    return Evidence(url, page, ping, tuple(chain.from_iterable(sockets)), holds, **more)


def again(*answers, first=(), path=NOTIFICATIONS):
    """Return the handshakes on one path where the same is made again."""
    return [*(first or shakes(answers[0], path=path)), *(tried(path, "again", answer) for answer in answers[1:])]


def everywhere(answer, **more):
    return seen(shakes(answer, answer), page=answer, ping=answer, **more)


def at_socket(asked, plain, **more):
    """Return what is seen of an address that begins with wss, where nobody knows what serves it."""
    return seen(shakes(asked, plain, path="/live"), url=SOCKET, **({"ping": Response()} | more))


def pinged(*frames, shaken=(OPEN, OPEN), **more):
    """Return what is seen of sockets that open, when a ping is sent, with and without extensions."""
    return seen(shakes(shaken[0], no_extensions=shaken[1]), pings=frames, **more)


RESERVED = "invalid frame: reserved bits must be 0"


def ping(error="", *, variant="", pong=0.0, **more):
    pong = pong or (0.0 if error else 0.1)
    return PingResult(NOTIFICATIONS, variant, pong, error=error, unreadable=error == RESERVED, **more)


BARE = ping(variant="no-extensions")
NO_PONG = "no pong within 10 s"
DROPPED_OFF = "the server closed the connection without a close frame"


def sized(*sizes):
    return seen(
        shakes(OPEN), sizes=tuple(SizeResult(NOTIFICATIONS, size, code is None, code or 0) for size, code in sizes)
    )


def silent(seconds, *, dropped=True, code=0):
    return HoldResult(NOTIFICATIONS, 0, seconds, dropped=dropped, close_code=code)


def busy(seconds, *, dropped=True, code=0, after=2.0):
    return HoldResult(NOTIFICATIONS, 15, seconds, dropped=dropped, close_code=code, after=after)


def held(*holds):
    return seen(shakes(OPEN), holds=holds)


DENIED = says(403, Date="now", Server="envoy", Connection="close", Content_Length="0")
PASSED_ON = says(403, Server="envoy", Date="now", Content_Length="0", Connection="close")
LARGE = says(400, "<h1>400 Bad Request</h1>Request Header Or Cookie Too Large")
STAYED = busy(75.0, dropped=False)


def tls(issuer="R11, Let's Encrypt", code=0, *, names=(HOST,), ends="2027-01-01T00:00:00Z"):
    """Return what TLS was agreed on with a server whose certificate is from this issuer."""
    certificate = Certificate(names[0], issuer, names, "2026-01-01T00:00:00Z", ends, f"digest of {issuer} {names}")
    return Tls("TLSv1.3", "http/1.1", certificate, "in the words of OpenSSL" if code else "", code)


BLIND = replace(tls("R11, Let's Encrypt", 20), no_trust_store=True)


def certified(*arguments, sockets=None, **more):
    """Return what is seen behind this certificate; everything works but for it."""
    return seen(sockets or shakes(OPEN), url=SECURE, route=Route(tls=tls(*arguments)), **more)


COMPANY = "http://proxy.example.com:3128"


NO_TLS = Tls()


def through(*sockets, tunnel=PONG, failed="", secured=NO_TLS, page=PAGE, **more):
    """Return what is seen through the company's proxy, plain unless `secured`."""
    route = Route(COMPANY, host="proxy.example.com", tunnel=tunnel, tls=secured, failed=failed)
    return seen(*sockets, page=page, route=route, **({"url": SECURE if secured.version else PLAIN} | more))


def no_tunnel(status, **more):
    """Return what is seen when the company's proxy answers CONNECT like this."""
    answer, none = says(status), Response(error=f"the proxy answered {status} to CONNECT")
    return through(shakes(none, none), tunnel=answer, failed="proxy", **({"page": none, "ping": none} | more))


def socks(error):
    none = Response(error=error)
    route = Route("socks5://proxy.example.com:1080", tunnel=none, failed="proxy", error=error)
    return seen(shakes(none), page=none, ping=none, route=route)


def nowhere(stage, error, page=None, **more):
    """Return what is seen where a connection ended in this stage."""
    return Evidence(
        more.pop("url", PLAIN),
        page or Response(error=error),
        Response(),
        route=Route(failed=stage, error=error, **more),
    )


def asked_otherwise(page, other, *, url=SECURE, **route):
    """Return what is seen of a port that was asked in the other scheme too."""
    return Evidence(url, page, Response(), route=Route(**route), other_scheme=other)


PLAIN_ANSWER = "the port responded with plain HTTP instead of TLS"
TLS_PORT = says(400, "The plain HTTP request was sent to HTTPS port")


def policy(value, **more):
    return seen(shakes(OPEN), **({"url": SECURE, "page": says(200, "<html>", Content_Security_Policy=value)} | more))


NO_SERVER = says(503, "<h1>503 Service Unavailable</h1>\nNo server is available to handle this request.")
NO_FETCH = says(503, "Guru Meditation", "Backend fetch failed", Retry_After="5")
F5 = says(200, "The requested URL was rejected. Please consult with your administrator. Your support ID is: 1")
BASIC = says(401, WWW_Authenticate='Basic realm="gate"')
NEGOTIATE = says(401, WWW_Authenticate="Negotiate")
NONE = says(404, "none")


def logged_in(answer):
    """Return the handshakes of somebody with a cookie, of which each gets this answer."""
    return [replace(shake, sent=(("Cookie", "***"),)) for shake in shakes(answer, answer, no_cookies=answer)]


def over_http_2(answer, fault="no 200", sent=((":protocol", "websocket"),), over_http_1=OPEN):
    """Return what is seen of a server that offers WebSocket over HTTP/2 too; without `sent` it may not have."""
    return seen(
        shakes(over_http_1),
        [Handshake(NOTIFICATIONS, "http2", answer, fault, sent)],
        url=SECURE,
        route=Route(tls=tls()),
    )


FIRES = {
    "accept-mismatch": {
        "the answer to another key": seen(keyed(expected("AAAAAAAAAAAAAAAAAAAAAA=="))),
        "one character": seen(keyed(expected(KEY).replace("s", "S"))),
    },
    "auth-on-handshake": {
        "Negotiate": seen(shakes(NEGOTIATE, NEGOTIATE)),
        "Basic, of somebody who has logged in": seen(logged_in(BASIC)),
    },
    "backend-down": {
        "502 to everything": everywhere(says(502)),
        "503 of HAProxy, which has tried for 3 s": everywhere(replace(NO_SERVER, seconds=3.0)),
        "503 of Varnish, which has tried for 3.5 s": everywhere(replace(NO_FETCH, seconds=3.5)),
        "503 of Varnish, which closes a pipe": seen(shakes(CLOSED, NO_FETCH), page=NO_FETCH, ping=NO_FETCH),
        "503 of Apache httpd": everywhere(
            says(503, "The server is temporarily unable to service your\nrequest due to maintenance downtime")
        ),
        "503 of Envoy": everywhere(says(503, "upstream connect error or disconnect/reset before headers.")),
        "503 of Squid": everywhere(says(503, X_Squid_Error="ERR_CONNECT_FAIL 111")),
        "503 of lighttpd": everywhere(says(503, Server="lighttpd/1.4.79")),
        "a bare close instead of a 504": seen(shakes(Response(error="EOF"), says(504)), page=says(504), ping=says(504)),
        "behind the nginx of DSS, which has the page": seen(shakes(says(502), says(502)), ping=says(502)),
    },
    "cert-untrusted": {
        **{f"OpenSSL says {code}": certified("R11, Let's Encrypt", code) for code in (9, 10, 18, 62, 64)},
        "an issuer that is not known": certified("Example Corp CA", 20),
        "it alone, where nothing is looked at any more": nowhere(
            "tls", "the certificate is not trusted", tls=tls("x", 10)
        ),
        "the same through the proxy and without": through(
            shakes(OPEN), secured=tls("Example Corp CA", 20), direct=Route(tls=tls("Example Corp CA", 20))
        ),
        "that with which an appliance was delivered, for a name of its own": seen(
            shakes(OPEN), url=SECURE, route=Route(tls=tls("FG100F, Fortinet", 18, names=("FG100F",)))
        ),
        "of an authority whose name holds that of a product": certified("Big Data Platform CA", 20),
        "of another whose name does": certified("Preset Root CA", 20),
    },
    "connect-denied": {
        "403, and not to 443": no_tunnel(403, tunnels=((f"{HOST}:443", 200),)),
        "403, and the page comes": no_tunnel(403, page=PAGE, ping=PONG),
        "403 to everything": no_tunnel(403, tunnels=((f"{HOST}:443", 403),)),
        "405, and the page comes": no_tunnel(405, page=PAGE, ping=PONG),
        "501, and the page comes": no_tunnel(501, page=PAGE, ping=PONG),
    },
    "csp-blocks": {
        "scripts of everybody, connections of nobody": policy("script-src *; connect-src 'none'"),
        "an empty list": policy("connect-src"),
        "another host": policy("default-src *; connect-src https://api.example.org wss://live.example.org"),
        "HTTPS, which is no wss": policy("connect-src https:"),
        "by default": policy("default-src 'unsafe-inline' data:"),
        "the second of two policies": policy("img-src *, connect-src 'none'"),
        "the first of two directives": policy("connect-src 'none'; connect-src *"),
    },
    "endpoint-security": {
        "an issuer that nobody else knows": certified("Kaspersky Anti-Virus Personal Root Certificate", 20),
        "the same, and no socket": certified("Avast Web/Mail Shield Root", 20, sockets=shakes(CLOSED, says(403))),
    },
    "extension-mangled": {
        "reserved bits": pinged(ping(RESERVED), BARE),
        "closed with 1002": pinged(ping("the server closed the WebSocket with code 1002", close_code=1002), BARE),
        "closed with 1007": pinged(ping("the server closed the WebSocket with code 1007", close_code=1007), BARE),
        "an answer with an extension that was not offered": seen(
            [
                Handshake(NOTIFICATIONS, "", OPEN, "unsupported extension: name = x-webkit-deflate-frame, params = []"),
                Handshake(NOTIFICATIONS, "no-extensions", OPEN),
            ],
            pings=(BARE,),
        ),
    },
    "forward-proxy-blocks": {
        "426 through it, 101 without": through(shakes(UPGRADE, UPGRADE, direct=OPEN)),
        "405": through(shakes(says(405), says(405), direct=OPEN)),
        "400 in the words of Jupyter": through(shakes(says(400, NO_UPGRADE), says(400, NO_UPGRADE), direct=OPEN)),
    },
    "h2-websocket": {
        "502": over_http_2(says(502)),
        "a stream that is reset": over_http_2(Response(error="the stream was reset with error 2")),
        "silence": over_http_2(SILENT),
    },
    "handshake-header-mangled": {
        **{
            f"101 without {name}": seen(
                shakes(Response(101, headers=tuple(pair for pair in OPEN.headers if name not in pair)))
            )
            for name, _ in OPEN.headers
        },
        "Upgrade twice": doubled("Upgrade", "h2,h2c"),
        "the same Upgrade twice": doubled("Upgrade", "WebSocket"),
        "another accept value after the one that fits": doubled("Sec-WebSocket-Accept", "x"),
        "a subprotocol after the one that was asked for": doubled("Sec-WebSocket-Protocol", "other"),
    },
    "handshake-unanswered": {
        "silence": seen(shakes(SILENT)),
        "silence on both sockets": seen(shakes(SILENT), shakes(SILENT, says(400, NO_UPGRADE), path=KERNEL)),
    },
    "header-too-large": {
        "400 of nginx to a reader who is logged in": seen(
            shakes(LARGE, LARGE, no_cookies=says(401)), page=LARGE, ping=LARGE
        ),
        "400 of nginx, where the page is just small enough": seen(shakes(LARGE, no_cookies=says(403))),
        "400 of nginx, where only the page and the health check are small enough": seen(
            shakes(LARGE, LARGE, no_cookies=OPEN)
        ),
        "400 of Apache": seen(
            shakes(says(400, "Size of a request header field exceeds server limit."), no_cookies=says(401))
        ),
        "431": seen(shakes(says(431), says(431), no_cookies=says(302))),
        "400 without a word, to everything but a socket without cookies": seen(
            shakes(says(400), says(400), no_cookies=OPEN), page=says(400), ping=says(400)
        ),
    },
    "host-not-preserved": {
        "403 in the words of Jupyter": seen(
            shakes(says(401)), shakes(says(403, NO_ORIGIN), path=KERNEL, no_origin=OPEN)
        ),
        "403 while notifications open": seen(shakes(OPEN), shakes(says(403), path=KERNEL, no_origin=OPEN)),
    },
    "http-1-0-upstream": {"505": seen(shakes(says(505), says(505)))},
    "idle-timeout": {"silence drops": held(silent(60.0), STAYED)},
    "intermittent": {
        "the first opened": seen(again(OPEN, CLOSED, OPEN, says(400), OPEN)),
        "the first did not": seen(again(says(502), OPEN, says(502), OPEN, OPEN)),
        "what would be a lost Upgrade": seen(again(UPGRADE, OPEN, first=shakes(UPGRADE, UPGRADE))),
        "what would be a lost Host": seen(
            again(
                says(403, NO_ORIGIN), OPEN, first=shakes(says(403, NO_ORIGIN), no_origin=OPEN, path=KERNEL), path=KERNEL
            )
        ),
        "what HTTP/2 would be blamed for": seen(
            again(OPEN, CLOSED, OPEN),
            [Handshake(NOTIFICATIONS, "http2", says(502), "no 200", (("Host", HOST),))],
        ),
        "some refusals for their number, and one that is none": seen(again(OPEN, says(429), says(403))),
    },
    "lifetime-limit": {
        "both end at one age": held(silent(60.0), busy(60.1)),
        "politely": held(silent(60.0, code=1001), busy(60.0, code=1001)),
    },
    "message-size-limit": {
        "1009 above 64 KiB": sized((1024, None), (65536, None), (131072, 1009), (98304, 1009), (66000, 1009)),
        "1009 above the smallest": sized((1024, None), (2048, 1009)),
    },
    "proxy-auth": {
        "407": no_tunnel(407),
        "407 to the tunnel, and the page comes": no_tunnel(407, page=PAGE, ping=PONG),
        "SOCKS without a login": socks("the proxy requires a user name and password"),
        "SOCKS with another": socks("the proxy rejected this user name and password"),
    },
    "proxy-reload": {
        "both end at one moment": held(silent(40.0), busy(38.1)),
        "politely": held(silent(40.0, code=1012), busy(38.0, code=1012)),
        "before the first ping": held(silent(7.0, code=1001), busy(5.0, code=1001)),
    },
    "redirect-on-handshake": {
        "a slash more": seen(shakes(to("http://dss.example.com/dip/websocket/?sessionId=diagnose00"))),
        "a slash more, relative": seen(shakes(to("/dip/websocket/?sessionId=diagnose00", 308))),
        "a slash more, and the query lost": seen(shakes(to("/dip/websocket/", 302))),
        "HTTPS for sockets only": seen(shakes(to("https://dss.example.com" + NOTIFICATIONS, 302))),
        "one of two": seen(shakes(to("/DIP/websocket?sessionId=diagnose00")), shakes(OPEN, path=KERNEL)),
    },
    "response-buffered": {
        "no byte after the 101": pinged(ping(NO_PONG), ping(NO_PONG, variant="no-extensions")),
        "on both sockets": seen(
            shakes(OPEN), shakes(OPEN, path=KERNEL), pings=(ping(NO_PONG), PingResult(KERNEL, error=NO_PONG))
        ),
    },
    "scheme-mismatch": {
        "https to a port that speaks http": asked_otherwise(
            Response(error=PLAIN_ANSWER), PAGE, failed="tls", error=PLAIN_ANSWER
        ),
        "http to a port of nginx for https": asked_otherwise(TLS_PORT, PAGE, url=PLAIN),
        "http to a port of Apache for https": asked_otherwise(
            says(400, "You're speaking plain HTTP to an SSL-enabled server port."), to("/login", 302), url=PLAIN
        ),
        "http to a port of Go for https": asked_otherwise(
            says(400, "Client sent an HTTP request to an HTTPS server."), NONE, url=PLAIN
        ),
        "http to a port that closes, and speaks https": asked_otherwise(CLOSED, PAGE, url=PLAIN),
    },
    "tls-interception": {
        "a product, whose certificate is not trusted": certified("Zscaler Intermediate Root CA", 20),
        "a copy of the certificate, and no socket but without the proxy": through(
            shakes(CLOSED, UPGRADE, direct=OPEN),
            secured=tls("Example Corp Inspection CA"),
            direct=Route(tls=tls()),
        ),
        "a copy, whose issuer is not trusted": through(
            shakes(OPEN, direct=OPEN), secured=tls("Example Corp Inspection CA", 20), direct=Route(tls=tls())
        ),
    },
    "unreachable": {
        "no such name": nowhere("name", "the name cannot be resolved: Name or service not known", host=HOST),
        "nobody listens": nowhere(
            "tcp", "connection refused", host=HOST, attempts=(ConnectAttempt("192.0.2.1:80", "connection refused"),)
        ),
        "silence": nowhere("tcp", "no response within 10 s", host=HOST),
        "no such proxy": nowhere("name", "the name cannot be resolved", proxy=COMPANY, host="proxy.example.com"),
        "the proxy does not listen": nowhere("tcp", "connection refused", proxy=COMPANY, host="proxy.example.com"),
    },
    "upgrade-denied": {
        "both sockets": seen(shakes(DENIED), shakes(DENIED, says(400, NO_UPGRADE), path=KERNEL)),
        "without a login": seen(shakes(DENIED, says(405)), shakes(DENIED, says(403, "log in"), path=KERNEL)),
    },
    "upgrade-not-forwarded": {
        "426": seen(shakes(says(426), says(426))),
        "405": seen(shakes(says(405), says(405))),
        "400 of Jupyter": seen(
            shakes(says(401), says(401)), shakes(says(400, NO_UPGRADE), says(400, NO_UPGRADE), path=KERNEL)
        ),
        "a page": seen(shakes(says(200, "no handshake"), says(200, "no handshake"))),
        "426 at the address of a socket that somebody names": at_socket(UPGRADE, UPGRADE),
        "through the company's proxy and without it": through(shakes(UPGRADE, UPGRADE, direct=UPGRADE)),
    },
    "upgrade-wrong-location": {
        "notebooks": seen(shakes(OPEN), shakes(says(400, NO_UPGRADE), says(400, NO_UPGRADE), path=KERNEL)),
        "notifications": seen(shakes(says(426)), shakes(OPEN, says(400, NO_UPGRADE), path=KERNEL)),
    },
    "waf-blocks": {
        "F5, in a 200": seen(shakes(F5)),
        "ModSecurity": seen(shakes(says(406, "This error was generated by Mod_Security."))),
        "Imperva": seen(shakes(says(403, "Request unsuccessful. Incapsula incident ID: 1"), NONE)),
        "Cloudflare": seen(shakes(says(403, "<title>Attention Required! | Cloudflare</title>"), says(403, "log in"))),
        "one of two sockets": seen(shakes(OPEN), shakes(F5, says(400, NO_UPGRADE), path=KERNEL)),
    },
    "works": {
        "a socket opens": seen(shakes(OPEN)),
        "and answers": pinged(ping(pong=0.1)),
        "and stays": held(silent(75.0, dropped=False), STAYED),
        "and takes all sizes": sized((1024, None), (16 << 20, None)),
        "behind a certificate": certified(),
        "behind the certificate of a product for inspection": certified("Zscaler Intermediate Root CA"),
        "behind that of security software": certified("Kaspersky Anti-Virus Personal Root Certificate"),
        "through the company's proxy": through(shakes(OPEN)),
        "over HTTP/2 as well": over_http_2(says(200), fault=""),
        "without a login": seen(shakes(OPEN), page=to("/login/", 302)),
        "of a server that is not DSS": seen(shakes(OPEN), page=NONE, ping=NONE),
        "at the address of a socket": at_socket(OPEN, UPGRADE, page=NONE),
        "with the accept value that fits": seen(keyed(expected(KEY), fault="")),
        **{f"under {value}": policy(value) for value in ("connect-src 'self'", "default-src *", "connect-src wss:")},
        "under a policy that names the host": policy(f"connect-src wss://{HOST}"),
        "under a policy that names all hosts of a domain": policy("connect-src wss://*.example.com"),
        "under a policy about other things": policy("script-src 'none'; frame-ancestors 'none'"),
        "under the policy of a login": policy(
            "x", page=says(200, "log in", Content_Security_Policy="connect-src 'none'"), ping=NONE
        ),
        "where only the 404 of an API has a policy": policy(
            "x", page=says(404, Content_Security_Policy="default-src 'none'")
        ),
        "where only the redirect to the login has a policy": policy(
            "x", page=to("/login/", 302, Content_Security_Policy="default-src 'none'")
        ),
        "where the page of a socket's host is not the page that uses it": at_socket(
            OPEN, UPGRADE, page=says(200, "{}", Content_Security_Policy="default-src 'none'")
        ),
    },
    "wrong-path": {
        "a kernel that has ended": seen(shakes(OPEN), shakes(NONE, NONE, path=KERNEL)),
    },
}

QUIET = {
    "accept-mismatch": {
        "no key is known": seen([Handshake(NOTIFICATIONS, "", OPEN, "invalid Sec-WebSocket-Accept header: y")]),
        "no 101": seen([replace(keyed("x")[0], response=says(403, Sec_WebSocket_Accept="x"))]),
    },
    "auth-on-handshake": {
        "of Jupyter, without a scheme": seen(shakes(says(401), says(401), path=KERNEL)),
        "of DSS itself, to somebody without a login": seen(shakes(BASIC, BASIC)),
        "the page asks for it too": everywhere(BASIC),
        "only the page is free": seen(logged_in(BASIC), ping=BASIC),
        "an API with a login of its own": at_socket(NEGOTIATE, NEGOTIATE),
        "forbidden": seen(shakes(says(403), says(403))),
    },
    "backend-down": {
        "a limit of nginx": everywhere(says(503, "<center>nginx</center>")),
        "a name that HAProxy knows no server for": everywhere(NO_SERVER),
        "a name that Varnish knows no server for": everywhere(NO_FETCH),
        "a pause that was planned": everywhere(says(503, "Back at noon.", Retry_After="3600")),
        "a pause of which no end is known": everywhere(says(503, "Back soon.")),
        "a circuit breaker of Traefik": everywhere(says(503, "Service Unavailable")),
        "the page only": seen(shakes(OPEN), page=says(502)),
        "the health check only": seen(shakes(OPEN), ping=says(502)),
        "an error of DSS": everywhere(says(500)),
        "the forward proxy does not get there": no_tunnel(
            503, page=says(503, Server="squid"), ping=says(503, Server="squid")
        ),
        "the forward proxy does not get there, and without it all is well": through(
            shakes(says(503), says(503), direct=OPEN), page=says(503), ping=says(503)
        ),
    },
    "cert-untrusted": {
        "no authority is known here": seen(shakes(OPEN), url=SECURE, route=Route(tls=BLIND)),
        "no authority is known here, and the issuer is a product": seen(
            shakes(OPEN),
            url=SECURE,
            route=Route(tls=replace(BLIND, certificate=tls("Zscaler Root CA", 20).certificate)),
        ),
        "perhaps the proxy's own": through(
            shakes(OPEN), secured=tls("Example Corp CA", 20), direct=Route(failed="tcp", error="connection refused")
        ),
        "TLS that fails otherwise": nowhere("tls", "TLS failed: sslv3 alert handshake failure", url=SECURE),
    },
    "connect-denied": {
        **{f"{status}: tried, and not got there": no_tunnel(status) for status in (502, 503, 504)},
        "a tunnel, and then a refusal of the server": through(shakes(says(403), says(403))),
        "perhaps no proxy at all": no_tunnel(405),
        "not tried at all": seen(shakes(says(403), says(403))),
    },
    "csp-blocks": {
        f"{why}, and no socket": replace(
            policy("x", page=says(page, "log in", Content_Security_Policy="connect-src 'none'"), ping=NONE),
            handshakes=tuple(shakes(says(403), says(403))),
        )
        for why, page in (("a login in place of the page", 200), ("a page of a company's gate", 403))
    },
    "endpoint-security": {
        "no login": certified("Kaspersky Anti-Virus Personal Root Certificate", sockets=shakes(says(403), says(403))),
        "no such socket": certified("Avast Web/Mail Shield Root", sockets=shakes(NONE, NONE)),
    },
    "extension-mangled": {
        "one socket dropped, and the next did not": pinged(ping(DROPPED_OFF), BARE),
        "one was late, and the next was not": pinged(ping(NO_PONG), BARE),
        "one was told to come back": pinged(
            ping("the server closed the WebSocket with code 1013", close_code=1013), BARE
        ),
        "one was reset": pinged(ping("connection reset by peer"), BARE),
        "both are broken": pinged(ping(RESERVED), ping(RESERVED, variant="no-extensions")),
        "not tried without": pinged(ping(RESERVED)),
    },
    "forward-proxy-blocks": {
        "it refuses the page too": through(shakes(says(403), says(403), direct=OPEN), page=says(403), ping=says(403)),
        "a login is missing": through(shakes(says(401), says(401), direct=OPEN)),
        "it does not get there": through(shakes(says(503), says(503), direct=OPEN)),
        "with the same certificate it cannot read what it passes on": through(
            shakes(UPGRADE, UPGRADE, direct=OPEN), secured=tls(), direct=Route(tls=tls())
        ),
        "the way without it is closed": through(
            shakes(UPGRADE, UPGRADE), direct=Route(failed="tcp", error="no answer")
        ),
        "without it the same server is another one": through(shakes(says(403, NO_ORIGIN), NONE, direct=OPEN)),
    },
    "h2-websocket": {
        "not over HTTP/1.1 either": over_http_2(says(403), over_http_1=says(403)),
        "closed before anything was offered": over_http_2(CLOSED, sent=()),
    },
    "handshake-header-mangled": {
        "no subprotocol": seen([Handshake(NOTIFICATIONS, "", OPEN, "no subprotocol came back, and browsers insist")]),
        "an Upgrade to something else, twice": seen(
            [Handshake(NOTIFICATIONS, "", says(101, Upgrade="h2,h2c", Connection="x", Sec_WebSocket_Accept="x"), "no")]
        ),
    },
    "handshake-unanswered": {
        "the kernel of a notebook that computes": seen(shakes(OPEN), shakes(SILENT, path=KERNEL)),
        "nothing is answered": seen(shakes(SILENT, SILENT), page=SILENT, ping=SILENT),
        "refused at once": seen(shakes(Response(error="Connection refused"))),
        "slow with Origin only": seen(shakes(SILENT, no_origin=OPEN)),
        "never asked": seen(),
    },
    "header-too-large": {
        "400 with cookies, but the page has none of it": seen(shakes(says(400), says(400), no_cookies=OPEN)),
        "400 with cookies, a login without": seen(
            shakes(says(400), says(400), no_cookies=to("/login", 302)), page=says(400), ping=says(400)
        ),
        "400 with and without cookies": seen(shakes(says(400), no_cookies=says(400))),
        "nobody is logged in": seen(shakes(LARGE)),
        "403 with cookies": seen(shakes(says(403), no_cookies=OPEN)),
    },
    "host-not-preserved": {
        "a gate that minds Origin": seen(
            shakes(says(403), no_origin=OPEN), shakes(says(403), path=KERNEL, no_origin=OPEN)
        ),
        "a web application with a list of its own": seen(
            shakes(OPEN), shakes(says(403, NO_ORIGIN), path=WEBAPP, no_origin=OPEN)
        ),
        "no login": seen(shakes(OPEN), shakes(says(403, "log in"), path=KERNEL)),
    },
    "http-1-0-upstream": {"505 to the page as well": everywhere(says(505))},
    "idle-timeout": {
        "closed politely": held(silent(60.0, code=1001), STAYED),
        "never opened": held(silent(0.0), STAYED),
        "dropped before the first ping": held(silent(3.0), STAYED),
    },
    "intermittent": {
        "too many at once": seen(again(OPEN, OPEN, says(503), OPEN, says(429))),
        "too many before": seen(again(says(429), OPEN)),
    },
    "lifetime-limit": {
        "before the first ping, so perhaps an idle limit": held(silent(10.0), busy(10.0)),
        "at different ages": held(silent(20.0), busy(50.0)),
        "opened at one moment": held(silent(60.0), busy(60.0, after=0.0)),
    },
    "message-size-limit": {
        "another reason": sized((1024, None), (65536, 1008)),
        "dropped": sized((1024, None), (65536, 0)),
        "a larger one passes": sized((1024, None), (2048, 1009), (4096, None)),
        "none passes": sized((1024, 1009)),
    },
    "proxy-auth": {
        "SOCKS that does not allow it": socks("the proxy does not allow this connection"),
        "407 of a server": everywhere(says(407)),
        "407 of a server behind the tunnel": through(shakes(says(407), says(407))),
    },
    "proxy-reload": {
        "only the silent one": held(silent(10.0), STAYED),
        "opened at one moment": held(silent(60.0, code=1001), busy(60.0, code=1001, after=0.0)),
        "one never opened": held(silent(60.0), busy(0.0)),
    },
    "redirect-on-handshake": {
        "to a login": seen(shakes(to("/login/?to=%2Fdip%2Fwebsocket", 302))),
        "to the login of another host": seen(shakes(to("https://sso.example.com" + NOTIFICATIONS, 302))),
        "to the same address without its query, as those do who take a token out of it": seen(
            shakes(to("/dip/websocket", 302))
        ),
        "to the same address, with a cookie": seen(shakes(to(NOTIFICATIONS, 302, Set_Cookie="seen"))),
        "the page too": everywhere(to("https://dss.example.com/")),
        "to nowhere": seen(shakes(says(302))),
        "to no address": seen(shakes(to("http://[half"))),
    },
    "response-buffered": {
        "one of two sockets, whose kernel computes": seen(
            shakes(OPEN), shakes(OPEN, path=KERNEL), pings=(ping(), PingResult(KERNEL, error=NO_PONG))
        ),
        "a server that talks, and answers no ping": pinged(ping(NO_PONG, messages=3)),
        "a bare close": pinged(ping(DROPPED_OFF), ping(DROPPED_OFF, variant="no-extensions")),
        "late once": pinged(ping(NO_PONG), BARE),
        "a server that is not DSS, and may answer no ping": replace(
            at_socket(OPEN, UPGRADE), pings=(PingResult("/live", error=NO_PONG),)
        ),
    },
    "scheme-mismatch": {
        "TLS that wants the reader's certificate, and says 400 to http": asked_otherwise(
            Response(error="TLS failed"), TLS_PORT, failed="tls", error="TLS failed: sslv3 alert handshake failure"
        ),
        "TLS of another version, on a port that sends http to https": asked_otherwise(
            Response(error="TLS failed"), to(SECURE), failed="tls", error="TLS failed: tlsv1 alert protocol version"
        ),
        "a page that does not come, and 400 to http": asked_otherwise(SILENT, TLS_PORT, tls=tls()),
        "a page that does not come through a proxy, which has one of its own": asked_otherwise(
            SILENT, says(503), proxy=COMPANY, tunnel=PONG, tls=tls()
        ),
        "a proxy behind this port that speaks http to https": asked_otherwise(TLS_PORT, CLOSED, url=PLAIN),
        "nothing in either scheme": asked_otherwise(CLOSED, CLOSED, failed="tls", error="TLS failed"),
        "a page about it": asked_otherwise(says(200, TLS_PORT.body), PAGE, url=PLAIN),
    },
    "tls-interception": {
        "no login": certified("Zscaler Intermediate Root CA", sockets=shakes(says(403), says(403))),
        "no such socket": certified("Zscaler Intermediate Root CA", sockets=shakes(NONE, NONE)),
        "another server without the proxy, and no login": through(
            shakes(says(401), says(401), direct=says(401)),
            secured=tls("E5, Let's Encrypt"),
            direct=Route(tls=tls("E6, Let's Encrypt", ends="2027-02-02T00:00:00Z")),
        ),
        "an inspector through which it fails as it does without the proxy": through(
            shakes(says(403), says(403), direct=says(403)),
            secured=tls("Example Corp Inspection CA"),
            direct=Route(tls=tls()),
        ),
    },
    "unreachable": {
        "the proxy does not get there": no_tunnel(502),
        "TLS fails": nowhere("tls", "connection reset by peer", url=SECURE),
        "the page came": nowhere("tcp", "connection refused", page=PAGE),
        "one connection of many failed": seen(shakes(Response(error="connection refused"))),
    },
    "upgrade-denied": {
        "a 403 that Envoy passes on": seen(shakes(PASSED_ON, says(405))),
        "a 403 of Envoy's other rules": seen(shakes(says(403, "RBAC: access denied", Server="envoy"))),
        "everything is forbidden": seen(shakes(DENIED, DENIED)),
        "the other socket opens": seen(shakes(DENIED), shakes(OPEN, path=KERNEL)),
        "the same from somebody else": seen(
            shakes(says(403, Date="now", Server="x", Connection="close", Content_Length="0"))
        ),
    },
    "upgrade-not-forwarded": {
        "no socket there": seen(shakes(says(404), says(404))),
        "no socket there, and no login": seen(shakes(says(401), says(401)), shakes(says(404), says(404), path="/typo")),
        "a page there": seen(
            shakes(says(401), says(401)), shakes(says(200, "a"), says(200, "a"), path="/jupyter/tree")
        ),
        "400 to both, for reasons of their own": seen(shakes(says(400, "no key"), says(400, "no upgrade"))),
        "400 to both, for any reason": seen(shakes(says(400, "Bad Request"), says(400, "Bad Request"))),
        "a login in place of every page": seen(shakes(LOGIN, LOGIN), page=LOGIN),
        "a login in place of every page, which knows where you came from": seen(
            shakes(says(200, "<html>log in for the socket"), says(200, "<html>log in for the socket")),
            page=says(200, "<html>log in for /"),
            ping=says(200, "<html>log in for the health check"),
        ),
        "a site that shows the same everywhere": everywhere(says(200, "<html>not DSS")),
        "a site that is not DSS": seen(shakes(says(426), says(426)), ping=says(404)),
        "somebody makes another method of GET": seen(shakes(says(405, Allow="GET"), says(405, Allow="GET"))),
        "perhaps the company's proxy": through(shakes(UPGRADE, UPGRADE), direct=Route(failed="tcp", error="no answer")),
    },
    "upgrade-wrong-location": {
        "a page given as a socket": seen(shakes(OPEN), shakes(says(200, "a"), says(200, "a"), path="/jupyter/tree")),
        "notebooks want a login": seen(shakes(OPEN), shakes(says(403), says(403), path=KERNEL)),
    },
    "waf-blocks": {
        "an application that minds Origin": seen(shakes(says(403, "Request blocked by CORS policy"), no_origin=OPEN)),
        "a network of caches without WebSocket": seen(
            shakes(says(400, "<H1>Invalid URL</H1>", Server="AkamaiGHost"), says(405))
        ),
        "the page is refused too": seen(shakes(F5), page=F5),
        "a plain request is refused too": seen(shakes(F5, F5)),
        "forbidden in the server's own words": seen(shakes(says(403, "Forbidden"))),
    },
    "works": {
        "no socket was tried": seen(),
        "one does not open": seen(shakes(OPEN), shakes(says(403), path=KERNEL)),
        "the page has an error": seen(shakes(OPEN), page=says(500)),
        "the page does not come": seen(shakes(OPEN), page=SILENT),
        "the page wants an upgrade": seen(shakes(OPEN), page=says(426), ping=says(426)),
        "the page is one request too many": seen(shakes(OPEN), page=says(429)),
        "one is closed": held(silent(20.0, code=1000), STAYED),
        "one drops at once": pinged(ping(DROPPED_OFF)),
        "it opens only without the proxy": through(shakes(says(403), direct=OPEN)),
    },
    "wrong-path": {
        "a web application whose server says 404 where Upgrade is lost": seen(
            shakes(OPEN), shakes(NONE, NONE, path=WEBAPP)
        ),
        "404 with Upgrade only": seen(shakes(OPEN), shakes(NONE, says(405), path=KERNEL)),
        "404 with Upgrade only, of who has one address for sockets and one for pages": seen(shakes(NONE, UPGRADE)),
        "no socket opens": seen(shakes(NONE, NONE), shakes(NONE, NONE, path=KERNEL)),
        "404 to everything": everywhere(NONE),
    },
}

DOUBTS = {
    "404 with Upgrade and without": (seen(shakes(NONE, NONE)), ["upgrade-not-forwarded", "wrong-path"]),
    "404 beside a socket that opens": (
        seen(shakes(OPEN), shakes(NONE, NONE, path=WEBAPP)),
        ["upgrade-wrong-location", "wrong-path"],
    ),
    "Envoy refuses one socket of two": (
        QUIET["upgrade-denied"]["the other socket opens"],
        ["auth-on-handshake", "upgrade-denied"],
    ),
    "401 to everything": (everywhere(says(401, WWW_Authenticate='Basic realm="x"')), ["auth-on-handshake"]),
    "403 to somebody without a login": (seen(shakes(says(403), says(403))), ["auth-on-handshake"]),
    "a redirect to a login": (seen(shakes(to("/login", 302), to("/login", 302))), ["auth-on-handshake"]),
    "an issuer that is not known, through a proxy without which there is no way": (
        QUIET["cert-untrusted"]["perhaps the proxy's own"],
        ["tls-interception", "cert-untrusted"],
    ),
    "some were refused, perhaps for their number": (
        QUIET["intermittent"]["too many at once"],
        ["intermittent"],
    ),
    "426 through a proxy without which there is no way": (
        QUIET["forward-proxy-blocks"]["the way without it is closed"],
        ["forward-proxy-blocks", "upgrade-not-forwarded"],
    ),
    "both sockets end before the first ping, at one age": (
        held(silent(10.0), busy(10.0)),
        ["idle-timeout", "lifetime-limit"],
    ),
    "a server that is not DSS answers no ping": (
        QUIET["response-buffered"]["a server that is not DSS, and may answer no ping"],
        ["response-buffered"],
    ),
    "403 through a proxy, and 101 without": (
        through(shakes(says(403), says(403), direct=OPEN)),
        ["forward-proxy-blocks"],
    ),
    "an issuer that is not known, where none is": (
        QUIET["cert-untrusted"]["no authority is known here"],
        ["cert-untrusted"],
    ),
    "an answer without the subprotocol": (
        seen([Handshake(NOTIFICATIONS, "", OPEN, "no subprotocol came back, and browsers insist")]),
        ["handshake-header-mangled"],
    ),
    "a name that HAProxy may know no server for": (everywhere(NO_SERVER), ["backend-down"]),
    "a name that the router of OpenShift may know no server for": (
        everywhere(says(503, "<h1>Application is not available</h1>")),
        ["backend-down"],
    ),
    "a proxy that does not get there": (no_tunnel(502), ["unreachable"]),
    "a proxy that may be none": (no_tunnel(405), ["connect-denied"]),
    "no login, behind the certificate of a product": (
        QUIET["tls-interception"]["no login"],
        ["tls-interception", "auth-on-handshake"],
    ),
    "no login, behind that of security software": (
        QUIET["endpoint-security"]["no login"],
        ["endpoint-security", "auth-on-handshake"],
    ),
    "a site that sends everybody elsewhere": (everywhere(to("https://other.example.com/")), []),
    "a site that sends everybody to the login of another host": (
        everywhere(to("https://sso.example.com/login?to=dss", 302)),
        ["auth-on-handshake"],
    ),
}


def cases(of):
    return [pytest.param(name, case, id=f"{name}: {why}") for name, whys in of.items() for why, case in whys.items()]


def found(evidence):
    return [finding.id for finding in diagnose(evidence).findings]


@pytest.mark.parametrize(("finding", "evidence"), cases(FIRES))
def test_a_finding_fires_on_its_evidence_and_no_other_does(finding, evidence):
    assert found(evidence) == [finding]


@pytest.mark.parametrize(("finding", "evidence"), cases(QUIET))
def test_no_finding_fires_on_the_near_misses_of_one(finding, evidence):
    assert found(evidence) == [], f"near miss of {finding}"


@pytest.mark.parametrize(("evidence", "between"), DOUBTS.values(), ids=DOUBTS)
def test_where_evidence_does_not_decide_it_is_said_between_what_and_what_to_try(evidence, between):
    assert (found(evidence), list(diagnose(evidence).candidates)) == ([], between)
    assert diagnose(evidence).next_step


NEXT = {
    "refused because it is an upgrade": (seen(shakes(says(400), says(426))), "a hop recognized the upgrade request"),
    "closed because it is an upgrade": (seen(shakes(CLOSED, says(426))), "a hop recognized the upgrade request"),
    "refused as the page is": (everywhere(says(500)), "open the page in a browser"),
    "a limit": (seen(shakes(says(503), says(426))), "look in the proxy log, at this time, for a limit"),
    "an upgrade forced on every request": (
        seen(shakes(OPEN), page=says(400), ping=says(400)),
        "look for a proxy that requests an upgrade",
    ),
    "pages that a server of sockets gets": (
        seen(shakes(OPEN), page=says(426), ping=says(426)),
        "pages get the response of a WebSocket server",
    ),
    "no certificate, over TLS 1.3": (
        everywhere(Response(error="TLS failed: tlsv13 alert certificate required")),
        "the server requires a client certificate",
    ),
    "no certificate, in the words of nginx": (
        everywhere(says(400, "No required SSL certificate was sent")),
        "the server requires a client certificate",
    ),
    "no version of TLS in common": (
        QUIET["scheme-mismatch"]["TLS of another version, on a port that sends http to https"],
        "the TLS handshake fails",
    ),
    "another server behind the proxy, for pages": (
        seen(shakes(OPEN), page=says(502)),
        "the WebSocket opens and the page does not load",
    ),
    "opened and closed": (
        QUIET["extension-mangled"]["one socket dropped, and the next did not"],
        "the WebSocket opens and then closes",
    ),
    "HTTP/2 agreed on, and not spoken": (over_http_2(CLOSED, sent=()), "the server negotiates HTTP/2"),
    "refused for its Origin": (seen(shakes(says(403), no_origin=OPEN)), "the WebSocket opens without Origin"),
    "refused as the page is, with 400": (everywhere(says(400)), "open the page in a browser"),
    "404 to what is an upgrade": (
        QUIET["wrong-path"]["404 with Upgrade only, of who has one address for sockets and one for pages"],
        "a hop recognized the upgrade request",
    ),
    "101, and more of it than a browser takes": (
        QUIET["handshake-header-mangled"]["an Upgrade to something else, twice"],
        "connect to DSS directly, at its own port: if the response differs",
    ),
    "a limit that met the page": (
        seen(shakes(OPEN), page=says(503), ping=says(503)),
        "look in the proxy log, at this time, for a limit",
    ),
    "too many": (seen(shakes(says(429), says(429))), "look in the proxy log, at this time, for a limit"),
    "another server behind the proxy, for notebooks": (
        seen(shakes(OPEN), shakes(says(502), says(502), path=KERNEL)),
        f"find the request for {KERNEL} in the proxy log",
    ),
    "426 to both, in other words": (
        seen(shakes(says(426, "a"), says(426, "b"))),
        "a hop recognized the upgrade request",
    ),
}


@pytest.mark.parametrize(("evidence", "following"), NEXT.values(), ids=NEXT)
def test_where_no_cause_is_near_it_is_said_where_to_look(evidence, following):
    assert (found(evidence), diagnose(evidence).candidates) == ([], ())
    assert diagnose(evidence).next_step.startswith(following)


def test_where_the_page_is_refused_with_the_tunnel_that_is_said():
    (denied,) = diagnose(no_tunnel(403, page=says(403), ping=says(403))).findings
    assert "it refuses the page too" in denied.proof


@pytest.mark.parametrize("answer", [NONE, says(200)], ids=["not found", "nothing, as Caddy says of a strange name"])
def test_where_nothing_is_as_it_is_with_dss_the_address_is_doubted(answer):
    assert "compare the URL with the one in your browser" in diagnose(everywhere(answer)).next_step


def test_every_finding_has_evidence_and_near_misses():
    assert set(FIRES) == set(QUIET) == set(ids())


@pytest.mark.parametrize("server", ["nginx", "Apache", "envoy", "istio-envoy"])
@pytest.mark.parametrize("plain", [200, 302, 400, 401, 403, 404, 405, 500], ids="without Upgrade {}".format)
@pytest.mark.parametrize("asked", [302, 400, 401, 403, 404, 500], ids="handshake {}".format)
def test_who_is_not_logged_in_is_told_no_cause(asked, plain, server):
    answers = [says(status, Server=server, Location="/login", Content_Length="0") for status in (asked, plain)]
    assert found(seen(shakes(*answers), shakes(*answers, path=KERNEL))) == []


BEHIND = [
    case
    for case in cases(FIRES)
    if cause(case.values[0]).hop in {"gate", "reverse proxy", "server"}
    and not case.values[1].handshake(NOTIFICATIONS).opened
    and case.values[1].paths[:1] == [NOTIFICATIONS]
]


@pytest.mark.parametrize(("finding", "evidence"), BEHIND)
def test_what_opens_without_the_forward_proxy_is_not_laid_at_the_door_of_what_is_behind_it(finding, evidence):
    direct = Handshake(NOTIFICATIONS, "direct", OPEN)
    route = Route(COMPANY, tunnel=PONG)
    assert finding not in found(replace(evidence, route=route, handshakes=(*evidence.handshakes, direct)))


def test_two_mistakes_are_two_findings_and_the_nearer_is_first():
    lost = says(400, NO_UPGRADE)
    evidence = seen(shakes(to("/dip/websocket/?sessionId=diagnose00")), shakes(lost, lost, path=KERNEL))
    assert found(evidence) == ["redirect-on-handshake", "upgrade-not-forwarded"]
    untrusted = replace(evidence, url=SECURE, route=Route(tls=tls(code=10)))
    assert found(untrusted) == ["cert-untrusted", "redirect-on-handshake", "upgrade-not-forwarded"]


BODIES = ["", "pong", NO_UPGRADE, NO_ORIGIN, F5.body, TLS_PORT.body, LARGE.body, "<html>", "\x1b[31m\u202e\ud7ff\x00"]
ERRORS = [
    "",
    "no response within 10 s",
    "connection refused",
    PLAIN_ANSWER,
    "the proxy requires a user name and password",
]
HEADERS = [
    *OPEN.headers,
    *DENIED.headers,
    ("Location", "/login"),
    ("Location", "http://[half"),
    ("Location", f"{SECURE}{NOTIFICATIONS}/"),
    ("WWW-Authenticate", "Negotiate"),
    ("Content-Security-Policy", "connect-src 'none',; ;,"),
    ("Content-Security-Policy", "connect-src http://[ ws://["),
    ("Retry-After", "5"),
]
FLIPS = ["", "again", "no-upgrade", "no-origin", "no-cookies", "no-extensions", "direct", "http2"]
ISSUERS = ["", "R11, Let's Encrypt", "Zscaler", "Kaspersky", "Example Corp CA"]
STATUSES = [0, 101, 101, 200, 200, 301, 302, 400, 401, 403, 404, 405, 407, 426, 429, 431, 500, 502, 503, 504, 505, 999]
FAULTS = ["", "", "no 101", "unsupported extension: x", "invalid Sec-WebSocket-Accept header"]
WRONG_FRAMES = ["", "", RESERVED, NO_PONG, DROPPED_OFF, "the server closed the WebSocket with code 1002"]


class Any:
    """Evidence as chance makes it, the same for the same seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.one = self.chance.choice

    def some(self, make, most=3):
        return tuple(make() for _ in range(self.chance.randint(0, most)))

    def answer(self):
        status = self.one(STATUSES)
        return Response(status, "", self.some(lambda: self.one(HEADERS), 5), self.one(BODIES), self.one(ERRORS))

    def handshake(self):
        sent = self.some(lambda: self.one([("Sec-WebSocket-Key", KEY), ("Host", HOST), ("Cookie", "***")]))
        arrived = self.some(lambda: self.one([("host", "other"), ("Upgrade", "websocket")]), 1)
        path = self.one([NOTIFICATIONS, KERNEL, WEBAPP, "//[", ""])
        return Handshake(path, self.one(FLIPS), self.answer(), self.one(FAULTS), sent, arrived)

    def route(self):
        attempts = self.some(lambda: ConnectAttempt("127.0.0.1:80", self.one(ERRORS)))
        return Route(
            self.one(["", COMPANY]), host=HOST, attempts=attempts, tunnel=self.answer(), tls=self.tls(),
            failed=self.one(["", "", "", "name", "tcp", "proxy", "tls"]), error=self.one(ERRORS),
        )  # fmt: skip

    def tls(self):
        spoken = tls(self.one(ISSUERS), self.one([0, 0, 0, 10, 18, 20, 62, 99]))
        return self.one([Tls(), spoken, replace(spoken, certificate=Certificate())])

    def hold(self):
        code = self.one([0, 0, 1000, 1001, 1012])
        dropped = self.one([True, False])
        return HoldResult(
            NOTIFICATIONS, self.one([0.0, 15.0]), self.one([0.0, 10.0, 58.0, 60.0]), dropped, code, self.one([0.0, 2.0])
        )

    def frames(self):
        codes = self.one([0, 1002, 1009])
        path, flip, error = self.one([NOTIFICATIONS, KERNEL]), self.one(FLIPS), self.one(WRONG_FRAMES)
        return PingResult(path, flip, 0.1, 0, codes, "", error, unreadable=error == RESERVED)

    def size(self):
        return SizeResult(NOTIFICATIONS, self.one([0, 1024, 65536]), self.one([True, False]), self.one([0, 1009]))

    def evidence(self):
        """Return evidence that contradicts itself no more than `look` may: what did not connect has no sockets."""
        url, route, direct = self.one([PLAIN, SECURE, SOCKET, "http://[::1]:80"]), self.route(), self.route()
        if not url.startswith(("https", "wss")):
            route, direct = replace(route, tls=Tls()), replace(direct, tls=Tls())
        if route.proxy and not 200 <= route.tunnel.status < 300:
            route = replace(route, failed="proxy", tls=Tls())
        evidence = Evidence(
            url, self.answer(), self.answer(), route=route, direct=direct if route.proxy else Route(),
            tunnels=self.some(lambda: (f"{HOST}:443", self.one(STATUSES)), 1), other_scheme=self.answer(),
            recorded_at="now",
        )  # fmt: skip
        if route.failed:
            return replace(evidence, handshakes=tuple(shakes(CLOSED, CLOSED)) if route.failed == "proxy" else ())
        sockets, holds = self.some(self.handshake, 6), self.some(self.hold, 2)
        return replace(
            evidence, handshakes=sockets, holds=holds, pings=self.some(self.frames), sizes=self.some(self.size)
        )


@pytest.mark.parametrize("first", range(0, 2000, 250), ids="from {}".format)
def test_any_evidence_is_judged_the_same_each_time_and_after_it_was_kept(first):
    for seed in range(first, first + 250):
        evidence = Any(seed).evidence()
        ids_found = found(evidence)
        assert not ("works" in ids_found and len(ids_found) > 1), f"seed {seed}"
        kept = Evidence.from_json(evidence.to_json())
        assert kept == evidence, f"seed {seed}"
        assert diagnose(kept) == diagnose(evidence), f"seed {seed}"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": 1}', "[" * 100_000])
def test_what_is_no_evidence_is_refused(text):
    with pytest.raises(ValueError, match=r"not evidence|Expecting value"):
        Evidence.from_json(text)


@pytest.mark.parametrize("url", ["http://[half", "http://h:port", "", "\x00"])
def test_an_address_that_is_none_is_judged_too(url):
    evidence = policy("connect-src a; default-src b", url=url)
    assert found(evidence) in (["works"], ["csp-blocks"])


def impossible(evidence):
    """Return the causes that cannot be, whatever else is true."""
    opened = [evidence.handshake(path).opened for path in evidence.paths]
    no = set()
    if any(
        shake.variant == "direct" and shake.opened and not evidence.handshake(shake.path).opened
        for shake in evidence.handshakes
    ):
        no |= {name for name in ids() if cause(name).hop in {"gate", "reverse proxy", "server"}}
    if not evidence.route.proxy:
        no |= {"proxy-auth", "connect-denied", "forward-proxy-blocks"}
    if not (evidence.route.tls.version or evidence.route.tls.code):
        no |= {"cert-untrusted", "tls-interception", "endpoint-security"}
    if any(opened):
        no |= {"upgrade-not-forwarded", "forward-proxy-blocks", "unreachable", "backend-down", "connect-denied"}
    else:
        no |= {"upgrade-wrong-location"}
    if all(opened):
        no |= {"upgrade-wrong-location", "wrong-path", "auth-on-handshake", "waf-blocks", "upgrade-denied"}
    if not Facts(evidence).inconsistent_paths:
        no |= {"intermittent"}
    if not any(hold.dropped for hold in evidence.holds):
        no |= {"proxy-reload", "lifetime-limit", "idle-timeout"}
    return no


@pytest.mark.parametrize("first", range(0, 2000, 250), ids="from {}".format)
def test_a_doubt_names_only_causes_that_can_be(first):
    for seed in range(first, first + 250):
        evidence = Any(seed).evidence()
        said = diagnose(evidence)
        assert not set(said.candidates) & impossible(evidence), f"seed {seed}"
        assert bool(said.next_step) >= bool(said.candidates), f"seed {seed}"
