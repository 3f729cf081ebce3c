"""Servers that send hostile or broken HTTP/2."""

import pytest
from support.certificates import TLS_WITH_HTTP_2
from support.hostile import ESCAPES, https
from support.server import endlessly, silent, then
from support.server_http2 import SETTINGS, fake_dss_over_http2, frame, headers, instead_of_http2

HEADERS, SETTINGS_FRAME, PING, GOAWAY, CONTINUATION = 1, 4, 6, 7, 9
"""Types of frames (RFC 9113, section 6)."""

BOMB = frame(HEADERS, b"\x88\x40\x01a\x7f\xff\x1e" + b"x" * 4000 + b"\xbe" * 9000, 4, 1)
"""Headers of 13 KB that decompress to 36 MB."""


def sends(*steps, causes=(), code=1):
    """Return a case with a server that negotiates HTTP/2, and then runs these steps."""
    return https(instead_of_http2(then(*steps)), *causes, tls=TLS_WITH_HTTP_2, code=code)


def responds(respond, *causes):
    """Return a case whose server responds to extended CONNECT."""
    return https(fake_dss_over_http2(respond), *causes, tls=TLS_WITH_HTTP_2)


FLOODS = {
    "endless settings": sends(endlessly(frame(SETTINGS_FRAME) * 999), causes=["works"], code=0),
    "endless pings": sends(endlessly(frame(PING, b"12345678") * 999)),
    "an endless header": sends(
        SETTINGS, frame(HEADERS, b"\x88", 0, 1), endlessly(frame(CONTINUATION, b"\x00" * 9000, 0, 1))
    ),
    "a header bomb": responds(lambda sock, _: sock.sendall(BOMB)),
}

CASES = {
    "silence": sends(silent),
    "garbage": sends(bytes(range(256)) * 9, silent),
    "an offer, then GOAWAY": sends(SETTINGS + frame(GOAWAY, bytes(8)), silent),
    "no status": responds(headers((b"server", b"x"))),
    "a status of letters": responds(headers((b":status", b"many"))),
    "escapes": responds(headers((b":status", b"403"), (b"server", ESCAPES.encode())), "h2-websocket"),
    "a header that is not UTF-8": responds(headers((b":status", b"403"), (b"server", b"\xff\xfe"))),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hostile_http2_is_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_over_http2_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)
