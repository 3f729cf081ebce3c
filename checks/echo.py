"""Run beside DSS: open every WebSocket and tell which headers arrived, so that it shows what a proxy took out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_sockets
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

MARK = ("X-WebSocket-Doctor", "echo")
"""By it `diagnose` knows that what it got back are the headers that arrived; proxies write their own Server."""

SECRET = {"authorization", "cookie", "proxy-authorization"}

LONGEST, MOST = 120, 30
"""Characters of a value, and the number of headers, that are told: a proxy may read 4 KB of an answer's head."""

LIMIT = 1 << 24
"""Bytes of the largest message."""


def arrived(request: Request) -> str:
    """Return as JSON what came: path and headers, in their order, without what is secret."""
    headers = list(request.headers.raw_items())[:MOST]
    pairs = [(name, "***" if name.lower() in SECRET else value[:LONGEST]) for name, value in headers]
    return json.dumps({"path": request.path, "headers": pairs})


def answer(_: ServerConnection, request: Request) -> Response | None:
    """Answer what asks for no WebSocket with what arrived: 200 to the health check and the page, 426 to all else."""
    if "websocket" in request.headers.get("Upgrade", "").lower() and "Sec-WebSocket-Key" in request.headers:
        return None
    page = request.path in {"/", "/dip/api/ping"}
    body = arrived(request).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
    if not page:
        fields.append(("Upgrade", "websocket"))
    status, reason = (200, "OK") if page else (426, "Upgrade Required")
    return named(Response(status, reason, Headers(fields), body))


def named(response: Response) -> Response:
    """Put our name on an answer."""
    name, value = MARK
    response.headers[name] = value
    return response


def tell(_: ServerConnection, request: Request, response: Response) -> Response:
    """Put what arrived into the answer to a handshake."""
    if response.status_code == 101:
        response.headers["X-Arrived"] = arrived(request)
    return named(response)


async def talk(connection: ServerConnection) -> None:
    """Send every message back."""
    async for message in connection:
        await connection.send(message)


async def serve(address: str, port: int, ready: Callable[[int], object]) -> None:
    """Serve until cancelled; `ready` gets the port.

    Raises OSError when the port is taken.
    """
    async with serve_sockets(
        talk,
        address,
        port,
        process_request=answer,
        process_response=tell,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
        server_header=None,
        backlog=1024,  # who looks at many addresses opens many at once
        ping_interval=None,
        max_size=LIMIT,
    ) as server:
        ready(next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()
