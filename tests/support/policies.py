"""Pages with a Content-Security-Policy, and what browsers make of them."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme
from websockets.utils import accept_key

HOST = "dss.example.com"
PATH = "/dip/websocket?sessionId=1"

POLICIES = [
    "",
    "connect-src 'self'",
    "connect-src 'none'",
    "connect-src",
    "connect-src *",
    "default-src 'self'",
    "default-src 'none'",
    "default-src *",
    "default-src https:",
    "default-src https: wss:",
    "default-src 'self' 'unsafe-inline' 'unsafe-eval'",
    "default-src 'none'; connect-src 'self'",
    "default-src 'self'; connect-src",
    "default-src 'self'; connect-src https://api.example.com",
    "script-src 'self'",
    "frame-ancestors 'self'",
    "connect-src http:",
    "connect-src https:",
    "connect-src ws:",
    "connect-src wss:",
    "connect-src ws: wss:",
    "connect-src WSS:",
    "connect-src {host}",
    "connect-src {host}:{port}",
    "connect-src {host}:*",
    "connect-src DSS.Example.COM:{port}",
    "connect-src {host}:80",
    "connect-src {host}:443",
    "connect-src *.example.com",
    "connect-src *.example.com:*",
    "connect-src *.{host}:*",
    "connect-src example.com:*",
    "connect-src other.example.com:*",
    "connect-src *:*",
    "connect-src *:{port}",
    "connect-src *:443",
    "connect-src http://{host}:{port}",
    "connect-src https://{host}:{port}",
    "connect-src https://{host}",
    "connect-src ws://{host}",
    "connect-src wss://{host}",
    "connect-src ws://{host}:{port}",
    "connect-src wss://{host}:{port}",
    "connect-src ws://{host}:*",
    "connect-src wss://{host}:*",
    "connect-src wss://{host}:443",
    "connect-src ws://*",
    "connect-src wss://*",
    "connect-src ws://*:*",
    "connect-src ws://*.example.com:*",
    "connect-src wss://*.example.com:*",
    "connect-src wss://*.example.com:{port}/",
    "connect-src ws://{host}:{port}/",
    "connect-src ws://{host}:{port}/dip/",
    "connect-src ws://{host}:{port}/dip",
    "connect-src ws://{host}:{port}/dip/websocket",
    "connect-src ws://{host}:{port}/dip/websocket/",
    "connect-src ws://{host}:{port}/DIP/",
    "connect-src ws://{host}:{port}/%64ip/",
    "connect-src ws://{host}:{port}/other/",
    "connect-src {host}:{port}/dip/",
    "connect-src {host}:{port}/other",
    "connect-src ws://{host}:{port}/dip/websocket?sessionId=1",
    "connect-src 'self' 'none'",
    "connect-src 'none' 'self'",
    "connect-src 'none' wss:",
    "connect-src 'self' https://api.example.com",
    "CONNECT-SRC 'SELF'",
    "connect-src self",
    "connect-src 'unsafe-inline'",
    "connect-src data: blob:",
    "connect-src 'self'; connect-src 'none'",
    "connect-src 'none'; connect-src 'self'",
    "connect-src 'self', connect-src 'none'",
    "connect-src 'self', script-src 'none'",
    "default-src 'self',connect-src 'self'",
    ";; connect-src   'self' ;",
    "connect-src\t'self'",
    "connect-src //{host}:{port}",
    "connect-src 127.0.0.1:{port}",
    "connect-src {host}:0{port}",
    "connect-src 'nonce-abc' 'sha256-abc' 'report-sample'",
    "connect-src 'strict-dynamic' 'self'",
    "sandbox allow-scripts allow-same-origin; connect-src 'self'",
    "block-all-mixed-content; connect-src 'self'",
    "upgrade-insecure-requests",
    "upgrade-insecure-requests; connect-src 'self'",
    "upgrade-insecure-requests; connect-src ws:",
    "upgrade-insecure-requests; connect-src wss:",
]
"""Policies in the header of a page; {host} and {port} are its own."""

META = "<meta http-equiv={} content={}>".format
CSP = "Content-Security-Policy"
NONE = META(CSP, "\"connect-src 'none'\"")
DOCUMENTS = [
    NONE,
    META(CSP, "\"connect-src 'self'\""),
    META(CSP.upper(), "'connect-src &#39;none&#39;'"),
    META(f"'{CSP}'", "connect-src"),
    META(f"{CSP}-Report-Only", "\"connect-src 'none'\""),
    META("refresh", "\"connect-src 'none'\""),
    f"<!-- {NONE} -->",
    f"<script>`{NONE}`</script>",
    f"<body>{NONE}",
    f"<head></head><body><p>{NONE}",
    f"<title>{NONE}</title>",
    f"<META content='default-src https:' HTTP-EQUIV={CSP} />",
    META(CSP, "'upgrade-insecure-requests'"),
    META(CSP, "'connect-src ws: wss:'") + META(CSP, "'connect-src https:'"),
]
"""Beginnings of pages without a policy in a header."""

CASES = [(policy, "") for policy in POLICIES] + [("", document) for document in DOCUMENTS]
"""The policy in the header of each page, and the beginning of its document."""

TRY = """([numbers, url]) => Promise.all(numbers.map(number => new Promise(resolve => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
        const view = frame.contentWindow;
        try {
            const socket = new view.WebSocket(url, ["dummy"]);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("blocked");
        } catch (error) {
            resolve("blocked");
        }
    };
    frame.src = `/page/${number}`;
    document.body.append(frame);
})))"""
"""A function that opens a WebSocket from the page of each numbered case; its results are "open" or "blocked"."""


class Pages(BaseHTTPRequestHandler):
    """The page of each case, and a WebSocket."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if key := self.headers.get("Sec-WebSocket-Key"):
            accept = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_key(key))]
            self.reply(101, [*accept, ("Sec-WebSocket-Protocol", "dummy")])
            self.rfile.read(1)
        elif self.path.startswith("/page/"):
            header, document = CASES[int(self.path.rpartition("/")[2])]
            body = f"<!doctype html>{document}<p>page".encode()
            policy = [(CSP, filled(header, self.server.own_port))] if header else []
            report_only = [(f"{CSP}-Report-Only", "connect-src 'none'")]
            self.reply(200, [*policy, *report_only], body)
        else:
            self.reply(200, [], b"<!doctype html><link rel=icon href=data:,><body>")

    def reply(self, status, headers, body=b""):
        length = [] if status == 101 else [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
        self.send_response(status)
        for name, value in [*headers, *length]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = status == 101

    def log_message(self, *_):
        pass


def filled(policy, port):
    return policy.replace("{host}", HOST).replace("{port}", str(port))


@contextmanager
def policy_server(*, secure: bool, own_port: int = 0) -> Iterator[int]:
    """Serve the pages; `own_port` is the port in their URLs, by default the real one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.daemon_threads = True
        server.own_port = own_port or server.server_port
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert(HOST).configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
