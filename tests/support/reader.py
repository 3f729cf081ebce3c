"""Do what a user's browser does: send requests, open WebSockets, use a notebook."""

import asyncio
import contextlib
import http.client
import json
import uuid
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


class Reader:
    """A user of a site with a cookie jar.

    `site` needs the attributes `origin`, `port`, `tls` and `dss`, and `http` for a reader that is `insecure`.
    """

    timeout = 100

    def __init__(self, site, *, insecure=False):
        self.site = site
        self.port = site.http if insecure else site.port
        self.tls = None if insecure else site.tls
        self.cookies = {}

    def request(self, target, method="GET", body=None, headers=()):
        """Return the response and its body; the target is sent exactly as given."""
        if self.tls:
            connection = http.client.HTTPSConnection("localhost", self.port, context=self.tls, timeout=self.timeout)
        else:
            connection = http.client.HTTPConnection("localhost", self.port, timeout=self.timeout)
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        sent = {"Cookie": self.cookie_header(), **dict(headers)}
        if body is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            if value:
                connection.putheader(name, value)
        with contextlib.closing(connection):
            connection.endheaders(body)
            with connection.getresponse() as response:
                for line in response.headers.get_all("Set-Cookie") or []:
                    self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
                return response, response.read()

    def cookie_header(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def address(self, path):
        """Return the WebSocket URL of a path."""
        return self.site.origin.replace("http", "ws", 1) + path

    @contextlib.contextmanager
    def socket(self, path, **options):
        """Open a WebSocket with the cookies and the Origin of the page."""
        headers = {"Cookie": self.cookie_header()} if self.cookies else {}
        options = {"max_size": None, "ping_interval": None, "open_timeout": 100, "close_timeout": 5} | options
        with asyncio.Runner() as runner:

            async def opened():
                return await connect(
                    self.address(path),
                    origin=self.site.origin,
                    additional_headers=headers,
                    ssl=self.site.tls,
                    proxy=None,
                    **options,
                )

            run = runner.get_loop().run_until_complete  # Runner.run prints each result into an error that it catches
            socket = Socket(run, run(opened()))
            try:
                yield socket
            finally:
                run(socket.connection.close())

    def rejection(self, path):
        """Return the response to a handshake that must fail."""
        with pytest.raises(InvalidStatus) as rejected, self.socket(path):
            pass
        return rejected.value.response

    def log_in(self):
        """Sign in to Jupyter with its form, and keep the cookie."""
        self.request("/jupyter/login")
        form = urlencode({"password": self.site.dss.token, "_xsrf": self.cookies["_xsrf"]}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        response, _ = self.request("/jupyter/login", "POST", form, kind)
        assert response.status == 302, f"expected 302 after signing in to Jupyter, got {response.status}"

    def start_kernel(self):
        """Start a kernel; return the path of its WebSocket."""
        response, body = self.request("/jupyter/api/kernels", "POST", b"", {"X-XSRFToken": self.cookies["_xsrf"]})
        assert response.status == 201, f"expected 201 for a new kernel, got {response.status} {body[:200]!r}"
        return f"/jupyter/api/kernels/{json.loads(body)['id']}/channels"

    def stop_kernel(self, path):
        self.request(path.removesuffix("/channels"), "DELETE", b"", {"X-XSRFToken": self.cookies["_xsrf"]})

    def compute(self, path, code):
        """Return the result that a kernel sends for some code."""
        session = uuid.uuid4().hex
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        }
        with self.socket(f"{path}?session_id={session}") as socket:
            self._wait_for_kernel(socket, session)
            socket.send(_request("execute_request", session, content))
            while True:
                message = json.loads(socket.recv(timeout=100))
                if message["msg_type"] == "execute_result":
                    return message["content"]["data"]["text/plain"]

    def _wait_for_kernel(self, socket, session):
        """Request the kernel's info until it publishes, as Jupyter's own clients do.

        Jupyter's server opens the WebSocket of a busy kernel before it subscribes to what the kernel publishes
        (`ZMQChannelsWebsocketConnection.nudge`). Without this, a fast result is lost, with or without a proxy.
        """
        for _ in range(100):
            socket.send(_request("kernel_info_request", session, {}))
            with contextlib.suppress(TimeoutError):
                while json.loads(socket.recv(timeout=1))["channel"] != "iopub":
                    pass
                return
        pytest.fail("the kernel's WebSocket is open, but nothing that the kernel published arrived in 100 s")


def _request(kind, session, content):
    """Return a message to a kernel, as "Messaging in Jupyter" describes it."""
    header = {"msg_id": uuid.uuid4().hex, "username": "reader", "session": session, "msg_type": kind, "version": "5.3"}
    message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
    return json.dumps({**message, "buffers": []})


class Socket:
    """An open WebSocket for tests that do one thing at a time.

    The library has a synchronous client too. It reads and writes in two threads, which could hang on a TLS
    connection before Python 3.13.
    """

    def __init__(self, run, connection):
        self.run = run
        self.connection = connection
        self.subprotocol = connection.subprotocol

    def send(self, message):
        self.run(self.connection.send(message))

    def recv(self, timeout):
        return self.run(asyncio.wait_for(self.connection.recv(), timeout))
