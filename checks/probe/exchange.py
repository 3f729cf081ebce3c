"""One request and its answer: a page, or an opening handshake with one thing flipped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, replace

import h11
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from checks.evidence import Handshake, Response, Route, Variant

from .channel import BLOCK, Channel, ConnectError, connect, credentials, head, words
from .target import Target

BODY_LIMIT = 4096
"""Bytes of a body that are read."""

MESSAGE_LIMIT = 1 << 20
"""Bytes of a message that are read."""

ECHO = "X-WebSocket-Doctor"
"""The header that `checks echo` puts on its answers."""

SECRET = {"authorization", "cookie", "proxy-authorization"}

UPGRADE_ONLY = [
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
]
"""What makes a GET an opening handshake (RFC 6455, section 4.1)."""

LEFT_OUT: dict[Variant, list[str]] = {
    "no-upgrade": UPGRADE_ONLY,
    "no-origin": ["Origin"],
    "no-cookies": ["Cookie"],
    "no-extensions": ["Sec-WebSocket-Extensions"],
}
"""The headers that each flip leaves out."""


@dataclass
class Socket:
    """An open WebSocket: the protocol says what to send, the channel carries it."""

    path: str
    channel: Channel
    protocol: ClientProtocol

    def leave(self) -> None:
        """Close at once."""
        self.channel.abort()
        self.forget()

    def forget(self) -> None:
        """Let go of the compressors, which are large: a protocol is garbage that waits to be collected."""
        self.protocol.extensions = []


class Exchange:
    """Everything that is asked of one target goes through here, over connections of its own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.known = Route()
        self.trusting = False

    async def begin(self) -> tuple[Channel | None, Route]:
        """Make the first connection; where its certificate is not trusted, go on, but without secrets."""
        try:
            channel, route = await self.connect()
        except ConnectError as failed:
            if not failed.route.tls.code:
                self.known = Route(addresses=failed.route.addresses)
                return None, failed.route
            complaint, self.trusting = failed.route.tls, True
            try:
                channel, route = await self.connect()
            except ConnectError as again:
                return None, replace(again.route, tls=complaint)
            route = replace(
                route,
                tls=replace(
                    route.tls, **{name: getattr(complaint, name) for name in ("untrusted", "code", "no_trust_store")}
                ),
            )
        self.known = route
        return channel, route

    async def connect(self, *, tunnel: bool = True) -> tuple[Channel, Route]:
        """Connect once more, the way that is known.

        Raises ConnectError.
        """
        return await connect(self.target, self.known, tunnel=tunnel, trusting=self.trusting)

    async def get(self, path: str) -> Response:
        """Ask for a page, as a browser does: through an HTTP proxy without a tunnel, unless TLS is spoken."""
        target = self.target
        absolute = bool(target.proxy and target.proxy.scheme.startswith("http") and not target.secure)
        request = self._request(_protocol(target, path, ""), "no-upgrade")
        request.headers.pop("Origin", None)  # a browser names it for a socket, and not for a page
        if absolute:
            request.path = target.origin + path
            request.headers.update(credentials(target))
        try:
            channel, _ = await self.connect(tunnel=not absolute)
        except ConnectError as failed:
            return Response(error=failed.route.error, seconds=failed.route.seconds)
        answer, _ = await self._ask(channel, request)
        channel.abort()
        return answer

    async def shake(
        self, path: str, variant: Variant = "", channel: Channel | None = None
    ) -> tuple[Handshake, Socket | None]:
        """Make one handshake; return what came of it, and the socket if it opened."""
        protocol = _protocol(self.target, path, variant)
        request = self._request(protocol, variant)
        sent = tuple((name, "***" if name.lower() in SECRET else value) for name, value in request.headers.raw_items())
        if not channel:
            try:
                channel, _ = await self.connect()
            except ConnectError as failed:
                return Handshake(
                    path, variant, Response(error=failed.route.error, seconds=failed.route.seconds), "no 101"
                ), None
        answer, raw = await self._ask(channel, request)
        fault = _fault(protocol, request, answer, raw)
        socket = None if fault else Socket(path, channel, protocol)
        if not socket:
            channel.abort()
        return Handshake(path, variant, answer, fault, sent, _arrived(answer)), socket

    def _request(self, protocol: ClientProtocol, variant: Variant) -> Request:
        request = protocol.connect()
        if not self.trusting:
            request.headers.update(self.target.headers)
        for name in LEFT_OUT.get(variant, []):
            with contextlib.suppress(KeyError):
                del request.headers[name]
        return request

    async def _ask(self, channel: Channel, request: Request) -> tuple[Response, bytes]:
        """Send one request; return the answer and the bytes it came as, both bounded in time and size."""
        began, limit = time.monotonic(), self.target.timeout
        reading = _Reading(channel, request)
        try:
            await asyncio.wait_for(reading.read(), limit)
        except asyncio.TimeoutError:
            if not reading.response.status:
                return Response(error=f"no answer within {limit:g} s", seconds=limit), b""
        except (OSError, h11.ProtocolError, ValueError) as error:
            if not reading.response.status:
                return Response(error=words(error), seconds=time.monotonic() - began), b""
        return reading.whole, bytes(reading.raw)


