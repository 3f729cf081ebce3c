"""Scripted servers for the confusion table: with a mistake or like one."""

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import trustme
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from checks.findings import diagnose
from checks.probe import NOTIFICATIONS, Target, look, survey
from checks.probe.forward_proxy import ForwardProxy

from .relays import (
    closes_texts_with,
    drops_at_frames_above,
    forgets_after,
    loses_frames_above,
    one_message_late,
    refuses_compression,
    rejects_parts_with,
    slow_with_large_frames,
)

TOGETHER_S = 0.1
"""Seconds in which requests that are sent together arrive."""

DOWN_FOR = 3 + survey.REPEATS + 2
"""The number of requests in a first look that fails: three, the repeats, and two comparisons."""

KERNEL = "/jupyter/api/kernels/1/channels"


def response(status, body="", *fields):
    """Return an HTTP response as bytes."""
    lines = [f"HTTP/1.1 {status} As Scripted", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", body]).encode()


def websocket_urls_send(upgraded, plain=None):
    """Return the responses to requests with Upgrade and without it."""
    return {"upgrade": upgraded, "plain": plain or response(426)}


def all_urls_send(data):
    """Return the responses of a server that sends this one to every request."""
    return dict.fromkeys(("page", "ping", "upgrade", "plain"), data)


@dataclass
class ScriptedServer:
    """A DSS on loopback with some scripted responses.

    Without any, each handshake opens a WebSocket, and a plain request to the same URL gets 426.
    """

    responses: dict = field(default_factory=dict)
    """The response by kind of request (page, ping, upgrade, plain, no-origin) or by path; None opens a WebSocket."""
    tls: Any = None
    change_headers: Any = lambda _: None
    """A function that changes the headers of the 101 response."""
    talk: Any = None
    """A coroutine function that runs on each WebSocket connection after its 101 response."""
    max_size: int = 1 << 25
    """The limit for a message, in bytes."""
    turns: tuple = ()
    """The responses to handshakes, in rotation; None opens a WebSocket."""
    most: int = 0
    """How many WebSocket connections may be open at a time; 0 for any number."""
    down_for: int = 0
    """How many requests get 502, until the server behind the proxy is up."""
    ends_others: bool = False
    """Whether a handshake gets 503, and so does every request that is open beside it."""
    sockets: int = 0
    """The number of WebSocket connections that are open."""
    requests: int = 0
    """The number of requests so far."""
    shaking: int = 0
    """The number of handshakes that `ends_others` has not responded to yet."""
    connections: list = field(default_factory=list)
    """The WebSocket connections, oldest first."""
    handshakes: int = 0
    """The number of handshakes so far."""

    def response_to(self, head):
        """Return the response to a request, or None to open a WebSocket."""
        path = head.split(b" ", 2)[1].decode()
        upgraded = b"\nupgrade: websocket" in head.lower()
        if self.requests <= self.down_for:
            return response(502)
        if upgraded and self.most and self.sockets >= self.most:
            return response(503)
        if upgraded and self.turns:
            self.handshakes += 1
            return self.turns[self.handshakes % len(self.turns)]
        kind = {"/": "page", "/dip/api/ping": "ping"}.get(path) or ("upgrade" if upgraded else "plain")
        if b"\norigin:" not in head.lower() and upgraded and "no-origin" in self.responses:
            kind = "no-origin"
        good = {"page": response(200, "<html>the page of DSS"), "ping": response(200, "pong"), "plain": response(426)}
        return (good | self.responses | {"": None}).get(path if path in self.responses else kind)

    async def serve(self, reader, writer):
        # A connection that is still open when the test ends is cancelled.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readexactly(1)
            if head == b"\x16":  # a TLS record: a server for HTTP responds with 400
                writer.write(response(400))
                return
            head += await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            if self.ends_others:
                writer.write(await self.beside_others(head))
            elif data := self.response_to(head):
                writer.write(data)
            else:
                await self.serve_websocket(head, reader, writer)
        writer.close()

    async def beside_others(self, head):
        """Return the response if a handshake ends the requests beside it."""
        upgraded = b"\nupgrade: websocket" in head.lower()
        self.shaking += upgraded
        await asyncio.sleep(TOGETHER_S)  # so that requests side by side are open together
        ended = upgraded or self.shaking
        if upgraded:
            await asyncio.sleep(TOGETHER_S)
        self.shaking -= upgraded
        return response(503, "upstream connect error") if ended else self.response_to(head)

    async def serve_websocket(self, head, reader, writer):
        """Count a WebSocket connection while it is open."""
        self.sockets += 1
        try:
            await self.open_websocket(head, reader, writer)
        finally:
            self.sockets -= 1

    async def open_websocket(self, head, reader, writer):
        """Open a WebSocket, and serve it until one end closes it."""
        protocol = ServerProtocol(
            subprotocols=["dummy"], extensions=[ServerPerMessageDeflateFactory()], max_size=self.max_size
        )
        protocol.select_subprotocol = lambda offered: next(iter(offered), None)
        protocol.receive_data(head)
        accepted = protocol.accept(protocol.events_received()[0])
        self.change_headers(accepted.headers)
        protocol.send_response(accepted)
        connection = SimpleNamespace(reader=reader, writer=writer, protocol=protocol, server=self)
        self.connections.append(connection)
        if self.talk:
            await self.talk(connection)
        await flush(connection)
        while not reader.at_eof() and protocol.close_expected() is False:
            protocol.receive_data(await reader.read(65536))
            await flush(connection)
        await flush(connection)


async def flush(connection):
    for data in connection.protocol.data_to_send():
        connection.writer.write(data)
    await connection.writer.drain()


@dataclass
class ScriptedProxy:
    """A forward proxy with a scripted response to CONNECT; it drops `Upgrade`."""

    connect: bytes = b"HTTP/1.1 200 Connected\r\n\r\n"
    """The response to CONNECT."""
    page: bytes = response(200, "<html>the page of DSS")
    """The response to any other request."""
    strips: bool = True
    """Whether it drops `Upgrade` and `Connection`."""
    upstream_port: int = 0
    """The port that it connects to, whatever port CONNECT names."""

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"CONNECT"):
                writer.write(self.page)
            else:
                writer.write(self.connect)
                if b" 200 " in self.connect:
                    await self.tunnel(reader, writer)
        writer.close()

    async def tunnel(self, reader, writer):
        upstream, upstream_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        if self.strips:
            head = await reader.readuntil(b"\r\n\r\n")
            upstream_writer.write(re.sub(rb"(?im)^(upgrade|connection):.*\n", b"", head))
        await asyncio.gather(forwarded(reader, upstream_writer), forwarded(upstream, writer))


