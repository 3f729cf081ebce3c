"""Look at an address, one thing flipped at a time; the only module that opens client sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import h11
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from .evidence import Answer, Evidence, Flip, Handshake, Hold

NOTIFICATIONS = "/dip/websocket?sessionId=diagnose00"
"""The socket behind the message; path and parameter as seen on DSS 9.0.5."""

BODY_LIMIT = 4096
HEAD_LIMIT = 65536
PING_EVERY = 15.0
"""Seconds; the interval at which the page of DSS pings its own socket (seen on DSS 9.0.5)."""

UPGRADE_ONLY = [
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
]
"""What makes a GET an opening handshake (RFC 6455, section 4.1)."""

FLIPPED: dict[Flip, list[str]] = {
    "": [],
    "no-upgrade": UPGRADE_ONLY,
    "no-origin": ["Origin"],
    "no-cookies": ["Cookie"],
}
"""The headers that each flip leaves out."""


@dataclass(frozen=True)
class Target:
    """Where to look and as whom.

    Raises ValueError when `url` is not the address of a page.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request: cookies, for example."""
    tls: ssl.SSLContext | None = None
    """What to trust; by default what the system trusts."""
    timeout: float = 10.0
    """Seconds for one connection, one answer."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:  # a port beyond 65535, half a bracket
            sound = False
        if not sound:
            msg = f"{self.url!r} is not the address of a page; expected something like https://dss.example.com"
            raise ValueError(msg)
        if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                f"{self.url!r} holds more than scheme, host and port; DSS cannot live below a path: leave the rest out"
            )

    @property
    def origin(self) -> str:
        """The address as a browser sends it in Origin: in lower case, without the scheme's own port."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        own = {"http": 80, "https": 443}[parts.scheme]
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, own} else "")


async def look(target: Target, *, sockets: tuple[str, ...] = (NOTIFICATIONS,), idle: float = 0) -> Evidence:
    """Look at the page and at each socket; hold the first that opens for `idle` seconds.

    Never raises for what the peer does: that is evidence.
    """
    flips: tuple[Flip, ...] = ("", "no-upgrade", "no-origin")
    if "Cookie" in target.headers:
        flips += ("no-cookies",)
    plain = asyncio.gather(_get(target, "/"), _get(target, "/dip/api/ping"))
    shakes = await asyncio.gather(*(_shake(target, path, flip) for path in sockets for flip in flips))
    evidence = Evidence(target.url, *(await plain), tuple(shakes))
    opened = [path for path in evidence.paths if evidence.handshake(path).opened]
    if not (idle and opened):
        return evidence
    holds = await asyncio.gather(*(_hold(target, opened[0], every, idle) for every in (0.0, PING_EVERY)))
    return replace(evidence, holds=tuple(holds))


def _subprotocols(path: str) -> list[Subprotocol] | None:
    """Return what the page of DSS offers on this path (seen on DSS 9.0.5)."""
    return [Subprotocol("dummy")] if path.startswith("/dip/websocket") else None


def _protocol(target: Target, path: str) -> ClientProtocol:
    return ClientProtocol(
        parse_uri(target.origin.replace("http", "ws", 1) + path),
        origin=Origin(target.origin),
        subprotocols=_subprotocols(path),
        extensions=[ClientPerMessageDeflateFactory()],
        max_size=BODY_LIMIT,
    )


async def _get(target: Target, path: str) -> Answer:
    return (await _shake(target, path, "no-upgrade")).answer


async def _shake(target: Target, path: str, flip: Flip) -> Handshake:
    protocol = _protocol(target, path)
    request = protocol.connect()
    request.headers.update(target.headers)
    for name in FLIPPED[flip]:
        with contextlib.suppress(KeyError):
            del request.headers[name]
    answer, raw = await _exchange(target, request)
    fault = "" if answer.status == 101 else "no 101"
    if not fault:
        protocol.send_request(request)  # so that it knows what it is answered to
        protocol.receive_data(raw)
        fault = str(protocol.handshake_exc or "")
        if not fault and _subprotocols(path) and not protocol.subprotocol:
            fault = "no subprotocol came back, and browsers insist"  # WHATWG, stricter than RFC 6455
    return Handshake(path, flip, answer, fault)


async def _exchange(target: Target, request: Request) -> tuple[Answer, bytes]:
    """Send one request; return the answer and the bytes it came as, both bounded in time and size."""
    began, raw, connection = time.monotonic(), bytearray(), h11.Connection(h11.CLIENT, HEAD_LIMIT)
    asked = list(request.headers.raw_items())
    try:
        async with asyncio.timeout(target.timeout), _stream(target) as (reader, writer):
            connection.send(h11.Request(method="GET", target=request.path, headers=asked))
            writer.write(request.serialize())
            answer, body = Answer(), b""
            while len(body) < BODY_LIMIT:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(HEAD_LIMIT)
                    raw += data
                    connection.receive_data(data)
                elif isinstance(event, h11.Response | h11.InformationalResponse):
                    answer = _head(event, time.monotonic() - began)
                    if event.status_code == 101:
                        break
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
            text = body[:BODY_LIMIT].decode(errors="replace")
            return Answer(answer.status, answer.reason, answer.headers, text, "", answer.seconds), bytes(raw)
    except TimeoutError:
        return Answer(error=f"no answer within {target.timeout:g} s", seconds=target.timeout), b""
    except (OSError, h11.ProtocolError, ValueError) as error:
        return Answer(error=str(error) or type(error).__name__, seconds=time.monotonic() - began), b""


def _head(event: h11.Response | h11.InformationalResponse, seconds: float) -> Answer:
    """Keep the head of an answer, but of a cookie only its name: evidence is passed around."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    headers = tuple((name, value.split("=")[0] if name == "set-cookie" else value) for name, value in pairs)
    return Answer(event.status_code, event.reason.decode("latin-1"), headers, seconds=seconds)


@contextlib.asynccontextmanager
async def _stream(target: Target) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(target.url)
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname,
        parts.port or (443 if secure else 80),
        ssl=_trust(target) if secure else None,
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _trust(target: Target) -> ssl.SSLContext:
    return target.tls or ssl.create_default_context()


async def _hold(target: Target, path: str, ping_every: float, limit: float) -> Hold:
    """Keep one socket open, in silence or with pings, until it drops or `limit` seconds have passed."""
    began = time.monotonic()
    try:
        async with connect(
            target.origin.replace("http", "ws", 1) + path,
            origin=Origin(target.origin),
            subprotocols=_subprotocols(path),
            additional_headers=Headers(target.headers),
            ssl=_trust(target) if target.origin.startswith("https") else None,
            proxy=None,
            ping_interval=ping_every or None,
            ping_timeout=None,
            open_timeout=target.timeout,
            close_timeout=1,
            max_size=BODY_LIMIT,
        ) as socket:
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    while True:
                        await socket.recv()
            return Hold(path, ping_every, time.monotonic() - began, dropped=False)
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 0
        return Hold(path, ping_every, time.monotonic() - began, dropped=True, close_code=int(code))
    except (OSError, WebSocketException):
        return Hold(path, ping_every, 0.0, dropped=True)
