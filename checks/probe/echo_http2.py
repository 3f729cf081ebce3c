"""Respond over HTTP/2 to a proxy in front of `checks echo`.

DSS supports HTTP/1.1 only, so every handshake is rejected.
"""

from __future__ import annotations

import asyncio
import json

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from .arrived import ARRIVED, ECHO, PAGES, Request, report
from .echo_application import MAX_BODY, Application
from .stream import READ_SIZE

PSEUDO = {":method", ":path"}
"""The headers of HTTP/2 that are the request line of HTTP/1."""


async def respond(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    data: bytes,
    application: Application | None = None,
    peer: str = "",
) -> None:
    """Respond to each request on a connection, until the proxy closes it.

    `data` are the bytes that were read already, and `peer` is the IP address of the proxy.
    """
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.initiate_connection()
    streams = _Streams(connection, application, peer)
    try:
        while data:
            for event in connection.receive_data(data):
                streams.handle(event)
            writer.write(connection.data_to_send())
            data = await reader.read(READ_SIZE)
    except H2Error:
        writer.write(connection.data_to_send())  # which names the error


class _Streams:
    """The requests on one connection, as many as HTTP/2 allows, which are 100."""

    def __init__(self, connection: H2Connection, application: Application | None, peer: str) -> None:
        self.connection, self.application, self.peer = connection, application, peer
        self.open: dict[int, tuple[Request, bytearray]] = {}

    def handle(self, event: Event) -> None:
        """Take what arrived, and respond where a request is complete."""
        stream = getattr(event, "stream_id", None) or 0
        if isinstance(event, RequestReceived):
            self._begin(stream, [(str(name), str(value)) for name, value in event.headers or ()])
        elif isinstance(event, DataReceived):
            if stream in self.open:
                body = self.open[stream][1]
                body += (event.data or b"")[: MAX_BODY - len(body)]
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        elif isinstance(event, StreamEnded) and stream in self.open:
            request, body = self.open.pop(stream)
            self._respond(stream, request, bytes(body))
        elif isinstance(event, StreamReset):
            self.open.pop(stream, None)

    def _begin(self, stream: int, pairs: list[tuple[str, str]]) -> None:
        """Keep a request until its end.

        A handshake never ends, so this responds to it at once (RFC 8441).
        """
        pseudo, headers = dict(pairs), tuple(pair for pair in pairs if pair[0] not in PSEUDO)
        request = Request(pseudo.get(":method", ""), pseudo.get(":path", ""), "HTTP/2", headers, self.peer)
        if pseudo.get(":protocol"):
            self._respond(stream, request, b"")
        else:
            self.open[stream] = request, bytearray()

    def _respond(self, stream: int, request: Request, body: bytes) -> None:
        """Send the response to one request: 200 for the page and the health check."""
        text = report(request.method, request.path, "HTTP/2", request.headers)
        plain = "200" if request.method == "GET" and request.path in PAGES else "505"
        status, headers, content = plain, {"content-type": "application/json"}, json.dumps(json.loads(text)).encode()
        found = self.application.respond(request, body) if self.application else None
        if found:
            status, content = str(found[0]), found[2]
            headers = {name.lower(): value for name, value in found[1].items()}
        elif self.application:
            self.application.watch(request)
        reported = [(ECHO.lower(), "echo"), (ARRIVED.lower(), text)]
        self.connection.send_headers(stream, [(":status", status), *headers.items(), *reported])
        while content:
            window = min(self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size)
            if window <= 0:  # the whole page fits into the first window
                break
            self.connection.send_data(stream, content[:window])
            content = content[window:]
        self.connection.end_stream(stream)
