"""Every parser of data from a peer, as a function of bytes.

As a script, this is a fuzzer guided by coverage:

    python tests/peers/fuzz.py [SECONDS [ENTRY ...]]

runs each entry for that long (default 60 s), and needs `pip install atheris`. Inputs that reach new code are kept in
_build/fuzz/<entry>. An input that raises an error is kept in _build/fuzz/failed, and its traceback is printed.
"""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import re
import ssl
import subprocess
import sys
import unicodedata
from pathlib import Path

import trustme

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from checks.cli.options import ProbeOptions  # noqa: E402
from checks.evidence import Evidence, Handshake, PingResult, Response, Route, Tls  # noqa: E402
from checks.findings import diagnose  # noqa: E402
from checks.probe import NOTIFICATIONS, Target, connect, frames, http2, session  # noqa: E402
from checks.probe.certificate import decoded  # noqa: E402
from checks.probe.forward_proxy import ForwardProxy  # noqa: E402
from checks.probe.stream import READ_SIZE, Stream  # noqa: E402
from checks.report import terminal, ticket  # noqa: E402

KEEP = ROOT / "_build" / "fuzz"
PLAIN = Target("http://127.0.0.1", proxy=ForwardProxy("http", "127.0.0.1", 3128, "user", "password"))
NOTHING = Response()


class Recorded(Stream):
    """A stream of recorded bytes, followed by the end.

    `{ACCEPT}` in them becomes the correct response to the key in the handshake that was sent.
    """

    def __init__(self, data):
        super().__init__(None, None)
        self._data = data

    async def read(self):
        pushed_back, self._pushed_back = self._pushed_back, b""
        if pushed_back:
            return pushed_back
        data, self._data = self._data[:READ_SIZE], self._data[READ_SIZE:]
        return data

    async def write(self, data):
        if key := re.search(rb"Sec-WebSocket-Key: (\S+)", data):
            digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            self._data = self._data.replace(b"{ACCEPT}", base64.b64encode(digest))

    def close(self):
        pass

    def abort(self):
        pass


def evidence(data):
    """Read saved evidence: either it raises ValueError, or it can be reported."""
    try:
        saved = Evidence.from_json(data.decode("utf-8", "surrogatepass"))
    except ValueError:
        return
    report(saved)


def handshake(data):
    """Read the response to a handshake, then frames."""
    run(_handshake(data))


async def _handshake(data):
    requests = session.Session(Target("http://127.0.0.1"))
    opening, websocket = await requests.open_websocket(NOTIFICATIONS, "", Recorded(data))
    pings = (await frames.ping(websocket, "", 5),) if websocket else ()
    report(Evidence("http://127.0.0.1", NOTHING, NOTHING, (opening,), pings=pings))


def http_connect(data):
    """Read the response of a forward proxy to CONNECT."""
    report(Evidence("http://127.0.0.1", NOTHING, NOTHING, route=run(_connect(PLAIN, data))))


async def _connect(target, data):
    try:
        with replaced(connect, "open_tcp", Recorded(data)):
            return (await connect.connect(target, ("127.0.0.1",)))[1]
    except connect.ConnectError as failed:
        return failed.route


@contextlib.contextmanager
def replaced(module, name, result):
    """Replace a coroutine function by one that returns this result.

    Nothing here uses the network.
    """

    async def replacement(*_, **__):
        return result

    original = getattr(module, name)
    setattr(module, name, replacement)
    try:
        yield
    finally:
        setattr(module, name, original)


def socks_5(data):
    """Read the responses of a SOCKS proxy."""
    target = dataclasses.replace(PLAIN, proxy=ForwardProxy("socks5", "127.0.0.1", 1080, "user", "password"))
    report(Evidence("http://127.0.0.1", NOTHING, NOTHING, route=run(_connect(target, data))))


def http_2(data):
    """Read HTTP/2 from a server."""
    report(Evidence("https://127.0.0.1", NOTHING, NOTHING, run(_http_2(data))))


async def _http_2(data):
    with replaced(session, "connect", (Recorded(data), Route(tls=Tls("TLSv1.3", "h2")))):
        opening = await http2.handshake(session.Session(Target("https://127.0.0.1")), NOTIFICATIONS)
    return (opening,) if opening else ()


def certificate_(data):
    """Read an untrusted certificate."""
    route = Route(tls=Tls("TLSv1.3", certificate=decoded(data), untrusted="x", code=18))
    report(Evidence("https://127.0.0.1", NOTHING, NOTHING, route=route))


