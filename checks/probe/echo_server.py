"""Accept every WebSocket and report which request arrived.

The server stands in for DSS behind a proxy. `diagnose` compares the request with the one that it sent, so it can name
the header that a proxy dropped or changed. That is needed most where no handshake arrives, so every response has the
report: also one to a request that is not HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import enable_server_permessage_deflate
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from .arrived import ARRIVED, ECHO, PAGES, Request, parsed, report
from .echo_application import MAX_BODY, Application, Watch
from .stream import READ_SIZE

MAX_HEAD = 65536
"""Bytes of the longest request head that is read."""

PATIENCE = 10
"""Seconds in which the head of a request must arrive, and its body."""

LINGER = 1
"""Seconds in which the peer may close first, so that no response is lost with the rest of a request."""

MAX_OPEN = 400
"""Connections that are open at a time: one more closes the oldest."""

MAX_HELD = 128 << 20
"""Bytes of messages that all connections together hold, because they did not arrive to their end."""

HTTP_2 = b"PRI * HTTP/2.0\r\n\r\n"
"""The beginning of a connection over HTTP/2 (RFC 9113, section 3.4)."""

NOT_HTTP_1 = {
    b"\x16": "TLS, not HTTP: make the proxy use http:// for this port",
    HTTP_2: "HTTP/2, which DSS does not support: make the proxy use HTTP/1.1 for this port",
}
"""What arrived instead of HTTP/1.1, by its first bytes: a TLS handshake (RFC 8446), and HTTP/2."""

SENDERS: dict[Opcode, Callable[[ServerProtocol, bytes, bool], None]] = {
    Opcode.TEXT: ServerProtocol.send_text,
    Opcode.BINARY: ServerProtocol.send_binary,
    Opcode.CONT: ServerProtocol.send_continuation,
}
"""The method that sends a frame of each kind back."""

Notice = Callable[[str], object]
"""Called with what arrived that no response can report."""


async def serve(
    address: str,
    port: int,
    max_size: int,
    ready: Callable[[int], object],
    notice: Notice = lambda _: None,
    application: Application | None = None,
) -> None:
    """Serve until cancelled.

    Calls `ready` with the port once connections are accepted. Messages may have up to `max_size` bytes.
    Raises OSError when the server cannot listen on the port.
    """
    connections = OpenConnections()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            with contextlib.suppress(OSError):  # the peer has gone
                await _Connection(reader, writer, max_size, notice, application, connections).run()
        finally:
            connections.remove(writer)
            writer.close()

    # diagnose opens many connections at once when it tests many URLs.
    server = await asyncio.start_server(handle, address, port, backlog=1024, limit=READ_SIZE)
    try:
        ready(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().create_future()
    finally:
        server.close()


class OpenConnections:
    """The open connections, with the bytes that each of them holds."""

    def __init__(self) -> None:
        self.held: dict[asyncio.StreamWriter, int] = {}

    def add(self, writer: asyncio.StreamWriter) -> None:
        """Add a connection; close the oldest if there are too many."""
        self.held[writer] = 0
        if len(self.held) > MAX_OPEN:
            oldest = next(iter(self.held))
            del self.held[oldest]
            oldest.transport.abort()

    def remove(self, writer: asyncio.StreamWriter) -> None:
        """Forget a connection."""
        self.held.pop(writer, None)

    def hold(self, writer: asyncio.StreamWriter, size: int) -> bool:
        """Note how much a connection holds; return whether that is allowed."""
        if writer in self.held:
            self.held[writer] = size
        return sum(self.held.values()) <= MAX_HELD


class _Connection:
    """A connection, with one request."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        max_size: int,
        notice: Notice,
        application: Application | None,
        connections: OpenConnections,
    ) -> None:
        self.reader, self.writer, self.notice, self.application, self.connections = (
            reader,
            writer,
            notice,
            application,
            connections,
        )
        self.watch: Watch | None = None
        self.protocol = ServerProtocol(
            extensions=enable_server_permessage_deflate(None),
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            max_size=max_size,
        )

    async def run(self) -> None:
        """Respond to the request; where it is a handshake, send every message back."""
        data = await self._read(lambda data: b"\r\n\r\n" in data or len(data) >= MAX_HEAD, tuple(NOT_HTTP_1))
        if not data:
            return
        for start, words in NOT_HTTP_1.items():
            if data.startswith(start):
                self.notice(words)
        peer = (self.writer.get_extra_info("peername") or [""])[0]
        if data.startswith(HTTP_2):
            from .echo_http2 import respond  # noqa: PLC0415  # slow to import, and rarely needed

            await respond(self.reader, self.writer, data, self.application, peer)
            return
        head, end, rest = data.partition(b"\r\n\r\n")
        request = parsed(head, peer)
        response = await self._of_desk(request, rest) or self._of_server(request, head + end)
        _add_report(response, request)
        if response.status_code == 101:
            self.protocol.send_response(response)
            if self.watch:
                self.watch.accepted()
            self.protocol.receive_data(rest)
            await self._echo()
        else:
            self.writer.write(response.serialize())
            await self._linger()

    async def _read(self, done: Callable[[bytearray], bool], ends: tuple[bytes, ...] = (), data: bytes = b"") -> bytes:
        """Return what arrives until `done`, or in time.

        Also ends where it starts with one of `ends`.
        """
        read = bytearray(data)

        async def into() -> None:
            while not done(read) and not (ends and read.startswith(ends)):
                more = await self.reader.read(READ_SIZE)
                if not more:
                    return
                read.extend(more)

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(into(), PATIENCE)
        return bytes(read)

    async def _of_desk(self, request: Request, rest: bytes) -> Response | None:
        """Return the response of the application, if there is one and it has one."""
        if not self.application or "Sec-WebSocket-Key" in Headers(request.headers):
            return None
        length = request.header("Content-Length") if request.parameter("visit") else ""
        size = int(length) if re.fullmatch("[0-9]{1,8}", length) else 0
        body = await self._read(lambda data: len(data) >= min(size, MAX_BODY), (), rest) if size else b""
        found = self.application.respond(request, body[:MAX_BODY] if size <= MAX_BODY else b"")
        if found is None:
            return None
        status, headers, content = found
        headers = {**headers, "Connection": "close", "Content-Length": str(len(content))}
        return Response(status, HTTPStatus(status).phrase, Headers(headers), content)

    def _of_server(self, request: Request, head: bytes) -> Response:
        """Return the response to what may be a handshake."""
        self.watch = self.application.watch(request) if self.application else None
        self.protocol.receive_data(head)
        response = self._response(self.protocol.events_received())
        if self.watch and self.watch.refused and response.status_code == 101:
            return self.protocol.reject(HTTPStatus.FORBIDDEN, "Origin does not match Host")
        return response

    def _response(self, events: Sequence[object]) -> Response:
        """Return the response of the library; 200 for the page and health check."""
        request = next((event for event in events if isinstance(event, Handshake)), None)
        if not request:
            return self.protocol.reject(HTTPStatus.BAD_REQUEST, "expected a valid HTTP/1.1 request")
        if request.path in PAGES and "Sec-WebSocket-Key" not in request.headers:
            return self.protocol.reject(HTTPStatus.OK, "")
        return self.protocol.accept(request)

    async def _echo(self) -> None:
        """Send every frame back until the WebSocket ends.

        The protocol itself responds to pings. After a close frame that arrived together with messages, it sends none.
        """
        while True:
            for frame in self.protocol.events_received():
                opened = self.protocol.state is State.OPEN
                if opened and isinstance(frame, Frame) and frame.opcode in SENDERS:
                    SENDERS[frame.opcode](self.protocol, bytes(frame.data), frame.fin)
                    if self.watch and frame.fin:
                        self.watch.message()
            for data in self.protocol.data_to_send():
                self.writer.write(data)
            await self.writer.drain()
            if self.protocol.close_expected():  # after a close frame, the server closes first (RFC 6455, section 7.1.1)
                return
            received = await self.reader.read(READ_SIZE)
            if not received:
                return
            self.protocol.receive_data(received)
            held = len(self.protocol.reader.buffer) + self.writer.transport.get_write_buffer_size()
            if not self.connections.hold(self.writer, held):
                return

    async def _linger(self) -> None:
        """Let the peer close first.

        While the body of a request arrives, closing would drop the response.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await self.writer.drain()
            self.writer.write_eof()
            await asyncio.wait_for(self._read_away(), LINGER)

    async def _read_away(self) -> None:
        while await self.reader.read(READ_SIZE):
            pass


def _add_report(response: Response, request: Request) -> None:
    """Add what arrived to the headers of a response, and to an empty body."""
    text = report(request.method, request.path, request.version, request.headers)
    response.headers[ECHO], response.headers[ARRIVED] = "echo", text
    if response.status_code == 101 or "Cache-Control" in response.headers:  # the application sets it
        return
    for name in ("Content-Type", "Content-Length"):
        del response.headers[name]
    refused = (response.body or b"").decode().partition("\n")[0]
    response.body = json.dumps({**({"refused": refused} if refused else {}), **json.loads(text)}).encode()
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Length"] = str(len(response.body))
