"""Servers with hostile or broken TLS, or a hostile certificate."""

import os

import pytest
from support.certificates import tls_named
from support.hostile import ESCAPES, PATIENT, https
from support.server import always, close, endlessly, fake_dss, reset, silent, slowly, then


def first_byte(sock, _):
    """Wait for a byte.

    A client cannot distinguish an earlier reset from a refused connection.
    """
    sock.recv(1)


def below_tls(data):
    """Return a step that endlessly writes bytes to the connection below TLS."""

    def step(sock, _):
        while os.write(sock.fileno(), data):
            pass

    return step


def without_tls(script):
    """Return a case whose script gets the first byte of the TLS handshake."""
    return https(script, tls=None, raw=True, code=2)


def certified(cause, *, code=1, **certificate):
    return https(fake_dss(), cause, tls=tls_named(**certificate), code=code, options=PATIENT)


FLOODS = {
    "a flood": without_tls(endlessly(b"\x16\x03\x03\x40\x00" + b"x" * 16384)),
    "an endless body": https(always(then(b"HTTP/1.1 200 OK\r\n\r\n", endlessly(b"x" * 65536)))),
}

CASES = {
    "no response": without_tls(silent),
    "closes at once": without_tls(close),
    "resets at the first byte": without_tls(then(first_byte, reset)),
    "empty records": without_tls(endlessly(b"\x16\x03\x03\x00\x00" * 999)),
    "a byte a second": without_tls(slowly(b"\x16\x03\x03\x00\x40\x02")),
    "escapes": without_tls(always(ESCAPES.encode("latin-1", "ignore") + b"\r\n")),
    "a flood below TLS": https(below_tls(b"x" * 65536), code=2),
    "silence after the handshake": https(silent, code=2),
    "escapes in an untrusted certificate": certified("cert-untrusted", name=ESCAPES, trusted=False),
    "escapes in a trusted certificate": certified("works", name=ESCAPES, trusted=True, code=0),
    "only NUL in a trusted certificate": certified("works", name="\0", trusted=True, code=0),
    "a certificate for 2000 names": certified("cert-untrusted", name="a" * 20, trusted=False, others=2000),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hostile_tls_is_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_over_tls_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)