async def forwarded(reader, writer):
    """Forward bytes until the sender closes."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def listening(peer, tls=None):
    """Run a scripted server or proxy, and yield its port."""
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def observe(server, address="", *, forward_proxy=None, proxy_only=False, trust=None, timeout=3.0, **options):
    """Return the evidence that a look at a scripted server collects.

    `address` is a URL with HERE for host and port. With `proxy_only`, only the forward proxy can reach the server.
    `timeout` is in seconds, and `options` are those of `look`.
    """

    async def run():
        async with contextlib.AsyncExitStack() as stack:
            port, proxy = await stack.enter_async_context(listening(server, server.tls)), None
            if forward_proxy:
                forward_proxy.upstream_port = port
                proxy = ForwardProxy("http", "127.0.0.1", await stack.enter_async_context(listening(forward_proxy)))
            if proxy_only:
                port = stack.enter_context(closed_port())
            url = (address or f"http{'s' if server.tls else ''}://HERE").replace("HERE", f"127.0.0.1:{port}")
            return await look(Target(url, timeout=timeout, tls=trust, proxy=proxy), **options)

    return asyncio.run(run())


@contextlib.contextmanager
def closed_port():
    """Yield a port that refuses connections."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def named(evidence):
    """Return the ids of the causes that `diagnose` names, and of its candidates."""
    diagnosis = diagnose(evidence)
    return [finding.id for finding in diagnosis.findings], list(diagnosis.candidates)


