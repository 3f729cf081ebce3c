"""Accept every WebSocket and report which request arrived.

The server stands in for DSS behind a proxy. `diagnose` compares the request with the one that it sent, so it can name
the header that a proxy dropped or changed. That is needed most where no handshake arrives, so every response has the
report: also one to a request that is not HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets.extensions.permessage_deflate import enable_server_permessage_deflate
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from .arrived import ARRIVED, ECHO, PAGES, report

MAX_HEAD = 65536
"""Bytes of the longest request head that is read."""

READ_SIZE = 65536
"""Bytes; the most that is read at once."""

PATIENCE = 10
"""Seconds in which the head of a request must arrive."""

LINGER = 1
"""Seconds in which the peer may close first, so that no response is lost with the rest of a request."""

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
    address: str, port: int, max_size: int, ready: Callable[[int], object], notice: Notice = lambda _: None
) -> None:
    """Serve until cancelled.

    Calls `ready` with the port once connections are accepted. Messages may have up to `max_size` bytes.
    Raises OSError when the server cannot listen on the port.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # the peer has gone
            await _Connection(reader, writer, max_size, notice).run()
        writer.close()

    # diagnose opens many connections at once when it tests many URLs.
    server = await asyncio.start_server(handle, address, port, backlog=1024, limit=READ_SIZE)
    ready(server.sockets[0].getsockname()[1])
    await asyncio.get_running_loop().create_future()


class _Connection:
    """A connection, with one request."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_size: int, notice: Notice
    ) -> None:
        self.reader, self.writer, self.notice = reader, writer, notice
        self.protocol = ServerProtocol(
            extensions=enable_server_permessage_deflate(None),
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            max_size=max_size,
        )

    async def run(self) -> None:
        """Respond to the request; where it is a handshake, send every message back."""
        data = await self._read_head()
        if not data:
            return
        for start, words in NOT_HTTP_1.items():
            if data.startswith(start):
                self.notice(words)
        if data.startswith(HTTP_2):
            from .echo_http2 import respond  # noqa: PLC0415  # slow to import, and rarely needed

            await respond(self.reader, self.writer, data)
            return
        head, end, rest = data.partition(b"\r\n\r\n")
        self.protocol.receive_data(head + end)
        response = self._response(self.protocol.events_received())
        _add_report(response, head)
        if response.status_code == 101:
            self.protocol.send_response(response)
            self.protocol.receive_data(rest)
            await self._echo()
        else:
            self.writer.write(response.serialize())
            await self._linger()

    async def _read_head(self) -> bytes:
        """Return the head of the request, or what arrived of it in time."""
        data = bytearray()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._read_into(data), PATIENCE)
        return bytes(data)

    async def _read_into(self, data: bytearray) -> None:
        while b"\r\n\r\n" not in data and len(data) < MAX_HEAD and not data.startswith(tuple(NOT_HTTP_1)):
            more = await self.reader.read(READ_SIZE)
            if not more:
                return
            data += more

    def _response(self, events: Sequence[object]) -> Response:
        """Return the response of the library; 200 for the page and health check."""
        request = next((event for event in events if isinstance(event, Request)), None)
        if not request:
            return self.protocol.reject(HTTPStatus.BAD_REQUEST, "expected a valid HTTP/1.1 request")
        if request.path in PAGES and "Sec-WebSocket-Key" not in request.headers:
            return self.protocol.reject(HTTPStatus.OK, "")
        return self.protocol.accept(request)

    async def _echo(self) -> None:
        """Send every frame back until the WebSocket ends.

        The protocol itself responds to pings.
        """
        while True:
            for frame in self.protocol.events_received():
                if isinstance(frame, Frame) and frame.opcode in SENDERS:
                    SENDERS[frame.opcode](self.protocol, bytes(frame.data), frame.fin)
            for data in self.protocol.data_to_send():
                self.writer.write(data)
            await self.writer.drain()
            if self.protocol.close_expected():  # after a close frame, the server closes first (RFC 6455, section 7.1.1)
                return
            received = await self.reader.read(READ_SIZE)
            if not received:
                return
            self.protocol.receive_data(received)

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


def _add_report(response: Response, head: bytes) -> None:
    """Add what arrived to the headers of a response, and make it its body."""
    line, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = line.partition(" ")
    path, _, version = rest.rpartition(" ")
    fields = (field.partition(":") for field in lines)
    text = report(method, path, version, [(name, value.strip()) for name, _, value in fields])
    response.headers[ECHO], response.headers[ARRIVED] = "echo", text
    if response.status_code == 101:
        return
    for name in ("Content-Type", "Content-Length"):
        del response.headers[name]
    refused = (response.body or b"").decode().partition("\n")[0]
    response.body = json.dumps({**({"refused": refused} if refused else {}), **json.loads(text)}).encode()
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Length"] = str(len(response.body))
