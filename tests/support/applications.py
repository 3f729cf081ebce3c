"""Small applications behind a proxy: Tornado, and scripted servers."""

import asyncio
import contextlib
import threading
from types import SimpleNamespace

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket

from .server import scripted_server, until_closed


class Echo(tornado.websocket.WebSocketHandler):
    """A WebSocket with the Origin check that Tornado has by default."""

    def on_message(self, message):
        """Send a message back."""
        self.write_message(message)


class Strict(Echo):
    """A WebSocket that reports another Host in a message, as webpack-dev-server."""

    def check_origin(self, _):
        """Accept every handshake."""
        return True

    def open(self):
        """Close the WebSocket if Host is not that of the page."""
        if self.request.headers["Origin"].partition("//")[2] != self.request.host:
            self.write_message('{"type":"error","data":"Invalid Host/Origin header"}')
            self.close()


class Page(tornado.web.RequestHandler):
    """A page."""

    def get(self):
        """Send it."""
        self.write("<!doctype html><title>An application</title><p>This page belongs to an application.</p>")


@contextlib.contextmanager
def tornado_server():
    """Run an application with /, /ws and /strict, and yield its port."""
    ports, loop = [], asyncio.new_event_loop()
    ready = threading.Event()

    async def serve():
        application = tornado.web.Application(
            [("/", Page), ("/ws", Echo), ("/strict", Strict)], log_function=lambda _: None
        )
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(application)
        server.add_sockets(sockets)
        ports.extend(sock.getsockname()[1] for sock in sockets)
        stop = asyncio.Event()
        ports.append(stop)
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ports[1].set)
        thread.join(10)
        loop.close()


def asks(head, name, value):
    """Tell whether a request head has this token in a header."""
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    return any(key == name and value in field for key, _, field in lines)


def rejecting(refusal):
    """Return a script that sends a page at /, and this refusal elsewhere."""

    def script(sock, head):
        path = head.split(b" ")[1]
        whole = asks(head, b"upgrade", b"websocket") and asks(head, b"connection", b"upgrade")
        if path == b"/":
            respond(sock, "200 OK", "<p>This page belongs to an application.</p>")
        elif whole:
            respond(sock, "500 Internal Server Error", "expected no complete handshake")
        else:
            respond(sock, *refusal)

    return script


def respond(sock, status, body, *fields):
    """Send a response, and close."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "Connection: close", "", body]
    sock.sendall("\r\n".join(lines).encode())
    until_closed(sock, 1)


REFUSALS = {
    "em-websocket": ("500 Internal Server Error", "Connection and Upgrade headers required"),
    "Fiber": ("426 Upgrade Required", "Upgrade Required"),
    "gorilla": ("400 Bad Request", "Bad Request\n", "Sec-Websocket-Version: 13"),
    "Phoenix": ("400 Bad Request", ""),
}
"""What servers send to a request without Upgrade or Connection."""


def wants_token(sock, head):
    """Respond as a server whose WebSocket requires a token in the query."""
    if b"token=" in head.split(b" ")[1]:
        respond(sock, "500 Internal Server Error", "expected no token")
    elif head.split(b" ")[1] == b"/":
        respond(sock, "200 OK", "<p>This page belongs to an application.</p>")
    else:
        respond(sock, "401 Unauthorized", '{"error":"token required"}')


def long_headers(sock, head):
    """Respond to a handshake with more headers than a proxy buffers by default."""
    if asks(head, b"upgrade", b"websocket"):
        cookies = [f"Set-Cookie: part{number}={'x' * 2000}" for number in range(5)]
        respond(sock, "101 Switching Protocols", "", "Upgrade: websocket", *cookies)
    else:
        respond(sock, "200 OK", "<p>This page belongs to an application.</p>")


def two_sites(sock, head):
    """Respond with another site, unless Host is the host name of the page."""
    name = "an application" if asks(head, b"host", b"localhost") else "other people"
    respond(sock, "200 OK", f"<!doctype html><title>A page</title><p>This page belongs to {name}.</p>")


@contextlib.contextmanager
def application(name):
    """Run an application, and yield what a proxy needs to know about it."""
    scripts = {"token": wants_token, "long headers": long_headers, "two sites": two_sites}
    scripts |= {each: rejecting(refusal) for each, refusal in REFUSALS.items()}
    server = tornado_server() if name == "Tornado" else scripted_server(scripts[name])
    with server as port:
        yield SimpleNamespace(port=port, token="")