def served(chain, key):
    """Return the TLS settings of a server with this certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with chain.tempfile() as chain_file, key.tempfile() as key_file:
        tls.load_cert_chain(chain_file, key_file)
    return tls


def issued(authority, name="127.0.0.1", *, whole=True, **dates):
    """Return the TLS settings of a server with a certificate from this authority.

    Unless it is `whole`, the chain lacks its intermediate. `dates` are those of `issue_cert`.
    """
    leaf = authority.issue_cert(name, **dates)
    blobs = leaf.cert_chain_pems if whole else leaf.cert_chain_pems[:1]
    return served(trustme.Blob(b"".join(blob.bytes() for blob in blobs)), leaf.private_key_pem)


def trusting(authority):
    """Return the TLS settings of a client that trusts this authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    return tls


OURS = trustme.CA(organization_name="Example Corp")
INNER = OURS.create_child_ca()
STRANGER = trustme.CA(organization_name="Elsewhere Ltd")
ZSCALER = trustme.CA(organization_name="Zscaler Inc.")
KASPERSKY = trustme.CA(organization_name="AO Kaspersky Lab")
APPLIANCE = trustme.CA(organization_name="Fortinet")
NOW = datetime.now(UTC)
F5 = "The requested URL was rejected. Please consult with your administrator."


def requiring_a_certificate(tls):
    """Make a server require a client certificate and speak TLS 1.2 at most."""
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls


def agreeing_to_http_2(tls):
    """Make a server select HTTP/2 if the client offers it, like a TLS terminator."""
    tls.set_alpn_protocols(["h2", "http/1.1"])
    return tls


