"""The part of the stand-in that plays the DSS backend; run as `python backend.py`, prints its two ports.

The first port speaks WebSocket and serves the pages. It is the `websockets` library itself, so what it
refuses, it refuses in that library's words. The second port takes whole HTTP requests: it gives back
what arrived, swallows uploads, streams downloads.
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
"""Connections that may wait to be accepted: of more than 5 or 100, Python's defaults, Linux resets or delays some."""

BLOCK = bytes(range(256)) * 256
"""64 KiB, the unit of downloads."""


def page(connection: ServerConnection, request: Request) -> Response | None:
    """Answer the two pages and the health check; leave everything else to the WebSocket handshake."""
    path = urlsplit(request.path).path
    if path == "/dip/api/ping":
        return connection.respond(http.HTTPStatus.OK, "pong\n")
    if path in PAGES:
        body = (Path(__file__).parent / PAGES[path]).read_bytes()
        kind = Headers({"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))})
        return Response(200, "OK", kind, body)
    return None


async def sockets(connection: ServerConnection) -> None:
    """Serve the notification socket, and an echo socket that never speaks first."""
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


def choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Accept `dummy`, as the notification client expects, and nothing else."""
    return Subprotocol("dummy") if "dummy" in offered else None


class Whole(BaseHTTPRequestHandler):
    """Whole HTTP requests: give back, swallow, stream."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Stay quiet: the front server keeps the log."""

    def do_GET(self) -> None:
        """Dispatch on the last part of /dip/lab/<what>."""
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match url.path.removeprefix("/dip/lab/").split("/")[0]:
            case "request":
                seen = {"method": self.command, "target": self.path, "headers": list(self.headers.items())}
                self._reply(200, json.dumps(seen).encode())
            case "redirect":
                self._reply(302, b"", Location=f"http://{self.headers['Host']}/dip/api/ping")
            case "slow":
                time.sleep(float(query["seconds"]))  # the endpoint is a long query
                self._reply(200, b"done")
            case "download":
                self._download(int(query["blocks"]), breaks_off="breaks-off" in query)
            case _:
                self._reply(404, b"")

    def do_POST(self) -> None:
        """Swallow the body, whatever its size, and answer its length and SHA-256."""
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
        """Stream a body of unknown length, as an export is; perhaps end it in the middle."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(blocks):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        if not breaks_off:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


class Crowd(ThreadingHTTPServer):
    """Whole HTTP requests, many at once."""

    request_queue_size = BACKLOG


async def main() -> None:
    """Serve until ended; print the two ports as one line of JSON."""
    whole = Crowd(("127.0.0.1", 0), Whole)
    threading.Thread(target=whole.serve_forever, daemon=True).start()
    async with serve(
        sockets,
        "127.0.0.1",
        0,
        process_request=page,
        select_subprotocol=choose,
        ping_interval=None,  # silence must stay silence
        backlog=BACKLOG,
        open_timeout=60,  # many at once, on a busy machine
        max_size=None,
    ) as server:
        ports = [next(iter(server.sockets)).getsockname()[1], whole.server_address[1]]
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
