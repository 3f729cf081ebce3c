"""Peers that mean harm, or are badly broken: diagnose stays in its limits, says something readable, and nothing untrue.

Each does one thing wrong, for everything else it is a good DSS. What is proven of it stands beside it.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
import unicodedata
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.settings import SettingCodes
from peers import (
    PAGE,
    closing,
    endlessly,
    forward,
    frame,
    give,
    good,
    opened,
    peer,
    resetting,
    response,
    served,
    silent,
    slowly,
    then,
    until_gone,
)
from proof import ROOT

from checks import findings
from checks.__main__ import main
from checks.evidence import Evidence

TIMEOUT = 1.0
"""What diagnose is told to wait for one answer."""

STAGES = 8
"""The steps that can follow one another, each of which may take all its time, and twice that for slow machines."""

MEMORY = 60
"""MB that a hostile peer may cost more than a good one."""

ESCAPES = "\x1b[31m\x1b]0;owned\x07\x9b2J\x7f\x08\u202e"
"""What a terminal obeys: colour, its title, the same in one byte, delete, backspace, and letters from right to left."""

PING, PONG, TEXT, CLOSE = 9, 10, 1, 8


@dataclass(frozen=True)
class Case:
    """A hostile peer."""

    script: Any
    proves: tuple[str, ...] = ()
    """The findings that are true of it."""
    code: int = 1
    proxy: Any = None
    """The script of a forward proxy before it."""
    raw: bool = False
    """The script reads for itself."""
    options: tuple[str, ...] = ()
    scheme: str = "http"
    tls: Any = field(default=None, repr=False)


def bomb():
    """Return a compressed message of 64 KB that is 64 MB when it is unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(bytes(1 << 26)) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame(2, data[:-4], flags=0xC0)


def with_header(name, value):
    """Return the right answer to a handshake with one header changed; None takes it away."""

    def doctor(headers):
        if name in headers:
            del headers[name]
        if value is not None:
            headers[name] = value

    return opened(doctor=doctor)


def echoing(status):
    """Return an answer that gives back all that came, in its header, its body and its reason."""

    def answer(sock, head):
        first = head.split(b"\r\n")[0]
        sock.sendall(b"HTTP/1.1 " + status + b" " + first + b"\r\nX-Got: " + first + b"\r\n\r\n" + head)

    return answer


def everything(answer):
    """Return the script of a server that has one answer to everything."""
    return lambda sock, head: give(answer, sock, head)


HEAD = b"HTTP/1.1 200 OK\r\n"
UNICODE = ESCAPES.encode()
BYTES = ESCAPES.encode("latin-1", "ignore")
DIRTY_HEAD = b"HTTP/1.1 403 No" + BYTES + b"\r\nServer: x" + BYTES + b"\r\nX" + BYTES + b": y\r\n\r\n"
DIRTY = b"HTTP/1.1 403 No\x9b2J\xc2\x85\r\nServer: x\x9b2J\xc2\x85\r\nVia: 1.1 y\x9b31m\r\n\r\n" + UNICODE
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"

