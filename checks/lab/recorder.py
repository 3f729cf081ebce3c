"""Serve a page to a browser, over HTTP/1.1 and HTTP/2, and record its requests.

The page requests the health check and opens a WebSocket, as the page of DSS does. Then it makes handshakes that fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterable, Iterator

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from websockets.utils import accept_key

Headers = list[tuple[str, str]]
"""The headers of a request, in order; over HTTP/2, with its pseudo-headers."""

SOCKET = "/dip/websocket?sessionId=recorded"
HEALTH_CHECK = "/dip/api/ping"
DONE = "/done"

FAULTS = {
    **{f"status {status}": f"/fault/{status}" for status in (200, 302, 400, 401, 403, 404, 426, 502)},
    "no response": "/fault/closed",
    "wrong Sec-WebSocket-Accept": "/fault/accept",
    "no subprotocol": "/fault/subprotocol",
    "unknown extension": "/fault/extension",
}
"""The path of the WebSocket for each wrong response to a handshake."""

PAGE = f"""<!doctype html><title>page</title><link rel=icon href="data:,"><script>
const open = path => new Promise(resolve => {{
    const socket = new WebSocket(location.origin.replace("http", "ws") + path, ["dummy"]);
    socket.onopen = socket.onerror = resolve;
}});
(async () => {{
    await fetch("{HEALTH_CHECK}");
    await open("{SOCKET}");
    if (location.hash) for (const path of {list(FAULTS.values())}) await open(path);
    await fetch("{DONE}");
    console.log("{DONE}");
}})();
</script>"""
"""The page; the faults follow where its URL has a fragment."""


class Recorder:
    """A server for each of http, https and http2, and the requests that each got.

    A request is found by its path: that of the page is `/`, that of a tunnel is CONNECT.
    """

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.requests: dict[str, dict[str, Headers]] = {"http": {}, "https": {}, "http2": {}}
        self.done = {name: threading.Event() for name in self.requests}

    def response(self, name: str, path: str, headers: Headers) -> tuple[int, Headers, bytes]:
        """Record a request, and return the response to it."""
        self.requests[name].setdefault(path, headers)
        if path in {DONE, "CONNECT"}:
            self.done[name].set()
        body = PAGE.encode() if path == "/" else b"{}"
        kind = "text/html; charset=utf-8" if path == "/" else "application/json"
        cookie = [("set-cookie", "session=recorded; Path=/")] if path == "/" else []
        status = path.rpartition("/")[2]
        code = int(status) if status.isdigit() else 200
        return code, [("content-type", kind), *cookie, ("content-length", str(len(body)))], body

    async def http1(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection over HTTP/1.1."""
        while True:
            request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
            headers = [(key, value) for key, _, value in (line.partition(": ") for line in lines)]
            method, path, _ = request.split()
            status, fields, body = self.response(name, "CONNECT" if method == "CONNECT" else path, headers)
            key = next((value for key, value in headers if key.lower() == "sec-websocket-key"), "")
            if path == FAULTS["no response"] or method == "CONNECT":
                return
            if key and status == 200 and path != FAULTS["status 200"]:
                status, fields, body = 101, _opening(path, key), b""
            head = "\r\n".join([f"HTTP/1.1 {status} OK", *(f"{key}: {value}" for key, value in fields), "", ""])
            writer.write(head.encode() + body)

    async def http2(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection over HTTP/2, which offers extended CONNECT (RFC 8441)."""
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        settings: dict[SettingCodes | int, int] = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        connection.local_settings.update(settings)
        connection.initiate_connection()
        connection.update_settings(settings)
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived) and event.stream_id is not None:
                    headers = [(str(key), str(value)) for key, value in event.headers or []]
                    pseudo = dict(headers)
                    status, fields, body = self.response(name, pseudo[":path"], headers)
                    if pseudo[":method"] == "CONNECT":
                        opened = [(":status", "200"), ("sec-websocket-protocol", "dummy")]
                        connection.send_headers(event.stream_id, opened)
                    else:
                        connection.send_headers(event.stream_id, [(":status", str(status)), *fields])
                        connection.send_data(event.stream_id, body, end_stream=True)
            writer.write(connection.data_to_send())


def _opening(path: str, key: str) -> Headers:
    """Return the headers that open a WebSocket, with the fault of this path."""
    accept = "wrong" if path == FAULTS["wrong Sec-WebSocket-Accept"] else accept_key(key)
    headers = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept)]
    if path == FAULTS["unknown extension"]:
        headers.append(("sec-websocket-extensions", "unknown"))
    return headers if path == FAULTS["no subprotocol"] else [*headers, ("sec-websocket-protocol", "dummy")]


@contextlib.contextmanager
def recorder(*hosts: str) -> Iterator[Recorder]:
    """Run the servers for the length of the block; their certificates cover `hosts`."""
    found, loop = Recorder(), asyncio.new_event_loop()
    certificate = trustme.CA().issue_cert(*hosts)

    def tls(*protocols: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(protocols)
        return context

    async def listen(name: str, context: ssl.SSLContext | None) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            encryption = writer.get_extra_info("ssl_object")
            chosen = found.http2 if encryption and encryption.selected_alpn_protocol() == "h2" else found.http1
            with contextlib.suppress(OSError, EOFError, ProtocolError, asyncio.CancelledError):
                await chosen(name, reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        found.ports[name] = server.sockets[0].getsockname()[1]
        return server

    async def start() -> list[asyncio.Server]:
        contexts = {"http": None, "https": tls("http/1.1"), "http2": tls("h2", "http/1.1")}
        return [await listen(name, context) for name, context in contexts.items()]

    servers = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(_end, loop, servers)
        thread.join()
        loop.close()


def _end(loop: asyncio.AbstractEventLoop, servers: Iterable[asyncio.Server]) -> None:
    """Close the servers, and end all connections, then the loop."""
    for server in servers:
        server.close()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: loop.stop())
