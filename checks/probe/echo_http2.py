"""Respond over HTTP/2 to a proxy in front of `checks echo`.

DSS speaks HTTP/1.1 only, so every handshake is refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import H2Error

from .arrived import ARRIVED, ECHO, PAGES, report

READ_SIZE = 65536
"""Bytes; the most that is read at once."""


async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    """Respond to each request on a connection, until the proxy closes it.

    `data` are the bytes that were read already.
    """
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.initiate_connection()
    try:
        while data:
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    _answer(connection, event.stream_id, [(str(name), str(value)) for name, value in event.headers])
            writer.write(connection.data_to_send())
            data = await reader.read(READ_SIZE)
    except H2Error:
        writer.write(connection.data_to_send())  # which names the error


def _answer(connection: H2Connection, stream: int, headers: Iterable[tuple[str, str]]) -> None:
    """Send the response to one request: 200 for the page and the health check."""
    pairs = list(headers)
    pseudo = dict(pairs)
    method, path = pseudo.get(":method", ""), pseudo.get(":path", "")
    text = report(method, path, "HTTP/2", [pair for pair in pairs if pair[0] not in {":method", ":path"}])
    status = "200" if method == "GET" and path in PAGES else "505"
    fields = [
        (":status", status),
        ("content-type", "application/json"),
        (ECHO.lower(), "echo"),
        (ARRIVED.lower(), text),
    ]
    connection.send_headers(stream, fields)
    connection.send_data(stream, json.dumps(json.loads(text)).encode(), end_stream=True)
