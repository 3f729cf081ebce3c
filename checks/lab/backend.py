"""Stand in for the DSS backend.

`python backend.py` prints its two ports and serves until ended. The first port serves WebSocket and the pages, with
the `websockets` library, so it rejects handshakes as that library does. The second port is for other HTTP requests:
it returns requests, accepts uploads, and sends downloads.
"""

from __future__ import annotations

import asyncio
import hashlib
import http
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

PAGES = {"/": "page.html", "/notebook": "notebook.html"}
BACKLOG = 1024
"""Connections that may wait to be accepted.

Python's defaults are 5 and 100, and Linux resets or delays the connections beyond them.
"""

BLOCK = bytes(range(256)) * 256
"""64 KiB: downloads consist of these."""


def serve_page(connection: ServerConnection, request: Request) -> Response | None:
    """Return the response for a page or the health check, or None for a handshake."""
    path = urlsplit(request.path).path
    if path == "/dip/api/ping":
        return connection.respond(http.HTTPStatus.OK, "pong\n")
    if path in PAGES:
        body = (Path(__file__).parent / PAGES[path]).read_bytes()
        # This server ends the connection after each response, and a proxy must not use it again.
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
        return Response(200, "OK", Headers(headers), body)
    return None


async def serve_websocket(connection: ServerConnection) -> None:
    """Serve the notification WebSocket, or at other paths send messages back.

    At other paths, it sends nothing first. `close CODE` closes the WebSocket, and `headers` returns the headers.
    """
    assert connection.request
    if urlsplit(connection.request.path).path == "/dip/websocket":
        await connection.send(json.dumps({"type": "hello"}))
        async for message in connection:
            if json.loads(message).get("type") == "ping":
                await connection.send(json.dumps({"type": "pong"}))
        return
    async for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            await connection.close(int(message.split()[1]), "as asked")
        elif message == "headers":
            await connection.send(json.dumps(list(connection.request.headers.raw_items())))
        else:
            await connection.send(message)


def select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Accept only `dummy`, which the notification client expects."""
    return Subprotocol("dummy") if "dummy" in offered else None


class PlainHandler(BaseHTTPRequestHandler):
    """Handle requests that are not for WebSocket: return, accept, or stream data."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing: the front server has the log."""

    def do_GET(self) -> None:
        """Respond according to the last part of the path, /dip/lab/<what>."""
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match url.path.removeprefix("/dip/lab/").split("/")[0]:
            case "request":
                request = {"method": self.command, "target": self.path, "headers": list(self.headers.items())}
                self._reply(200, json.dumps(request).encode())
            case "redirect":
                self._reply(302, b"", Location=f"http://{self.headers['Host']}/dip/api/ping")
            case "slow":
                time.sleep(float(query["seconds"]))  # this URL stands for a query that takes long in DSS
                self._reply(200, b"done")
            case "download":
                self._download(int(query["blocks"]), breaks_off="breaks-off" in query)
            case _:
                self._reply(404, b"")

    def do_POST(self) -> None:
        """Read a body of any size, and return its length and SHA-256."""
        digest, length = hashlib.sha256(), 0
        for block in self._body():
            digest.update(block)
            length += len(block)
        self._reply(200, json.dumps({"length": length, "sha256": digest.hexdigest()}).encode())

    def _body(self) -> Iterator[bytes]:
        left = int(self.headers.get("Content-Length", 0))
        while left > 0 and (block := self.rfile.read(min(left, 1 << 20))):
            left -= len(block)
            yield block

    def _reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _download(self, blocks: int, *, breaks_off: bool) -> None:
        """Stream a body of unknown length, as an export is, or a part of it."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(blocks):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        if not breaks_off:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


class PlainServer(ThreadingHTTPServer):
    """Serve many requests at once."""

    request_queue_size = BACKLOG


async def main() -> None:
    """Print the two ports as one line of JSON, and serve until ended."""
    plain = PlainServer(("127.0.0.1", 0), PlainHandler)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    async with serve(
        serve_websocket,
        "127.0.0.1",
        0,
        process_request=serve_page,
        select_subprotocol=select_subprotocol,
        ping_interval=None,  # pings would keep an idle connection open
        backlog=BACKLOG,
        open_timeout=60,  # many handshakes at once, on a busy machine
        max_size=None,
    ) as server:
        ports = [next(iter(server.sockets)).getsockname()[1], plain.server_address[1]]
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
