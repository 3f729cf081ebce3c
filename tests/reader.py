"""What a reader's browser does, without the browser: requests, cookies, sockets, a notebook."""

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
    """One reader of one site (`site` has `origin`, `port`, `tls` and `dss`), with a cookie jar."""

    timeout = 100

    def __init__(self, site, *, insecure=False):
        self.site = site
        self.port = site.http if insecure else site.port
        self.tls = None if insecure else site.tls
        self.cookies = {}

    def request(self, target, method="GET", body=None, headers=()):
        """Return (response, body) of one request, its target sent as it is written here."""
        with self.ask(target, method, body, headers) as response:
            return response, response.read()

    @contextlib.contextmanager
    def ask(self, target, method="GET", body=None, headers=()):
        """Give the response, its body still to be read."""
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
                yield response

    def cookie_header(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def address(self, path):
        return self.site.origin.replace("http", "ws", 1) + path

    @contextlib.contextmanager
    def socket(self, path, **options):
        """Open a WebSocket as the page's script would: same cookies, the page's Origin."""
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

            socket = Socket(runner, runner.run(opened()))
            try:
                yield socket
            finally:
                runner.run(socket.connection.close())

    def refused(self, path):
        """Return the answer to a handshake that must not open a socket."""
        with pytest.raises(InvalidStatus) as refused, self.socket(path):
            pass
        return refused.value.response

    def log_in(self):
        """Log in to Jupyter with its form; afterwards the jar holds its cookie."""
        self.request("/jupyter/login")
        form = urlencode({"password": self.site.dss.token, "_xsrf": self.cookies["_xsrf"]}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        response, _ = self.request("/jupyter/login", "POST", form, kind)
        assert response.status == 302, f"Jupyter's login answered {response.status}, expected 302"

    def start_kernel(self):
        """Return the path of a new kernel's socket."""
        response, body = self.request("/jupyter/api/kernels", "POST", b"", {"X-XSRFToken": self.cookies["_xsrf"]})
        assert response.status == 201, f"starting a kernel answered {response.status} {body[:200]!r}, expected 201"
        return f"/jupyter/api/kernels/{json.loads(body)['id']}/channels"

    def stop_kernel(self, path):
        self.request(path.removesuffix("/channels"), "DELETE", b"", {"X-XSRFToken": self.cookies["_xsrf"]})

    def compute(self, path, code):
        """Return what the kernel answers to `code`."""
        session = uuid.uuid4().hex
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        }
        with self.socket(f"{path}?session_id={session}") as socket:
            self._until_heard(socket, session)
            socket.send(_request("execute_request", session, content))
            while True:
                answer = json.loads(socket.recv(timeout=100))
                if answer["msg_type"] == "execute_result":
                    return answer["content"]["data"]["text/plain"]

    def _until_heard(self, socket, session):
        """Ask what the kernel is until something that it publishes arrives, as Jupyter's own clients do.

        Its server opens the socket to a kernel that it believes busy before it listens to what that one publishes
        (`ZMQChannelsWebsocketConnection.nudge`): a result computed at once is then lost, with any proxy and with none.
        """
        for _ in range(100):
            socket.send(_request("kernel_info_request", session, {}))
            with contextlib.suppress(TimeoutError):
                while json.loads(socket.recv(timeout=1))["channel"] != "iopub":
                    pass
                return
        pytest.fail("the kernel's socket is open, and nothing that the kernel publishes arrived in 100 s")


def _request(kind, session, content):
    """Return one message to a kernel (jupyter-client's documentation: Messaging in Jupyter)."""
    header = {"msg_id": uuid.uuid4().hex, "username": "reader", "session": session, "msg_type": kind, "version": "5.3"}
    message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
    return json.dumps({**message, "buffers": []})


class Socket:
    """An open WebSocket for tests that do one thing after the other.

    Not the synchronous client of the library: that reads and writes in two threads, and before Python 3.13 two
    threads on one TLS connection could make it hang.
    """

    def __init__(self, runner, connection):
        self.runner = runner
        self.connection = connection
        self.subprotocol = connection.subprotocol

    def send(self, message):
        self.runner.run(self.connection.send(message))

    def recv(self, timeout):
        return self.runner.run(asyncio.wait_for(self.connection.recv(), timeout))
