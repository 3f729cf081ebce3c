"""Peers that mean harm, or are badly broken: diagnose stays in its limits, says something readable, and nothing untrue.

Each does one thing wrong, for everything else it is a good DSS. What is proven of it stands beside it.
"""

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import unicodedata
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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
    read_frame,
    resetting,
    response,
    served,
    silent,
    slowly,
    then,
    unread,
    until_gone,
)
from proof import ROOT

from checks import findings
from checks.__main__ import main
from checks.evidence import Evidence
from checks.lab.process import SCALE
from checks.probe import NOTIFICATIONS

TIMEOUT = 0.7 * SCALE
"""What diagnose is told to wait for one answer."""

PATIENT = (f"--timeout={10 * SCALE:g}",)
"""For a peer that responds to everything: only a busy machine makes it slow."""

STAGES = 14
"""The steps that can follow one another, each of which may take all its time."""

GRACE = 8 * SCALE
"""Seconds that a busy machine may add; a look that has no end is far beyond."""

MEMORY = 60
"""MB that a hostile peer may cost more than a good one."""

ESCAPES = "\x1b[31m\x1b]0;owned\x07\x9b2J\x7f\x08\u202e"
"""What a terminal obeys: colour, its title, the same in one byte, delete, backspace, and letters from right to left."""

JARGON = re.compile(
    r"Traceback|(?<=\w)(?:Error|Exception)\b|role=|state=|event type|_[A-Z]{3,}|request line|object at"
    r"|codec can|literal for"
)
"""What is for programmers, and no readable sentence."""

SHELL = re.compile(r"diagnose [^\n]*[;|&$`<>()]")
"""A command that a reader may copy, with what a shell takes for more than one word."""

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
    path: str = ""
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


X_DOCTOR = {"X-WebSocket-Doctor": "echo"}
"""The header of `checks echo`."""


def crowd(headers):
    """Add headers to the right answer to a handshake."""
    for number in range(200):
        headers[f"X-{number}"] = "y"


def echoing(status):
    """Return an answer that gives back all that came, in its header, its body and its reason."""

    def answer(sock, head):
        first = head.split(b"\r\n")[0]
        sock.sendall(b"HTTP/1.1 " + status + b" " + first + b"\r\nX-Got: " + first + b"\r\n\r\n" + head)

    return answer


def first_byte(sock, _):
    """Wait for a byte: what is reset before may look to the other end as if nobody had accepted."""
    sock.recv(1)


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
    "endless headers": Case(everything(then(HEAD, endlessly(b"X-More: " + b"x" * 4000 + b"\r\n"))), code=2),
    "an endless header": Case(everything(then(HEAD + b"X-More: ", endlessly(b"x" * 4000))), code=2),
    "endless reason": Case(everything(then(b"HTTP/1.1 200 ", endlessly(b"x" * 4000))), code=2),
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
    "redirect to what a shell would run": Case(everything(response("302 Found", b"", "Location: http://a;$(b)|c`d`"))),
    "redirect to a file": Case(everything(response("302 Found", b"", "Location: file:///etc/passwd"))),
    "half a bracket in a redirect of sockets": Case(good(handshake=response("302 Found", b"", "Location: //[x"))),
    "gives everything back": Case(everything(echoing(b"418"))),
    "escapes in an answer": Case(everything(DIRTY)),
    "escapes in head and name of a header": Case(everything(DIRTY_HEAD), code=2),
    "accepts and says nothing": Case(silent, raw=True, code=2),
    "closes at once": Case(closing, raw=True, code=2),
    "closes after the request": Case(closing, code=2),
    "resets at the first byte": Case(then(first_byte, resetting), raw=True, code=2),
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
    "a window of 8 bits": Case(
        good(handshake=with_header("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=8")),
        ("works",),
        0,
    ),
    "a window that was not offered": Case(
        good(handshake=with_header("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=8")),
    ),
    "a window of a googol bits": Case(
        good(
            handshake=with_header("Sec-WebSocket-Extensions", f"permessage-deflate; client_max_window_bits={10**100}")
        ),
    ),
    "200 more headers": Case(good(handshake=opened(doctor=crowd)), ("works",), 0),
    "brackets in what arrived, in the head": Case(
        good(handshake=opened(doctor=lambda headers: headers.update(X_DOCTOR | {"X-Arrived": "[" * 8000}))),
        ("works",),
        0,
    ),
    "brackets in what arrived, in the body": Case(
        good(handshake=response("400 No", b"[" * 9000, "X-WebSocket-Doctor: echo"))
    ),
    "nonsense in what arrived": Case(
        good(handshake=response("400 No", b'{"headers": [["Host", {"a": 1}], [1, 2]]}', "X-WebSocket-Doctor: echo")),
        ("host-not-preserved", "upgrade-not-forwarded"),
    ),
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
    "101, then a frame of 2 GiB": Case(
        good(frames=then(frame(TEXT, b"x", announced=1 << 31), endlessly(b"x" * 65536)))
    ),
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

