"""Host the built site: nginx with hosting/site.conf, and a server in Python."""

import contextlib
import http.client
import http.server
import os
import re
import ssl
import threading
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import trustme

from checks.lab.builds import wheel_nginx
from checks.lab.process import ROOT, Process, is_listening, on_free_ports, running, workspace

HOSTING = ROOT / "hosting"

AROUND = """daemon off;
{user}
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    types {{
        text/html html;
        text/css css;
        text/javascript js;
        image/svg+xml svg;
        image/png png;
    }}
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-unused;
    uwsgi_temp_path temp-unused;
    scgi_temp_path temp-unused;
    include site.conf;
}}
"""
"""The nginx.conf around the published file: MIME types, and temporary folders in the workspace."""


def headers():
    """Return the headers that hosting/_headers sets for every page."""
    lines = (HOSTING / "_headers").read_text(encoding="utf-8").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if line.startswith("  "))


@dataclass(frozen=True)
class Response:
    """A response with its whole body."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Host:
    """A running nginx that serves a folder."""

    http: int
    https: int
    tls: ssl.SSLContext
    process: Process

    @property
    def origin(self):
        """The URL of the site, without a slash at the end."""
        return f"https://localhost:{self.https}"

    def get(self, path, request_headers=None, *, secure=True):
        """Return the response to a request, by default over HTTPS."""
        connection = (
            http.client.HTTPSConnection("localhost", self.https, timeout=20, context=self.tls)
            if secure
            else http.client.HTTPConnection("localhost", self.http, timeout=20)
        )
        with contextlib.closing(connection):
            connection.request("GET", path, headers=request_headers or {})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def log(self):
        """Return everything that nginx printed."""
        return self.process.output()


@contextlib.contextmanager
def serving(handler):
    """Run a handler of http.server for the length of a block, which gets its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def serve(site):
    """Serve a built site with hosting/site.conf for the length of a block."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    leaf = authority.issue_cert("localhost")
    user = "user root;" if os.geteuid() == 0 else ""
    with workspace() as folder, contextlib.ExitStack() as stack:
        leaf.private_key_pem.write_to_path(folder / "docs.key")
        (folder / "docs_cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        (folder / "nginx.conf").write_text(AROUND.format(user=user), encoding="utf-8")

        def start(http, https):
            (folder / "site.conf").write_text(filled(site, folder, http, https), encoding="utf-8")
            process = stack.enter_context(running([wheel_nginx(), "-p", folder, "-c", "nginx.conf"], folder, "nginx"))
            process.wait_until(lambda: is_listening(https))
            return Host(http, https, tls, process)

        yield on_free_ports(2, start)


def filled(site, folder, http, https):
    """Return hosting/site.conf with only the values replaced that its users replace."""
    values = {
        "listen 80": f"listen 127.0.0.1:{http}",
        "listen 443": f"listen 127.0.0.1:{https}",
        "docs.example.com": "localhost",
        "/etc/nginx/ssl": str(folder),
        "/srv/docs": str(Path(site).resolve()),
    }
    words = "|".join(map(re.escape, values))
    text = (HOSTING / "site.conf").read_text(encoding="utf-8")
    return re.sub(rf"(?:{words})(?![\w.-])", lambda found: values[found.group()], text)