class _Reading:
    """One answer in the making: what has come is kept, also when the rest never comes."""

    def __init__(self, channel: Channel, request: Request) -> None:
        self.channel, self.request = channel, request
        self.response, self.raw, self.body = Response(), bytearray(), b""

    @property
    def whole(self) -> Response:
        return replace(self.response, body=self.body[:BODY_LIMIT].decode(errors="replace"))

    async def read(self) -> None:
        asked, began = h11.Connection(h11.CLIENT, BLOCK), time.monotonic()
        asked.send(h11.Request(method="GET", target=self.request.path, headers=list(self.request.headers.raw_items())))
        await self.channel.write(self.request.serialize())
        while len(self.body) < BODY_LIMIT:
            event = asked.next_event()
            if event is h11.NEED_DATA:
                data = await self.channel.read()
                if not data and asked.their_state is h11.SEND_RESPONSE:
                    raise ValueError("the connection was closed instead of an answer")
                self.raw += data
                asked.receive_data(data)
            elif isinstance(event, (h11.Response, h11.InformationalResponse)):
                self.response = head(event, time.monotonic() - began)
                if event.status_code == 101:
                    return
                if event.status_code < 200:
                    self.raw[:] = asked.trailing_data[0]
            elif isinstance(event, h11.Data):
                self.body += event.data
            else:
                return


def _protocol(target: Target, path: str, variant: Variant) -> ClientProtocol:
    return ClientProtocol(
        parse_uri(target.origin.replace("http", "ws", 1) + path),
        origin=Origin(target.origin),
        subprotocols=subprotocols(path),
        extensions=[] if variant == "no-extensions" else [ClientPerMessageDeflateFactory()],
        max_size=MESSAGE_LIMIT,
    )


def subprotocols(path: str) -> list[Subprotocol] | None:
    """Return what the page of DSS offers on this path (seen on DSS 9.0.5)."""
    return [Subprotocol("dummy")] if path.startswith("/dip/websocket") else None


def _fault(protocol: ClientProtocol, request: Request, answer: Response, raw: bytes) -> str:
    """Return why a browser refuses this answer to a handshake; empty when it does not."""
    if answer.status != 101:
        return "no 101"
    protocol.send_request(request)  # so that it knows what it is answered to
    protocol.data_to_send()
    protocol.receive_data(_essential(raw))
    if protocol.handshake_exc:
        return words(protocol.handshake_exc)
    if protocol.available_subprotocols and not protocol.subprotocol:
        return "no subprotocol came back, and browsers insist"  # WHATWG, stricter than RFC 6455
    return ""


def _essential(raw: bytes) -> bytes:
    """Return the answer without the headers that have no part in it: browsers take more and longer ones."""
    top, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = top.split(b"\r\n")
    kept = [line for line in lines if line.lower().startswith((b"upgrade", b"connection", b"sec-websocket-"))]
    return b"\r\n".join([first[:80], *kept, b"", rest])


def _arrived(answer: Response) -> tuple[tuple[str, str], ...]:
    """Return the headers that `checks echo` says it got."""
    if not answer.header(ECHO):
        return ()
    try:
        pairs = json.loads(answer.header("X-Arrived") or answer.body)["headers"]
        return tuple((str(name), "***" if str(name).lower() in SECRET else str(value)) for name, value in pairs)
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