CONNECT = {
    "never answers": Case(good(), proxy=silent),
    "closes": Case(good(), proxy=closing),
    "resets": Case(good(), proxy=resetting),
    "garbage": Case(good(), proxy=everything(bytes(range(256)))),
    "a flood": Case(good(), proxy=endlessly(b"x" * 65536)),
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

SOCKS = {
    "never answers": Case(good(), proxy=silent),
    "closes": Case(good(), proxy=closing),
    "garbage": Case(good(), proxy=everything(bytes(range(255, 0, -1)))),
    "a flood": Case(good(), proxy=endlessly(b"x" * 65536)),
    "a flood after it agreed": Case(good(), proxy=then(b"\x05\x00", endlessly(b"\x05\x00\x00\x03\xff" * 999))),
    "an unknown reply": Case(good(), proxy=then(b"\x05\x00\x05\xfe\x00\x01", silent)),
    "an unknown login": Case(good(), ("proxy-auth",), proxy=then(b"\x05\x80", silent)),
    "a byte a second": Case(good(), proxy=slowly(b"\x05\x00\x05\x00\x00\x01")),
}

AUTHORITY = trustme.CA()


def certified(name, *, trusted, others=0):
    """Return the TLS of a server in whose certificate a name stands wherever it may."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(AUTHORITY.private_key_pem.bytes(), None) if trusted else key
    issuer = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes()).subject
    mine = x509.Name([x509.NameAttribute(oid, name) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])
    ascii_only = name.encode("ascii", "ignore").decode()
    names = [x509.DNSName(f"{number}.{ascii_only}") for number in range(others + 1)]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(mine)
        .issuer_name(issuer if trusted else mine)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), *names]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem, how = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    private = key.private_bytes(pem, how, serialization.NoEncryption())
    return served(trustme.LeafCert(private, made.public_bytes(pem), []))


def beneath(data):
    """Return an answer that writes bytes past the TLS of its connection."""

    def answer(sock, _):
        while os.write(sock.fileno(), data):
            pass

    return answer


def over_http_2(act, **settings):
    """Return the script of a DSS that speaks HTTP/2 too: there, `act(sock, connection)` answers the request."""
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1} | settings

    def script(sock, head):
        if not head.startswith(b"PRI"):
            return good()(sock, head)
        connection = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        connection.local_settings.update(settings)
        connection.initiate_connection()
        connection.update_settings(settings)
        events = connection.receive_data(head)
        while not any(isinstance(event, RequestReceived) for event in events):
            sock.sendall(connection.data_to_send())
            events = connection.receive_data(sock.recv(65536))
        act(sock, connection)
        return until_gone(sock)

    return script


def heads(*pairs):
    """Return what answers a request over HTTP/2 with these headers."""

    def act(sock, connection):
        connection.send_headers(1, pairs)
        sock.sendall(connection.data_to_send())

    return act


def instead_of_http_2(answer):
    """Return the script of a DSS that agrees on HTTP/2 and then answers its first bytes so."""
    return lambda sock, head: give(answer if head.startswith(b"PRI") else good(), sock, head)


def frame_2(kind, payload=b"", flags=0, stream=0):
    """Return a frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


SETTINGS = frame_2(4, b"\x00\x08\x00\x00\x00\x01")
"""Extended CONNECT is offered (RFC 8441, section 3)."""

TLS = served(AUTHORITY.issue_cert("127.0.0.1"))
BOTH = served(AUTHORITY.issue_cert("127.0.0.1"), "h2", "http/1.1")


def secure(script, *proves, tls=TLS, code=1, raw=False, options=()):
    """Return a case that is asked for https."""
    return Case(script, proves, code, raw=raw, options=options, scheme="https", tls=tls)


SECURE = {
    "TLS never answered": secure(silent, tls=None, raw=True, code=2),
    "TLS closed at once": secure(closing, tls=None, raw=True, code=2),
    "TLS reset at the first byte": secure(then(first_byte, resetting), tls=None, raw=True, code=2),
    "TLS answered by a flood": secure(endlessly(b"\x16\x03\x03\x40\x00" + b"x" * 16384), tls=None, raw=True, code=2),
    "TLS answered by records of nothing": secure(endlessly(b"\x16\x03\x03\x00\x00" * 999), tls=None, raw=True, code=2),
    "TLS answered by a byte a second": secure(slowly(b"\x16\x03\x03\x00\x40\x02"), tls=None, raw=True, code=2),
    "TLS answered in escapes": secure(everything(BYTES + b"\r\n"), tls=None, raw=True, code=2),
    "TLS, then a flood beneath it": secure(beneath(b"x" * 65536), code=2),
    "TLS, then silence": secure(silent, code=2),
    "TLS, then an endless body": secure(everything(then(HEAD + b"\r\n", endlessly(b"x" * 65536)))),
    "escapes in a certificate nobody vouches for": secure(
        good(), "cert-untrusted", tls=certified(ESCAPES, trusted=False), options=PATIENT
    ),
    "escapes in a trusted certificate": secure(
        good(), "works", tls=certified(ESCAPES, trusted=True), code=0, options=PATIENT
    ),
    "nothing but NUL in a trusted certificate": secure(
        good(), "works", tls=certified("\0", trusted=True), code=0, options=PATIENT
    ),
    "a certificate for 2000 names": secure(
        good(), "cert-untrusted", tls=certified("a" * 20, trusted=False, others=2000), options=PATIENT
    ),
    "HTTP/2: silence": secure(instead_of_http_2(silent), tls=BOTH),
    "HTTP/2: garbage": secure(instead_of_http_2(then(bytes(range(256)) * 9, silent)), tls=BOTH),
    "HTTP/2: offered, and gone": secure(
        instead_of_http_2(then(SETTINGS + frame_2(7, b"\0\0\0\0\0\0\0\0"), silent)), tls=BOTH
    ),
    "HTTP/2: settings without end": secure(instead_of_http_2(endlessly(frame_2(4) * 999)), "works", tls=BOTH, code=0),
    "HTTP/2: pings without end": secure(instead_of_http_2(endlessly(frame_2(6, b"12345678") * 999)), tls=BOTH),
    "HTTP/2: a header without end": secure(
        instead_of_http_2(then(SETTINGS, frame_2(1, b"\x88", 0, 1), endlessly(frame_2(9, b"\x00" * 9000, 0, 1)))),
        tls=BOTH,
    ),
    "HTTP/2: a header bomb": secure(
        over_http_2(
            lambda sock, _: sock.sendall(frame_2(1, b"\x88\x40\x01a\x7f\xff\x1e" + b"x" * 4000 + b"\xbe" * 9000, 4, 1))
        ),
        tls=BOTH,
    ),
    "HTTP/2: an answer without status": secure(over_http_2(heads((b"server", b"x"))), tls=BOTH),
    "HTTP/2: a status of words": secure(over_http_2(heads((b":status", b"many"))), tls=BOTH),
    "HTTP/2: escapes": secure(
        over_http_2(heads((b":status", b"403"), (b"server", ESCAPES.encode()))), "h2-websocket", tls=BOTH
    ),
    "HTTP/2: bytes that are no text": secure(
        over_http_2(heads((b":status", b"403"), (b"server", b"\xff\xfe"))), tls=BOTH
    ),
}


def stops_reading(limit):
    """Return the frames of a server that answers pings, and no longer reads when a larger message begins."""

    def frames(sock, _):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        while True:
            opcode, payload = read_frame(sock, limit)
            if payload is None:
                unread(sock)
                return
            if opcode == PING:
                sock.sendall(frame(PONG, payload))

    return frames


def talkative(sock, _):
    """Answer pings; where none comes, say 9 MiB first."""
    if not select.select([sock], [], [], 0.2)[0]:
        for _ in range(9):
            sock.sendall(frame(TEXT, b"x" * (1 << 20)))
    stops_reading(1 << 25)(sock, b"")


def plainly(frames):
    """Return the right answer to a handshake, without compression, then these frames."""

    def doctor(headers):
        headers.pop("Sec-WebSocket-Extensions", None)

    return opened(frames, doctor=doctor)


LONG = {
    "no longer reads a large message": Case(
        good(handshake=plainly(stops_reading(1 << 23))), options=(f"--size={(1 << 23) + (1 << 18)}",)
    ),
    "reads nothing": Case(good(frames=unread), ("response-buffered",)),
    "says much in the time of --idle": Case(good(handshake=plainly(talkative)), ("works",), 0, options=("--idle=1",)),
}

CASES = {
    **HTTP,
    **SOCKETS,
    **SECURE,
    **LONG,
    **{f"CONNECT: {name}": case for name, case in CONNECT.items()},
    **{f"SOCKS: {name}": replace(case, options=("--proxy=socks5://127.0.0.1:PROXY",)) for name, case in SOCKS.items()},
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


@contextlib.contextmanager
def asked(case, folder):
    """Run the peers of a case; give what to type."""
    authority = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(authority)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(peer(case.script, case.tls, head=not case.raw))
        typed = [
            f"{case.scheme}://127.0.0.1:{port}{case.path}",
            f"--timeout={TIMEOUT:g}",
            "--ca",
            str(authority),
            *case.options,
        ]
        if case.proxy:
            socks = any("=socks" in option for option in case.options)
            before = stack.enter_context(peer(case.proxy, head=not socks))
            typed = [word.replace("PROXY", str(before)) for word in typed]
            typed += [] if "--proxy" in " ".join(typed) else ["--proxy", f"http://127.0.0.1:{before}"]
        yield typed


def visit(case, tmp_path, capsys, look=main):
    """Have diagnose look at a peer, then at the evidence it kept, as JSON and as a note."""
    kept = tmp_path / "kept.json"
    with asked(case, tmp_path) as typed:
        began = time.monotonic()
        try:
            code = look(["diagnose", *typed, "--save", str(kept)])
        except RecursionError:  # of which pytest itself cannot tell
            pytest.fail("what the peer sent is too deep", pytrace=False)
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


def judge(case, seen):
    """Hold what was said of a peer against the promises."""
    assert seen.seconds < STAGES * TIMEOUT + GRACE
    assert unsafe(seen.text) == set()
    assert JARGON.findall(seen.text) == []
    assert SHELL.findall(seen.text) == []
    assert (seen.proven, seen.code) == (case.proves, case.code)


GREEDY = [
    "endless headers",
    "endless 100 Continue",
    "endless early hints",
    "an endless body",
    "an endless chunk",
    "101, then a frame of 2 GiB",
    "101, then fragments without end",
    "101, then empty fragments without end",
    "101, then a decompression bomb",
    "101, then bombs without end",
    "101, then texts without end",
    "101, then empty frames without end",
    "101, then pings without end",
    "HTTP/2: a header without end",
    "HTTP/2: a header bomb",
    "HTTP/2: pings without end",
    "HTTP/2: settings without end",
    "TLS answered by a flood",
    "TLS, then an endless body",
    "CONNECT: a flood of 100 Continue",
    "CONNECT: 200, then a flood",
    "SOCKS: a flood after it agreed",
]
"""The cases with a peer that gives more than anybody can take."""


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", [name for name in CASES if name not in GREEDY])
def test_a_hostile_peer_is_survived_told_in_words_and_not_slandered(name, tmp_path, capsys):
    judge(CASES[name], visit(CASES[name], tmp_path, capsys))


MEASURED = """
import sys
from checks.__main__ import main
code = main(sys.argv[1:])
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0], file=sys.stderr)
sys.exit(code)
"""
"""Runs diagnose and says the most memory that it took, in KB; what a parent took does not count here."""


class Apart:
    """Diagnose in a process of its own, and the MB that it took."""

    memory = 0.0

    def __call__(self, typed):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *typed], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
        sys.stdout.write(done.stdout)
        said, _, number = done.stderr.rstrip().rpartition("\n")
        assert number.isdigit(), done.stderr
        sys.stderr.write(said)
        self.memory = int(number) / 1024
        return done.returncode


@pytest.fixture(scope="module")
def modest(tmp_path_factory):
    """The MB that it takes to look at a good peer over TLS."""
    apart = Apart()
    script = instead_of_http_2(then(frame_2(4), silent))
    with asked(Case(script, scheme="https", tls=BOTH), tmp_path_factory.mktemp("modest")) as typed:
        assert apart(["diagnose", *typed]) == 0
    return apart.memory


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", GREEDY)
def test_a_peer_that_floods_is_survived_too_and_costs_little_memory(name, modest, tmp_path, capsys):
    apart = Apart()
    judge(CASES[name], visit(CASES[name], tmp_path, capsys, apart))
    assert apart.memory < modest + MEMORY


def parrot(sock, head):
    """Repeat what was sent, wherever an answer has room for words."""
    said = head.replace(b"\r\n", b"  ")
    sock.sendall(b"HTTP/1.1 403 " + said[:900] + b"\r\nServer: " + said + b"\r\nVia: " + said + b"\r\n\r\n" + head)


def parrot_that_opens(sock, head):
    """Open the socket, and repeat what was sent in its subprotocol, its headers and the reason of its end."""
    said = head.replace(b"\r\n", b"  ").decode("latin-1")

    def doctor(headers):
        headers["Server"] = headers["X-Got"] = said

    parts = [frame(TEXT, head), frame(CLOSE, b"\x03\xf0" + head[-123:])]
    opened(then(*parts), doctor=doctor)(sock, head)


def repeated_over_http_2(sock, connection):
    """Repeat in an answer over HTTP/2 what a login puts there."""
    heads((b":status", b"403"), (b"set-cookie", b"session=planted-by-server; Path=/"))(sock, connection)


SECRETS = [
    "--cookies=COOKIES",
    "--header=Authorization: Bearer planted-bearer/+=",
    "--header=X-Basic: Basic cGxhbnRlZC1iYXNpYzpwbGFudGVk",
    "--header=X-Api-Key: planted-api-key",
    "--socket=/x?plain=yes&token=planted-token",
    "--socket=/x?access_token=planted%2ftoken+with~signs==",
    "--socket=/x?jwt=eyJplanted.eyJ0b2tlbg.c2lnbmF0dXJl-_x",
]
"""What to type to give secrets of each kind; each begins like one of PLANTED."""

WAYS = {
    "directly": [],
    "through a proxy": ["--proxy=http://somebody:planted%2Fpassword@127.0.0.1:PROXY"],
    "through a SOCKS proxy": ["--proxy=socks5://somebody:planted-socks@127.0.0.1:PROXY"],
    "to a socket": [],
}

PLANTED = ["planted", "cGxhbnRlZ", "c29tZWJvZHk6cGxhbnRlZ", "eyJ0b2tlbg", "c2lnbmF0dXJl"]
"""The beginnings of the secrets, in plain text and as base64."""

PEERS = {
    "good": Case(good(elsewhere=opened())),
    "repeats": Case(everything(parrot)),
    "opens and repeats": Case(good(handshake=parrot_that_opens, elsewhere=parrot_that_opens)),
    "gives no answer": Case(closing, raw=True),
    "is not trusted": secure(everything(parrot), tls=certified("planted.nothing", trusted=False)),
    "speaks no TLS": secure(everything(parrot), tls=None),
    "repeats over HTTP/2": secure(over_http_2(repeated_over_http_2), tls=BOTH),
    "is not there": Case(good(), options=PATIENT),
}


def planted(text):
    """Return where a secret stands in a text."""
    return re.findall(f".{{0,40}}(?:{'|'.join(PLANTED)}).{{0,20}}", text.replace("planted.nothing", ""))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", PEERS)
def test_no_secret_stands_in_any_output_whatever_the_peer_does_with_it(name, tmp_path, capsys, monkeypatch):
    (tmp_path / "cookies").write_text("Cookie: session=planted-cookie; other=planted-other")
    leaks = {}
    for route, options in WAYS.items():
        case = replace(PEERS[name], options=(*SECRETS, *options), proxy=parrot if "proxy" in route else None)
        if route == "to a socket":
            case = replace(case, scheme=case.scheme.replace("http", "ws"), path="/x?token=planted-in-address")
        said = everything_said(case, tmp_path, capsys, monkeypatch, there=name != "is not there")
        if found := planted(said):
            leaks[route] = found
    assert leaks == {}


def everything_said(case, folder, capsys, monkeypatch, *, there):
    """Return all that diagnose and note print and keep about a peer, on a terminal and elsewhere."""
    kept = folder / "kept.json"
    with contextlib.ExitStack() as stack:
        typed = [word.replace("COOKIES", str(folder / "cookies")) for word in stack.enter_context(asked(case, folder))]
        if not there:
            stack.close()
        main(["diagnose", *typed, "--save", str(kept)])
        with monkeypatch.context() as patched:
            patched.setattr(sys.stderr, "isatty", lambda: True)
            main(["note", *typed])
    for form in (["diagnose"], ["diagnose", "--json"], ["note"], ["note", "--plain"]):
        main([*form, "--load", str(kept)])
    said = capsys.readouterr()
    return said.out + said.err + kept.read_text()


WORDS = [
    "page",
    "status",
    "true",
    "false",
    "http",
    "none",
    "127.0.0.1",
    "2026",
    "no-origin",
    "200,",
    "websocket",
    "name",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_word_of_the_evidence_changes_nothing(word, tmp_path, capsys):
    (tmp_path / "cookies").write_text(f"Cookie: last={word}")
    with asked(
        Case(good(), options=(*PATIENT, f"--cookies={tmp_path}/cookies", f"--header=X-Last: {word}")), tmp_path
    ) as typed:
        code = main(["diagnose", "--json", *typed])
    seen = json.loads(capsys.readouterr().out)
    paths = {shake["path"] for shake in seen["evidence"]["handshakes"]}
    assert (code, seen["evidence"]["url"], paths) == (0, typed[0], {NOTIFICATIONS})


def wrongly_typed(folder):
    """Return what somebody may type who mistakes something beside a secret."""
    (folder / "targets").write_text("http://dss.example.com/?token=planted-in-file\n")
    return [
        ["diagnose", "http://planted-user:planted-password@dss.example.com:99999"],
        ["diagnose", "http://planted-user:planted-password@[::1"],
        ["diagnose", "http://planted-user:planted-password@dss.example.com"],
        ["diagnose", "dss.example.com/?token=planted-token"],
        ["diagnose", "https://dss.example.com/?token=planted-token"],
        ["diagnose", "wss://dss.example.com/x?token=planted-token#part"],
        ["diagnose", "--targets", str(folder / "targets")],
        ["diagnose", "http://dss.example.com", "--socket", "x?token=planted-token"],
        ["diagnose", "http://dss.example.com", "--header", "Authorization Bearer planted-bearer"],
        ["diagnose", "http://dss.example.com", "--header", "Host: planted-bearer"],
        ["diagnose", "http://dss.example.com", "--headers", "Authorization: Bearer planted-bearer"],
        ["diagnose", "http://dss.example.com", "--proxy", "http://planted-user:planted-password@proxy:99999"],
        ["diagnose", "http://dss.example.com", "--proxy", "planted-user:planted-password@proxy/x"],
        ["diagnose", "http://dss.example.com", "--proxy", "http:/planted-user:planted-password@proxy"],
    ]


@pytest.mark.parametrize("place", range(14))
def test_no_secret_stands_in_the_complaint_about_what_was_typed(place, tmp_path, capsys):
    typed = wrongly_typed(tmp_path)[place]
    assert main(typed) == 2, typed
    said = capsys.readouterr()
    assert planted(said.out + said.err) == []
