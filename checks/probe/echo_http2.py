"""Respond over HTTP/2 to a proxy in front of `checks echo`.

DSS speaks HTTP/1.1 only, so every handshake is refused.
"""

from __future__ import annotations

import asyncio
import json

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from .arrived import ARRIVED, ECHO, PAGES, Request, report
from .echo_desk import Desk

READ_SIZE = 65536
"""Bytes; the most that is read at once."""

MAX_BODY = 16384
"""Bytes of the longest request body that is read."""

PSEUDO = {":method", ":path"}
"""The headers of HTTP/2 that are the request line of HTTP/1."""


async def respond(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, desk: Desk | None = None, peer: str = ""
) -> None:
    """Respond to each request on a connection, until the proxy closes it.

    `data` are the bytes that were read already.
    """
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.initiate_connection()
    open_streams: dict[int, tuple[Request, bytearray]] = {}  # as many as HTTP/2 allows, which are 100
    try:
        while data:
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived) and event.stream_id:
                    pairs = [(str(name), str(value)) for name, value in event.headers or ()]
                    pseudo, headers = dict(pairs), tuple(pair for pair in pairs if pair[0] not in PSEUDO)
                    request = Request(pseudo.get(":method", ""), pseudo.get(":path", ""), "HTTP/2", headers, peer)
                    if pseudo.get(":protocol"):  # a handshake never ends (RFC 8441)
                        _answer(connection, event.stream_id, request, b"", desk)
                    else:
                        open_streams[event.stream_id] = request, bytearray()
                elif isinstance(event, DataReceived) and event.stream_id:
                    if event.stream_id in open_streams:
                        body = open_streams[event.stream_id][1]
                        body += (event.data or b"")[: MAX_BODY - len(body)]
                    connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                elif isinstance(event, StreamEnded) and event.stream_id in open_streams:
                    request, body = open_streams.pop(event.stream_id)
                    _answer(connection, event.stream_id, request, bytes(body), desk)
                elif isinstance(event, StreamReset):
                    open_streams.pop(event.stream_id or 0, None)
            writer.write(connection.data_to_send())
            data = await reader.read(READ_SIZE)
    except H2Error:
        writer.write(connection.data_to_send())  # which names the error


def _answer(connection: H2Connection, stream: int, request: Request, body: bytes, desk: Desk | None) -> None:
    """Send the response to one request: 200 for the page and the health check."""
    text = report(request.method, request.path, "HTTP/2", request.headers)
    plain = "200" if request.method == "GET" and request.path in PAGES else "505"
    status, headers, content = plain, {"content-type": "application/json"}, json.dumps(json.loads(text)).encode()
    found = desk.respond(request, body) if desk else None
    if found:
        status, content = str(found[0]), found[2]
        headers = {name.lower(): value for name, value in found[1].items()}
    elif desk:
        desk.watch(request)
    connection.send_headers(
        stream, [(":status", status), *headers.items(), (ECHO.lower(), "echo"), (ARRIVED.lower(), text)]
    )
    while content:
        window = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
        if window <= 0:  # the whole page fits into the first window
            break
        connection.send_data(stream, content[:window])
        content = content[window:]
    connection.end_stream(stream)
