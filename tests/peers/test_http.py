"""Servers that send hostile or broken HTTP/1.1."""

import pytest
from support.hostile import ESCAPES, ESCAPES_EVERYWHERE, Case
from support.server import always, close, endlessly, fake_dss, reset, response, silent, slowly, then

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ESCAPE_BYTES = ESCAPES.encode("latin-1", "ignore")
ESCAPES_IN_HEAD = (
    b"HTTP/1.1 403 No" + ESCAPE_BYTES + b"\r\nServer: x" + ESCAPE_BYTES + b"\r\nX" + ESCAPE_BYTES + b": y\r\n\r\n"
)


def echo(status):
    """Return a step that repeats the request in each part of the response."""

    def step(sock, head):
        first = head.split(b"\r\n")[0]
        sock.sendall(b"HTTP/1.1 " + status + b" " + first + b"\r\nX-Got: " + first + b"\r\n\r\n" + head)

    return step


def first_byte(sock, _):
    """Wait for a byte.

    A client cannot distinguish an earlier reset from a refused connection.
    """
    sock.recv(1)


def redirect(location):
    return response("302 Found", b"", f"Location: {location}")


FLOODS = {
    "endless headers": Case(always(then(OK, endlessly(b"X-More: " + b"x" * 4000 + b"\r\n"))), code=2),
    "endless 100 Continue": Case(always(endlessly(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))),
    "endless early hints": Case(always(endlessly(b"HTTP/1.1 103 Hints\r\nLink: " + b"x" * 9000 + b"\r\n\r\n"))),
    "an endless body": Case(always(then(OK + b"\r\n", endlessly(b"x" * 65536)))),
    "an endless chunk": Case(always(then(CHUNKED, endlessly(b"f" * 4000)))),
}

CASES = {
    "an endless header": Case(always(then(OK + b"X-More: ", endlessly(b"x" * 4000))), code=2),
    "an endless reason": Case(always(then(b"HTTP/1.1 200 ", endlessly(b"x" * 4000))), code=2),
    "a byte a second": Case(always(slowly(OK)), code=2),
    "an endless chunk extension": Case(always(then(CHUNKED + b"1;", endlessly(b"f" * 4000)))),
    "endless empty lines": Case(always(endlessly(b"\r\n" * 2000)), code=2),
    "endless garbage": Case(always(endlessly(bytes(range(256)) * 64)), code=2),
    "garbage": Case(always(bytes(range(256))), code=2),
    "a negative Content-Length": Case(always(OK + b"Content-Length: -1\r\n\r\nx"), code=2),
    "a huge Content-Length": Case(always(then(OK + b"Content-Length: 99999999999999\r\n\r\nx", silent))),
    "a Content-Length of 400 digits": Case(always(OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\nx"), code=2),
    "two Content-Lengths": Case(always(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), code=2),
    "status 000": Case(always(b"HTTP/1.1 000 Zero\r\n\r\n"), code=2),
    "status 999": Case(always(b"HTTP/1.1 999 Much\r\n\r\n")),
    "a status of superscripts": Case(always(b"HTTP/1.1 \xb2\xb2\xb2 x\r\n\r\n"), code=2),
    "a redirect to itself": Case(always(redirect("/"))),
    "a redirect of the WebSocket to itself": Case(fake_dss(handshake=redirect(""))),
    "a redirect to half a bracket": Case(always(redirect("http://[::1"))),
    "a redirect to a shell command": Case(always(redirect("http://a;$(b)|c`d`"))),
    "a redirect to a file": Case(always(redirect("file:///etc/passwd"))),
    "a redirect of the WebSocket to half a bracket": Case(fake_dss(handshake=redirect("//[x"))),
    "an echo of the request": Case(always(echo(b"418"))),
    "escapes in a response": Case(always(ESCAPES_EVERYWHERE)),
    "escapes in the head and a header name": Case(always(ESCAPES_IN_HEAD), code=2),
    "no byte": Case(silent, raw=True, code=2),
    "closes at once": Case(close, raw=True, code=2),
    "closes after the request": Case(close, code=2),
    "resets at the first byte": Case(then(first_byte, reset), raw=True, code=2),
    "resets after the request": Case(reset, code=2),
    "a TLS alert": Case(always(b"\x15\x03\x01\x00\x02\x02\x28"), code=2),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hostile_http_is_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_over_http_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)
