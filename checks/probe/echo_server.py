"""Accept every WebSocket and report which headers arrived.

The server stands in for DSS behind a proxy. `diagnose` compares the headers with those that it sent, so it can name the
header that a proxy dropped or changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .handshake import ECHO
from .secrets import masked

MAX_HEADERS = 30
"""How many headers are reported: a proxy may read only 4 KB of a response's head."""

MAX_VALUE = 120
"""Characters of each header value that are reported, for the same reason."""


def arrived(request: Request) -> str:
    """Return path and headers of a request as JSON, in order, with secrets masked."""
    headers = list(request.headers.raw_items())[:MAX_HEADERS]
    pairs = [(name, value[:MAX_VALUE]) for name, value in masked(headers)]
    return json.dumps({"path": request.path, "headers": pairs})


def respond(_: ServerConnection, request: Request) -> Response | None:
    """Return None for a handshake, and otherwise a response.

    The body reports what arrived. The page and the health check get 200, every other URL gets 426.
    """
    if "websocket" in request.headers.get("Upgrade", "").lower() and "Sec-WebSocket-Key" in request.headers:
        return None
    page = request.path in {"/", "/dip/api/ping"}
    body = arrived(request).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
    if not page:
        fields.append(("Upgrade", "websocket"))
    status, reason = (200, "OK") if page else (426, "Upgrade Required")
    return _marked(Response(status, reason, Headers(fields), body))


def _marked(response: Response) -> Response:
    """Add the header by which `diagnose` recognizes this server.

    It is not Server, which proxies overwrite.
    """
    response.headers[ECHO] = "echo"
    return response


def _report(_: ServerConnection, request: Request, response: Response) -> Response:
    """Add what arrived to the response to a handshake."""
    if response.status_code == 101:
        response.headers["X-Arrived"] = arrived(request)
    return _marked(response)


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):  # without a close frame, which is not worth a traceback
        async for message in connection:
            await connection.send(message)


async def serve(address: str, port: int, max_size: int, ready: Callable[[int], object]) -> None:
    """Serve until cancelled.

    Calls `ready` with the port once connections are accepted. Messages may have up to `max_size` bytes.
    Raises OSError when the server cannot listen on the port.
    """
    async with serve_websockets(
        _echo,
        address,
        port,
        process_request=respond,
        process_response=_report,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
        server_header=None,
        backlog=1024,  # diagnose opens many connections at once when it tests many URLs
        ping_interval=None,
        max_size=max_size,
    ) as server:
        ready(next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()