def report(evidence):
    """Report the evidence in every format.

    Raises where that fails, or where the text could control a terminal.
    """
    diagnosis, command = diagnose(evidence), ProbeOptions.from_evidence(evidence).command(evidence)
    lines = [*terminal.report(evidence, diagnosis), terminal.summary_line(evidence, diagnosis)]
    for plain in (True, False):
        lines += ticket.ticket(evidence, diagnosis, command, plain=plain).split("\n")
    unsafe = {sign for line in lines for sign in line if unicodedata.category(sign)[0] == "C"}
    assert not unsafe, f"{unsafe} from a peer would reach the terminal"
    saved = evidence.to_json()
    assert saved.isascii()
    assert Evidence.from_json(saved).to_json() == saved


def run(coroutine):
    """Return the result of a coroutine."""
    return LOOP.run_until_complete(coroutine)


LOOP = asyncio.new_event_loop()

SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: dummy\r\n"
)

GOOD = Evidence(
    "http://127.0.0.1",
    Response(200, "OK", (("Server", "x"),), "<html>"),
    Response(200, "OK", (), "pong"),
    (Handshake(NOTIFICATIONS, "", Response(101, "Switching Protocols")),),
    pings=(PingResult(NOTIFICATIONS, pong=0.1),),
)


def signed():
    """Return the certificate of a server."""
    return ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("127.0.0.1").cert_chain_pems[0].bytes().decode())


SETTINGS = b"\0\0\6\4\0\0\0\0\0" + b"\0\x08\0\0\0\1"

SEEDS = {
    evidence: [GOOD.to_json().encode(), b'{"url": "http://[", "page": {}, "health_check": {}}'],
    handshake: [
        SWITCHING + b"\r\n\x8a\x08diagnose",
        SWITCHING + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xc1\x07\xf2H\xcd\xc9\xc9\7\0\x88\2\3\xe8",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-WebSocket-Doctor: echo\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b'HTTP/1.1 426 No\r\nX-WebSocket-Doctor: echo\r\nX-Arrived: {"headers": [["Host", "x"]]}\r\n\r\n',
    ],
    http_connect: [
        b"HTTP/1.1 200 Connected\r\n\r\n",
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n",
    ],
    socks_5: [b"\5\0\5\0\0\1\x7f\0\0\1\0P", b"\5\2\1\0\5\0\0\3\1x\0P", b"\5\2\1\1", b"\5\0\5\5\0\1", b"\5\xff"],
    http_2: [
        SETTINGS + b"\0\0\1\1\4\0\0\0\1\x88",
        SETTINGS + b"\0\0\4\3\0\0\0\0\1\0\0\0\7",
        b"\0\0\0\4\0\0\0\0\0",
        SETTINGS + b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
    certificate_: [signed(), signed()[:100]],
}
"""Each entry, and its first inputs."""

ENTRIES = {entry.__name__.rstrip("_").replace("_", "-"): entry for entry in SEEDS}


def main(arguments):
    """Run each entry for some seconds, each in a separate process.

    The fuzzer ends its process.
    """
    seconds = int(arguments[0]) if arguments else 60
    names = arguments[1:] or list(ENTRIES)
    codes = [
        subprocess.run([sys.executable, __file__, "-", name, str(seconds)], check=False).returncode for name in names
    ]
    failed = [name for name, code in zip(names, codes, strict=True) if code]
    print(f"failed: {', '.join(failed)}; the inputs are in {KEEP / 'failed'}" if failed else "no entry failed")
    return 1 if failed else 0


def fuzz(name, seconds):
    """Run one entry; does not return."""
    import atheris  # noqa: PLC0415  # the tests do not need it

    seeds = KEEP / f"{name}-seeds"
    for folder in (KEEP / name, KEEP / "failed", seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for place, data in enumerate(SEEDS[ENTRIES[name]]):
        (seeds / str(place)).write_bytes(data)
        ENTRIES[name](data)  # imports every module that the fuzzer instruments
    atheris.instrument_all()
    limits = [f"-max_total_time={seconds}", "-max_len=16384", "-timeout=10", "-rss_limit_mb=1024"]
    atheris.Setup(
        [name, *limits, f"-artifact_prefix={KEEP}/failed/{name}-", str(KEEP / name), str(seeds)], ENTRIES[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["-"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[1:]))
