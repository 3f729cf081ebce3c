"""Small HTTP servers for tests of the commands."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace


@contextlib.contextmanager
def serving(handler, *, tls=None, kind=ThreadingHTTPServer, address="127.0.0.1"):
    """Run a server in a thread; return its URL and the requests it recorded."""
    with kind((address, 0), handler) as server:
        if tls:
            # Without the handshake in `accept`, which would keep other connections waiting.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.requests = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"[{address}]" if ":" in address else address
        url = f"http{'s' if tls else ''}://{host}:{server.server_address[1]}"
        try:
            yield SimpleNamespace(url=url, requests=server.requests)
        finally:
            server.shutdown()


class Quiet(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, *_):
        pass


class Ordinary(Quiet):
    """A web site that is not DSS, with an escape sequence in its status line."""

    def do_GET(self):
        self.send_response(404, "Not\x1b[31mFound")
        self.send_header("Set-Cookie", "session=planted-secret; Path=/")
        self.end_headers()


class Repeating(Quiet):
    """A web site that repeats each request in its body, and records it."""

    def do_GET(self):
        self.server.requests.append(dict(self.headers.items()))
        self.send_response(404)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers}".encode())


class Markdown(Quiet):
    """A web site with Markdown in its status line and headers."""

    def do_GET(self):
        self.send_response_only(500, "<img src=x> [click](http://x) ``` **")
        self.send_header("Via", "1.1 [here](http://x)<b>")
        self.send_header("Content-Length", "0")
        self.end_headers()