HTTP = {
    "endless headers": Case(everything(then(HEAD, endlessly(b"X-More: " + b"x" * 4000 + b"\r\n")))),
    "an endless header": Case(everything(then(HEAD + b"X-More: ", endlessly(b"x" * 4000)))),
    "endless reason": Case(everything(then(b"HTTP/1.1 200 ", endlessly(b"x" * 4000)))),
    "endless 100 Continue": Case(everything(endlessly(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))),
    "endless early hints": Case(everything(endlessly(b"HTTP/1.1 103 Hints\r\nLink: " + b"x" * 9000 + b"\r\n\r\n"))),
    "a byte a second": Case(everything(slowly(HEAD)), code=2),
    "an endless body": Case(everything(then(HEAD + b"\r\n", endlessly(b"x" * 65536)))),
    "an endless chunk": Case(
        everything(then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", endlessly(b"f" * 4000))),
    ),
    "endless chunk extension": Case(
        everything(then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", endlessly(b"f" * 4000))),
    ),
    "endless empty lines": Case(everything(endlessly(b"\r\n" * 2000)), code=2),
    "endless garbage": Case(everything(endlessly(bytes(range(256)) * 64)), code=2),
    "garbage": Case(everything(bytes(range(256))), code=2),
    "negative Content-Length": Case(everything(HEAD + b"Content-Length: -1\r\n\r\nx"), code=2),
    "huge Content-Length": Case(everything(then(HEAD + b"Content-Length: 99999999999999\r\n\r\nx", silent))),
    "Content-Length of 400 digits": Case(everything(HEAD + b"Content-Length: " + b"9" * 400 + b"\r\n\r\nx"), code=2),
    "two Content-Lengths": Case(everything(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), code=2),
    "status 000": Case(everything(b"HTTP/1.1 000 Zero\r\n\r\n"), code=2),
    "status 999": Case(everything(b"HTTP/1.1 999 Much\r\n\r\n")),
    "status of superscripts": Case(everything(b"HTTP/1.1 \xb2\xb2\xb2 x\r\n\r\n"), code=2),
    "redirect to itself": Case(everything(response("302 Found", b"", "Location: /"))),
    "redirect of sockets to themselves": Case(good(handshake=response("302 Found", b"", "Location: "))),
    "redirect to half a bracket": Case(everything(response("302 Found", b"", "Location: http://[::1"))),
    "redirect to a file": Case(everything(response("302 Found", b"", "Location: file:///etc/passwd"))),
    "half a bracket in a redirect of sockets": Case(good(handshake=response("302 Found", b"", "Location: //[x"))),
    "gives everything back": Case(everything(echoing(b"418"))),
    "escapes in an answer": Case(everything(DIRTY)),
    "escapes in head and name of a header": Case(everything(DIRTY_HEAD), code=2),
    "accepts and says nothing": Case(silent, raw=True, code=2),
    "closes at once": Case(closing, raw=True, code=2),
    "closes after the request": Case(closing, code=2),
    "resets at once": Case(resetting, raw=True, code=2),
    "resets after the request": Case(resetting, code=2),
    "speaks TLS alerts": Case(everything(b"\x15\x03\x01\x00\x02\x02\x28"), code=2),
}

SOCKETS = {
    "another's Accept": Case(
        good(handshake=with_header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")), ("accept-mismatch",)
    ),
    "no Accept": Case(good(handshake=with_header("Sec-WebSocket-Accept", None)), ("handshake-header-mangled",)),
    "an Accept of 60 KB": Case(good(handshake=with_header("Sec-WebSocket-Accept", "x" * 60000)), ("accept-mismatch",)),
    "escapes in the subprotocol": Case(good(handshake=with_header("Sec-WebSocket-Protocol", "d\x9b2J"))),
    "an extension of its own": Case(good(handshake=with_header("Sec-WebSocket-Extensions", "x-\x9bbomb; a=1"))),
    "nothing but 101": Case(good(handshake=SWITCHING + b"\r\n"), ("handshake-header-mangled",)),
    "101 to everything": Case(everything(SWITCHING + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")),
    "endless headers after 101": Case(good(handshake=then(SWITCHING, endlessly(b"X: y\r\n" * 500)))),
    "handshake unanswered": Case(good(handshake=silent), ("handshake-unanswered",)),
    "handshake answered by a byte a second": Case(good(handshake=slowly(SWITCHING)), ("handshake-unanswered",)),
    "101, then silence": Case(good(frames=silent), ("response-buffered",)),
    "101, then the end": Case(good(frames=closing)),
    "101, then a reset": Case(good(frames=resetting)),
    "101, then garbage": Case(good(frames=then(bytes(range(255, 0, -1)), silent))),
    "101, then HTTP": Case(good(frames=then(PAGE, silent))),
    "101, then masked frames": Case(good(frames=then(frame(TEXT, b"hello", mask=b"mask"), silent))),
    "101, then a frame of 2 GiB": Case(good(frames=then(frame(TEXT, b"x", announced=1 << 31), endlessly(b"x" * 65536)))),
    "101, then a frame of 2^63 bytes": Case(good(frames=then(frame(TEXT, b"x", announced=(1 << 64) - 1), silent))),
    "101, then fragments without end": Case(
        good(frames=then(frame(TEXT, b"x", flags=0), endlessly(frame(0, b"x" * 4000, flags=0))))
    ),
    "101, then empty fragments without end": Case(
        good(frames=then(frame(TEXT, b"x", flags=0), endlessly(frame(0, b"", flags=0) * 4000)))
    ),
    "101, then a decompression bomb": Case(good(frames=then(bomb(), silent))),
    "101, then bombs without end": Case(good(frames=endlessly(bomb()))),
    "101, then broken compression": Case(good(frames=then(frame(TEXT, b"\xff" * 100, flags=0xC0), silent))),
    "101, then texts without end": Case(good(frames=endlessly(frame(TEXT, b"x" * 100) * 600))),
    "101, then empty frames without end": Case(good(frames=endlessly(frame(TEXT) * 30000))),
    "101, then pings without end": Case(good(frames=endlessly(frame(PING, b"x" * 125) * 500))),
    "101, then pongs without end": Case(good(frames=endlessly(frame(PONG, b"x" * 125) * 500))),
    "101, then the pong of another ping": Case(good(frames=then(frame(PONG, b"other"), silent))),
    "101, then a ping of 126 bytes": Case(good(frames=then(frame(PING, b"x" * 126), silent))),
    "101, then text that is no text": Case(good(frames=then(frame(TEXT, b"\xff\xfe"), silent))),
    "101, then a close frame of one byte": Case(good(frames=then(frame(CLOSE, b"\x03"), silent))),
    "101, then close code 0": Case(good(frames=then(frame(CLOSE, b"\x00\x00"), silent))),
    "101, then escapes in a close frame": Case(
        good(frames=then(frame(CLOSE, b"\x03\xf0" + ESCAPES.encode()), silent)),
    ),
}

ONCE = Case(good())
"""A DSS that does everything right, for what is before it."""

CONNECT = {
    "never answers": Case(good(), proxy=silent, code=2),
    "closes": Case(good(), proxy=closing, code=2),
    "resets": Case(good(), proxy=resetting, code=2),
    "garbage": Case(good(), proxy=everything(bytes(range(256))), code=2),
    "a flood": Case(good(), proxy=endlessly(b"x" * 65536), code=2),
    "a flood of 100 Continue": Case(good(), proxy=forward(endlessly(b"HTTP/1.1 100 Continue\r\n\r\n" * 99))),
    "endless headers": Case(good(), proxy=forward(then(HEAD, endlessly(b"X: y\r\n" * 500)))),
    "200 with a length": Case(good(), proxy=forward(then(HEAD + b"Content-Length: 99999\r\n\r\n", silent))),
    "200, then a flood": Case(good(), proxy=forward(then(HEAD + b"\r\n", endlessly(b"x" * 65536)))),
    "200, then silence": Case(good(), proxy=forward(then(HEAD + b"\r\n", silent))),
    "a byte a second": Case(good(), proxy=forward(slowly(HEAD))),
    "403 with escapes": Case(good(), ("connect-denied",), proxy=forward(DIRTY)),
    "407 with escapes": Case(
        good(), ("proxy-auth",), proxy=forward(b"HTTP/1.1 407 No\r\nProxy-Authenticate: x\x9b2J\r\n\r\n")
    ),
    "101": Case(good(), proxy=forward(SWITCHING + b"\r\n")),
}

CASES = {
    **HTTP,
    **SOCKETS,
    **{f"CONNECT: {name}": case for name, case in CONNECT.items()},
}


@dataclass(frozen=True)
class Seen:
    """What diagnose said of a peer."""

    code: int
    seconds: float
    text: str
    evidence: Evidence

    @property
    def proven(self):
        return tuple(finding.id for finding in findings.diagnose(self.evidence))


def addressed(case, port, stack_port=0):
    """Return what to type."""
    through = ("--proxy", f"http://127.0.0.1:{stack_port}") if stack_port else ()
    return [f"{case.scheme}://127.0.0.1:{port}", f"--timeout={TIMEOUT:g}", *through, *case.options]


def visit(case, tmp_path, capsys):
    """Have diagnose look at a peer, then at the evidence it kept, as JSON and as a note."""
    kept = tmp_path / "kept.json"
    with peer(case.script, case.tls, head=not case.raw) as port, peer(case.proxy or closing) as before:
        began = time.monotonic()
        code = main(["diagnose", *addressed(case, port, before if case.proxy else 0), "--save", str(kept)])
        seconds = time.monotonic() - began
    said = capsys.readouterr()
    for form in (["diagnose", "--json"], ["diagnose"], ["note"], ["note", "--plain"]):
        assert main([*form, "--load", str(kept)]) == code, form
    again = capsys.readouterr()
    text = said.out + said.err + again.out + again.err + kept.read_text()
    assert said.out in again.out
    return Seen(code, seconds, text, Evidence.from_json(kept.read_text()))


def unsafe(text):
    """Return the characters that a terminal may obey."""
    return {sign for sign in text if unicodedata.category(sign)[0] == "C" and sign != "\n"}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", CASES)
def test_a_hostile_peer_is_survived_told_in_words_and_not_slandered(name, tmp_path, capsys):
    seen = visit(CASES[name], tmp_path, capsys)
    assert seen.seconds < STAGES * TIMEOUT
    assert unsafe(seen.text) == set()
    assert "Traceback" not in seen.text
    assert (seen.proven, seen.code) == (CASES[name].proves, CASES[name].code)
