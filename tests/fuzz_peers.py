"""Everything that reads what a peer sent, as functions of bytes; run by hand, a fuzzer that is guided by coverage.

    python tests/fuzz_peers.py [SECONDS [ENTRY ...]]

takes each entry for that long (60 s), and needs `pip install atheris`. Inputs that reach something new are kept in
_build/fuzz/<entry>, one that breaks something in _build/fuzz/broken, and its traceback is shown.
"""

import asyncio
import base64
import dataclasses
import hashlib
import re
import ssl
import subprocess
import sys
import unicodedata
from pathlib import Path

import trustme

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from checks import findings, note, view  # noqa: E402
from checks.evidence import Evidence, Handshake, PingResult, Response, Route, Tls  # noqa: E402
from checks.probe import NOTIFICATIONS, Target, certificate, channel, exchange, frames, http2  # noqa: E402
from checks.route import Proxy  # noqa: E402

KEEP = ROOT / "_build" / "fuzz"
PLAIN = Target("http://127.0.0.1", proxy=Proxy("http", "127.0.0.1", 3128, "user", "password"))
NOTHING = Response()


class Recorded(channel.Channel):
    """A channel from which bytes come that were thought out before, and then the end.

    `{ACCEPT}` in them becomes the right answer to the key in the handshake that was sent.
    """

    def __init__(self, data):
        super().__init__(None, None)
        self._data = data

    async def read(self):
        early, self._early = self._early, b""
        if early:
            return early
        data, self._data = self._data[: channel.BLOCK], self._data[channel.BLOCK :]
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
    """Read evidence that was kept; what is none is refused with ValueError, what is some can be shown."""
    try:
        read = Evidence.from_json(data.decode("utf-8", "surrogatepass"))
    except ValueError:
        return
    told(read)


def handshake(data):
    """Read the answer to a handshake, then frames."""
    run(_handshake(data))


async def _handshake(data):
    opening = exchange.Exchange(Target("http://127.0.0.1"))
    shake, socket = await opening.shake(NOTIFICATIONS, "", Recorded(data))
    seen = (await frames.ping(socket, "", 5),) if socket else ()
    told(Evidence("http://127.0.0.1", NOTHING, NOTHING, (shake,), pings=seen))


def connect(data):
    """Read what a forward proxy answers to CONNECT."""
    told(Evidence("http://127.0.0.1", NOTHING, NOTHING, route=run(_connect(PLAIN, data))))


async def _connect(target, data):
    making = channel.Connection(target, Route(addresses=("127.0.0.1",)), trusting=False, alpn=())
    making._reach = lambda: _given(Recorded(data))  # noqa: SLF001  # no network here
    whole, channel.Connection = channel.Connection, lambda *_, **__: making
    try:
        return (await channel.connect(target))[1]
    except channel.ConnectError as failed:
        return failed.route
    finally:
        channel.Connection = whole


async def _given(value):
    return value


def socks_5(data):
    """Read what a SOCKS proxy answers."""
    target = dataclasses.replace(PLAIN, proxy=Proxy("socks5", "127.0.0.1", 1080, "user", "password"))
    told(Evidence("http://127.0.0.1", NOTHING, NOTHING, route=run(_connect(target, data))))


def http_2(data):
    """Read what a server says over HTTP/2."""
    told(Evidence("https://127.0.0.1", NOTHING, NOTHING, run(_http_2(data))))


async def _http_2(data):
    whole = http2.connect
    http2.connect = lambda *_, **__: _given((Recorded(data), Route(tls=Tls("TLSv1.3", "h2"))))
    try:
        shake = await http2.shake(exchange.Exchange(Target("https://127.0.0.1")), NOTIFICATIONS)
    finally:
        http2.connect = whole
    return (shake,) if shake else ()


def certificate_(data):
    """Read a certificate that nobody vouches for."""
    read = certificate.decoded(data)
    route = Route(tls=Tls("TLSv1.3", certificate=read, untrusted="x", code=18))
    told(Evidence("https://127.0.0.1", NOTHING, NOTHING, route=route))


def told(seen):
    """Say everything about the evidence that can be said; raise where that fails, or could steer a terminal."""
    found, doubt = findings.diagnose(seen), findings.doubt(seen)
    lines = [*view.stages(seen), *view.verdict(seen, found, doubt), view.summary_line(seen, found, doubt)]
    lines += [line for plain in (True, False) for line in note.note(seen, found, doubt, plain=plain).split("\n")]
    dirty = {sign for line in lines for sign in line if unicodedata.category(sign)[0] == "C"}
    assert not dirty, f"a peer's {dirty} would reach the terminal"
    kept = seen.to_json()
    assert kept.isascii()
    assert Evidence.from_json(kept).to_json() == kept


def run(coroutine):
    """Return what comes of a coroutine."""
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
    """Return a certificate that a server might have."""
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
    connect: [
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
"""Each entry, and inputs to begin with."""

ENTRIES = {entry.__name__.rstrip("_").replace("_", "-"): entry for entry in SEEDS}


def main(arguments):
    """Take each entry for some seconds, in a process of its own, because the fuzzer ends its process."""
    seconds = int(arguments[0]) if arguments else 60
    names = arguments[1:] or list(ENTRIES)
    codes = [
        subprocess.run([sys.executable, __file__, "-", name, str(seconds)], check=False).returncode for name in names
    ]
    broken = [name for name, code in zip(names, codes, strict=True) if code]
    print(f"broken: {', '.join(broken)}; the inputs are in {KEEP / 'broken'}" if broken else "nothing broke")
    return 1 if broken else 0


def fuzz(name, seconds):
    """Take one entry; does not return."""
    import atheris  # noqa: PLC0415  # for this alone; the tests do without

    seeds = KEEP / f"{name}-seeds"
    for folder in (KEEP / name, KEEP / "broken", seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for place, data in enumerate(SEEDS[ENTRIES[name]]):
        (seeds / str(place)).write_bytes(data)
        ENTRIES[name](data)  # and with it everything is imported that shall be watched
    atheris.instrument_all()
    limits = [f"-max_total_time={seconds}", "-max_len=16384", "-timeout=10", "-rss_limit_mb=1024"]
    atheris.Setup(
        [name, *limits, f"-artifact_prefix={KEEP}/broken/{name}-", str(KEEP / name), str(seeds)], ENTRIES[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["-"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[1:]))