def another_accept(headers):
    del headers["Sec-WebSocket-Accept"]
    headers["Sec-WebSocket-Accept"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="


def no_extensions(headers):
    if "Sec-WebSocket-Extensions" in headers:
        del headers["Sec-WebSocket-Extensions"]


def second_upgrade(headers):
    headers["Upgrade"] = "h2,h2c"  # Apache adds this to offer HTTP/2


def unasked_extension(headers):
    if "Sec-WebSocket-Extensions" in headers:
        del headers["Sec-WebSocket-Extensions"]
        headers["Sec-WebSocket-Extensions"] = "x-webkit-deflate-frame"


async def greets(connection):
    """Send a message that compresses well."""
    connection.protocol.send_text(b"a message, and the same again; " * 9)


async def buffers_all(connection):
    """Send the 101 response and nothing after it, until the client closes."""
    await flush(connection)
    while await connection.reader.read(65536):
        pass


async def breaks_once(connection):
    """Drop the first WebSocket connection, and keep the others."""
    if len(connection.server.connections) == 1:
        await flush(connection)
        connection.writer.transport.abort()


SLOW_S = 1.2
"""Seconds that a slow server takes for a handshake: less than three times half of it."""


async def takes_its_time(_):
    """Send the 101 response late."""
    await asyncio.sleep(SLOW_S)


async def never_answers(connection):
    """Send nothing, not even the 101 response, until the client closes."""
    while await connection.reader.read(65536):
        pass


def ends(connection, code):
    """Close a WebSocket connection with this close code, or drop it if that is 0."""
    if code:
        connection.protocol.send_close(code)
        for data in connection.protocol.data_to_send():
            connection.writer.write(data)
    connection.writer.transport.abort() if not code else connection.writer.close()


def at_one_moment(code):
    """Return a talk that closes both idle connections soon after the second opens.

    The connections before them belong to the first look and its repeats.
    """

    async def talk(connection):
        if len(connection.server.connections) == 1 + survey.REPEATS + 2:
            for each in connection.server.connections[-2:]:
                asyncio.get_running_loop().call_later(0.15, ends, each, code)

    return talk


def at_one_age(seconds):
    """Return a talk that drops every connection except the first at this age."""

    async def talk(connection):
        if len(connection.server.connections) > 1:
            asyncio.get_running_loop().call_later(seconds, ends, connection, 0)

    return talk


def drops_only(number):
    """Return a talk that drops one connection, counted from 1, soon after it opens."""

    async def talk(connection):
        if len(connection.server.connections) == number:
            asyncio.get_running_loop().call_later(0.2, ends, connection, 0)

    return talk


CAUSES = {
    "the accept value of another handshake": ("accept-mismatch", ScriptedServer(change_headers=another_accept), {}),
    "a gate that wants Kerberos, for sockets only": (
        "auth-on-handshake",
        ScriptedServer(websocket_urls_send(*[response(401, "", "WWW-Authenticate: Negotiate")] * 2)),
        {},
    ),
    "a certificate that has expired": (
        "cert-untrusted",
        ScriptedServer(tls=issued(OURS, not_before=NOW - timedelta(9), not_after=NOW - timedelta(1))),
        {"trust": trusting(OURS)},
    ),
    "a certificate of tomorrow": (
        "cert-untrusted",
        ScriptedServer(tls=issued(OURS, not_before=NOW + timedelta(1), not_after=NOW + timedelta(9))),
        {"trust": trusting(OURS)},
    ),
    "a certificate for another name": (
        "cert-untrusted",
        ScriptedServer(tls=issued(OURS, "other.example.com")),
        {"trust": trusting(OURS)},
    ),
    "a certificate that is signed by itself": (
        "cert-untrusted",
        ScriptedServer(tls=served(STRANGER.cert_pem, STRANGER.private_key_pem)),
        {},
    ),
    "a certificate of an authority that is not known": ("cert-untrusted", ScriptedServer(tls=issued(STRANGER)), {}),
    "a certificate without its intermediate": (
        "cert-untrusted",
        ScriptedServer(tls=issued(INNER, whole=False)),
        {"trust": trusting(OURS)},
    ),
    "the certificate with which an appliance was delivered": (
        "cert-untrusted",
        ScriptedServer(tls=issued(APPLIANCE, "FG100F.fortinet.example")),
        {},
    ),
    "a proxy without its server": ("backend-down", ScriptedServer(all_urls_send(response(502))), {}),
    "a limit of two sockets": ("connections-exhausted", ScriptedServer(most=2), {}),
    "a limit of one socket": ("connections-exhausted", ScriptedServer(most=1), {}),
    "a limit that is spoken of": (
        "connections-exhausted",
        ScriptedServer(websocket_urls_send(response(503, "Too many connections, try later."))),
        {},
    ),
    "a handshake that ends the requests beside it": ("http2-upstream", ScriptedServer(ends_others=True), {}),
    "a server that never answers the handshake": (
        "handshake-unanswered",
        ScriptedServer(talk=never_answers),
        {"timeout": 1},
    ),
    "a forward proxy that allows no such port": (
        "connect-denied",
        ScriptedServer(),
        {"forward_proxy": ScriptedProxy(response(403))},
    ),
    "a policy that allows connections to nobody": (
        "csp-blocks",
        ScriptedServer(
            {
                "page": response(
                    200, "<html>the page of DSS", "Content-Security-Policy: default-src 'self'; connect-src 'none'"
                )
            }
        ),
        {},
    ),
    "the certificate of security software": ("endpoint-security", ScriptedServer(tls=issued(KASPERSKY)), {}),
    "an agreement on compression that is lost on the way back": (
        "extension-mangled",
        ScriptedServer(change_headers=no_extensions, talk=greets),
        {},
    ),
    "an extension that nobody offered": ("extension-mangled", ScriptedServer(change_headers=unasked_extension), {}),
    "a forward proxy that takes Upgrade out": (
        "forward-proxy-blocks",
        ScriptedServer(),
        {"forward_proxy": ScriptedProxy()},
    ),
    "one server of two, of which the first asked opens no socket": (
        "intermittent",
        ScriptedServer(turns=(None, response(400))),
        {},
    ),
    "one server of two, of which the second asked opens no socket": (
        "intermittent",
        ScriptedServer(turns=(response(502), None)),
        {},
    ),
    "one server of three that answers everybody with a page": (
        "intermittent",
        ScriptedServer(turns=(None, None, response(200, "<html>"))),
        {},
    ),
    "a server that minds Origin, behind a balancer": (
        "intermittent",
        ScriptedServer(turns=(response(403, "Cross Origin WebSockets not allowed"), None)),
        {"sockets": (KERNEL,)},
    ),
    "sockets that end at one age": (
        "lifetime-limit",
        ScriptedServer(talk=at_one_age(1.0)),
        {"idle": 3, "apart": 2.0, "every": 0.2},
    ),
    "sockets that end at one age, before anybody would ping": (
        "lifetime-limit",
        ScriptedServer(talk=at_one_age(0.7)),
        {"idle": 1, "apart": 2.0},
    ),
    "a flow that is forgotten after a short silence": (
        "idle-timeout",
        ScriptedServer(talk=forgets_after(1.5)),
        {"idle": 1.6, "apart": 0.6, "timeout": 1.5},
    ),
    "frames above 1.3 KB that vanish, and all behind them": (
        "large-messages-stall",
        ScriptedServer(talk=loses_frames_above(1300, all_after=True)),
        {"size": 20_000, "timeout": 1},
    ),
    "frames above 100 KB that vanish alone": (
        "large-messages-stall",
        ScriptedServer(talk=loses_frames_above(100_000, all_after=False)),
        {"size": 300_000},
    ),
    "even the smallest message stalls, and a ping does not": (
        "large-messages-stall",
        ScriptedServer(talk=loses_frames_above(300, all_after=True)),
        {"size": 20_000, "timeout": 1},
    ),
    "a hop that agrees on compression in the place of the server": (
        "extension-mangled",
        ScriptedServer(talk=refuses_compression(says_why=True)),
        {},
    ),
    "the same, and a server that drops the connection": (
        "extension-mangled",
        ScriptedServer(talk=refuses_compression(says_why=False)),
        {},
    ),
    "each message one event late": ("response-buffered", ScriptedServer(talk=one_message_late), {"timeout": 1}),
    "a limit of 64 KiB for a message": ("message-size-limit", ScriptedServer(max_size=65536), {"size": 100_000}),
    "a forward proxy that wants a login": (
        "proxy-auth",
        ScriptedServer(),
        {"forward_proxy": ScriptedProxy(response(407, "", "Proxy-Authenticate: Negotiate"))},
    ),
    "a restart that tells": ("proxy-reload", ScriptedServer(talk=at_one_moment(1012)), {"idle": 3, "apart": 1.2}),
    "a restart without a word": ("proxy-reload", ScriptedServer(talk=at_one_moment(0)), {"idle": 3, "apart": 1.2}),
    "a 101, and no byte more": ("response-buffered", ScriptedServer(talk=buffers_all), {"timeout": 1}),
    "https to a port that speaks http": ("scheme-mismatch", ScriptedServer(), {"address": "https://HERE"}),
    "http to a port that speaks https": (
        "scheme-mismatch",
        ScriptedServer(tls=issued(OURS)),
        {"address": "http://HERE"},
    ),
    "the certificate of a product that inspects": ("tls-interception", ScriptedServer(tls=issued(ZSCALER)), {}),
    "a firewall": ("waf-blocks", ScriptedServer(websocket_urls_send(response(200, F5))), {}),
    "an answer that also offers HTTP/2": (
        "handshake-header-mangled",
        ScriptedServer(change_headers=second_upgrade),
        {},
    ),
    "a kernel that has ended": (
        "wrong-path",
        ScriptedServer({KERNEL: response(404, "none")}),
        {"sockets": (NOTIFICATIONS, KERNEL)},
    ),
}
"""For each scripted server with one mistake: the cause, the server, and the options of `observe`."""

WORKS = {
    "a DSS": (ScriptedServer(), {}),
    "a DSS behind HTTPS": (ScriptedServer(tls=issued(OURS)), {"trust": trusting(OURS)}),
    "an inspector that lets WebSocket through": (ScriptedServer(tls=issued(ZSCALER)), {"trust": trusting(ZSCALER)}),
    "a forward proxy that lets WebSocket through": (ScriptedServer(), {"forward_proxy": ScriptedProxy(strips=False)}),
    "a server that opens every socket": (
        ScriptedServer(all_urls_send(response(404)) | {"upgrade": None}),
        {"address": "ws://HERE/any"},
    ),
    "a server that talks first": (ScriptedServer(talk=greets), {}),
    "a socket that is held for a moment": (ScriptedServer(), {"idle": 0.5}),
    "an application that closes at a message that it does not know": (
        ScriptedServer(talk=closes_texts_with(1011)),
        {"size": 20_000},
    ),
    "the same, at the URL of a WebSocket": (
        ScriptedServer(talk=closes_texts_with(1008)),
        {"size": 20_000, "address": "ws://HERE/live"},
    ),
    "a server that takes no message in parts": (ScriptedServer(talk=rejects_parts_with(1003)), {"size": 20_000}),
    "a server that drops at parts of a message": (ScriptedServer(talk=rejects_parts_with(0)), {"size": 20_000}),
    "a limit that is high enough": (ScriptedServer(most=9), {}),
    "an API whose root forbids all that a page may do": (
        ScriptedServer({"page": response(200, "{}", "Content-Security-Policy: default-src 'none'")}),
        {"address": "ws://HERE/live"},
    ),
}
"""For each server where WebSocket works: the server, and the options of `observe`."""

SIGN_IN_PAGE = response(200, "<html>Who are you?")
NEAR_MISSES = {
    "an ordinary web site": (
        ScriptedServer(
            {"ping": response(404, "no page")} | websocket_urls_send(response(404, "no page"), response(404, "no page"))
        ),
        ["upgrade-not-forwarded", "wrong-path"],
        {},
    ),
    "a login wall that redirects": (
        ScriptedServer(all_urls_send(response(302, "", "Location: /login"))),
        ["auth-on-handshake"],
        {},
    ),
    "a login wall that says 401": (
        ScriptedServer(all_urls_send(response(401, "", "WWW-Authenticate: Basic"))),
        [],
        {},
    ),
    "a login wall that says 403": (ScriptedServer(all_urls_send(response(403, "log in"))), [], {}),
    "a login in place of every page": (
        ScriptedServer(all_urls_send(SIGN_IN_PAGE)),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
        {},
    ),
    "Starlette at another address: 403 with Upgrade, 404 without": (
        ScriptedServer(websocket_urls_send(response(403), response(404, "Not Found"))),
        ["auth-on-handshake", "wrong-path"],
        {},
    ),
    "Starlette whose Upgrade was lost, or at another address: 404 to both": (
        ScriptedServer(websocket_urls_send(response(404, "Not Found"), response(404, "Not Found"))),
        ["upgrade-not-forwarded", "wrong-path"],
        {},
    ),
    "ws of Node at another address: 400 with Upgrade, 426 without": (
        ScriptedServer(websocket_urls_send(response(400, "Bad Request"), response(426, "Upgrade Required"))),
        [],
        {},
    ),
    "Socket.IO at another address": (
        ScriptedServer(websocket_urls_send(*[response(400, '{"code":0,"message":"Transport unknown"}')] * 2)),
        ["upgrade-not-forwarded"],
        {},
    ),
    "a page that answers 200 to everything": (
        ScriptedServer(all_urls_send(response(200, "<div id=app>"))),
        ["upgrade-not-forwarded", "upgrade-wrong-location", "wrong-path"],
        {},
    ),
    "a way without the forward proxy that is closed": (
        ScriptedServer(),
        ["forward-proxy-blocks", "upgrade-not-forwarded"],
        {"forward_proxy": ScriptedProxy(), "proxy_only": True},
    ),
    "a limit on requests": (
        ScriptedServer(all_urls_send(response(429, "slow down", "Retry-After: 9"))),
        ["connections-exhausted"],
        {},
    ),
    "a limit on sockets, which the first did not meet": (
        ScriptedServer(turns=(response(429), None, None)),
        ["connections-exhausted", "intermittent"],
        {},
    ),
    "a list of origins that are allowed": (
        ScriptedServer(websocket_urls_send(response(403, "Invalid CORS request")) | {"no-origin": None}),
        ["host-not-preserved"],
        {},
    ),
    "a server that agrees to HTTP/2, and does not speak it": (
        ScriptedServer(tls=agreeing_to_http_2(issued(OURS))),
        [],
        {"trust": trusting(OURS)},
    ),
    "a login on another host": (
        ScriptedServer(all_urls_send(response(302, "", "Location: https://sso.example.com/login?to=dss"))),
        ["auth-on-handshake"],
        {},
    ),
    "maintenance": (ScriptedServer(all_urls_send(response(503, "Back at noon.", "Retry-After: 3600"))), [], {}),
    "a portal that redirects everybody": (
        ScriptedServer(all_urls_send(response(302, "", "Location: http://portal.example.com/hello"))),
        ["auth-on-handshake"],
        {},
    ),
    "an inspector, and no login": (
        ScriptedServer(all_urls_send(response(403, "log in")), tls=issued(ZSCALER)),
        ["tls-interception"],
        {"trust": trusting(ZSCALER)},
    ),
    "security software, and no login": (
        ScriptedServer(all_urls_send(response(403, "log in")), tls=issued(KASPERSKY)),
        ["endpoint-security"],
        {"trust": trusting(KASPERSKY)},
    ),
    "an authority that is not known, through a forward proxy that may have made it": (
        ScriptedServer(tls=issued(STRANGER)),
        ["tls-interception", "cert-untrusted"],
        {"forward_proxy": ScriptedProxy(strips=False), "proxy_only": True},
    ),
    "an application that minds Origin": (
        ScriptedServer(websocket_urls_send(response(403, "Request blocked by CORS policy"))),
        ["host-not-preserved"],
        {},
    ),
    "one socket that broke, and the next did not": (ScriptedServer(talk=breaks_once), [], {}),
    "a server that is slow with large messages": (
        ScriptedServer(talk=slow_with_large_frames(0.1)),
        ["large-messages-stall"],
        {"size": 65_536, "timeout": 1},
    ),
    "a drop at large messages, without a word": (
        ScriptedServer(talk=drops_at_frames_above(5000)),
        ["large-messages-stall", "message-size-limit"],
        {"size": 20_000},
    ),
    "one message late, at a server that is not DSS": (
        ScriptedServer(talk=one_message_late),
        ["response-buffered"],
        {"address": "ws://HERE/live", "timeout": 1},
    ),
    "one socket that dropped while it was held, and others did not": (
        ScriptedServer(talk=drops_only(1 + survey.REPEATS + 1)),
        ["idle-timeout", "proxy-reload"],
        {"idle": 0.5, "apart": 0.6},
    ),
    "TLS that wants the reader's certificate": (
        ScriptedServer(tls=requiring_a_certificate(issued(OURS))),
        [],
        {"trust": trusting(OURS)},
    ),
    "a firewall that refuses the address, however it is asked": (
        ScriptedServer(websocket_urls_send(response(200, F5), response(200, F5))),
        ["upgrade-not-forwarded"],
        {},
    ),
    "a server that is not DSS, and answers no ping": (
        ScriptedServer(talk=buffers_all),
        ["response-buffered"],
        {"address": "ws://HERE/live", "timeout": 1},
    ),
    "a forward proxy that does not get there": (
        ScriptedServer(),
        ["connect-denied"],
        {"forward_proxy": ScriptedProxy(response(503), response(503))},
    ),
    "a forward proxy without its parent, and no other way": (
        ScriptedServer(),
        ["unreachable"],
        {"forward_proxy": ScriptedProxy(response(500, "no parent"), response(500, "no parent")), "proxy_only": True},
    ),
    "a forward proxy that wants to know the user, and says so": (
        ScriptedServer(),
        ["proxy-auth"],
        {"forward_proxy": ScriptedProxy(response(403, "Please authenticate yourself."))},
    ),
    "a server that restarts between two looks": (
        ScriptedServer(down_for=DOWN_FOR),
        ["connections-exhausted", "backend-down"],
        {},
    ),
    "a proxy that only the handshake does not pass": (
        ScriptedServer(websocket_urls_send(response(502), response(426))),
        ["http2-upstream"],
        {},
    ),
    "a limit that others have reached": (
        ScriptedServer(websocket_urls_send(response(503), response(426))),
        ["connections-exhausted"],
        {},
    ),
    "a server that takes its time": (ScriptedServer(talk=takes_its_time), [], {"timeout": SLOW_S / 2}),
}
"""For each scripted server that resembles a cause: the server, the candidates, and the options of `observe`."""
