"""Peers on loopback that do one thing wrong each, or only look like it, and what is said of them: no wrong name."""

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from checks.findings import diagnose
from checks.probe import NOTIFICATIONS, Target, look, survey
from checks.probe.forward_proxy import ForwardProxy

KERNEL = "/jupyter/api/kernels/1/channels"
NO_UPGRADE = 'Can "Upgrade" only to "WebSocket".'


def says(status, body="", *fields):
    """Return an answer as bytes."""
    lines = [f"HTTP/1.1 {status} As Scripted", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", body]).encode()


def sockets_say(upgraded, plain=None):
    """Return the answers of a DSS whose sockets answer like this with Upgrade, and without."""
    return {"upgrade": upgraded, "plain": plain or says(426)}


def all_say(answer):
    """Return the answers of a server that has one answer."""
    return {"page": answer, "ping": answer, "upgrade": answer, "plain": answer}


OPENS: dict = {}
"""All as a DSS does it: the sockets open, a plain request to them is answered 426."""


@dataclass
class Peer:
    """A DSS on loopback, of which some answers are replaced."""

    answers: dict = field(default_factory=dict)
    """By kind: page, ping, upgrade, plain, no-origin; or by path."""
    tls: Any = None
    doctor: Any = lambda _: None
    """Changes the headers of the 101."""
    talk: Any = None
    """Speaks on an open socket in place of a good server."""
    max_size: int = 1 << 25
    turns: tuple = ()
    """The answers to all that asks for a socket, in turn; None opens one."""
    lines: list = field(default_factory=list)
    """The sockets that are open, in the order in which they were opened."""
    asked: int = 0
    """How often a socket was asked for."""

    def answer(self, head):
        path = head.split(b" ", 2)[1].decode()
        upgraded = b"\nupgrade: websocket" in head.lower()
        if upgraded and self.turns:
            self.asked += 1
            return self.turns[self.asked % len(self.turns)]
        kind = {"/": "page", "/dip/api/ping": "ping"}.get(path) or ("upgrade" if upgraded else "plain")
        if b"\norigin:" not in head.lower() and upgraded and "no-origin" in self.answers:
            kind = "no-origin"
        good = {"page": says(200, "<html>the page of DSS"), "ping": says(200, "pong"), "plain": says(426)}
        return (good | self.answers | {"": None}).get(path if path in self.answers else kind)

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readexactly(1)
            if head == b"\x16":  # the beginning of TLS, and servers answer 400 to what they do not understand
                writer.write(says(400))
                return
            head += await reader.readuntil(b"\r\n\r\n")
            if answer := self.answer(head):
                writer.write(answer)
            else:
                await self.open(head, reader, writer)
        writer.close()

    async def open(self, head, reader, writer):
        protocol = ServerProtocol(
            subprotocols=["dummy"], extensions=[ServerPerMessageDeflateFactory()], max_size=self.max_size
        )
        protocol.select_subprotocol = lambda offered: next(iter(offered), None)
        protocol.receive_data(head)
        response = protocol.accept(protocol.events_received()[0])
        self.doctor(response.headers)
        protocol.send_response(response)
        line = SimpleNamespace(reader=reader, writer=writer, protocol=protocol, peer=self)
        self.lines.append(line)
        if self.talk:
            await self.talk(line)
        await flush(line)
        while not reader.at_eof() and protocol.close_expected() is False:
            protocol.receive_data(await reader.read(65536))
            await flush(line)
        await flush(line)


async def flush(line):
    for data in line.protocol.data_to_send():
        line.writer.write(data)
    await line.writer.drain()


@dataclass
class Company:
    """A forward proxy that answers CONNECT like this, and takes Upgrade out of what it passes on."""

    connect: bytes = b"HTTP/1.1 200 Connected\r\n\r\n"
    page: bytes = says(200, "<html>the page of DSS")
    strips: bool = True
    there: int = 0
    """The port that it connects to, whichever it is asked for."""

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
        above, up = await asyncio.open_connection("127.0.0.1", self.there)
        if self.strips:
            head = await reader.readuntil(b"\r\n\r\n")
            up.write(re.sub(rb"(?im)^(upgrade|connection):.*\n", b"", head))
        await asyncio.gather(passed_on(reader, up), passed_on(above, writer))


async def passed_on(reader, writer):
    """Pass on what comes, until the end."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def listening(peer, tls=None):
    """Serve, and give the port."""
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def seen(peer, address="", *, company=None, closed=False, trust=None, timeout=1.0, **how):
    """Look at a peer, and return what was seen; where it is `closed`, only the forward proxy gets there."""

    async def whole():
        async with contextlib.AsyncExitStack() as stack:
            port, proxy = await stack.enter_async_context(listening(peer, peer.tls)), None
            if company:
                company.there = port
                proxy = ForwardProxy("http", "127.0.0.1", await stack.enter_async_context(listening(company)))
            if closed:
                port = stack.enter_context(nobody())
            url = (address or f"http{'s' if peer.tls else ''}://HERE").replace("HERE", f"127.0.0.1:{port}")
            return await look(Target(url, timeout=timeout, tls=trust, proxy=proxy), **how)

    return asyncio.run(whole())


@contextlib.contextmanager
def nobody():
    """Give a port where nobody listens."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def named(evidence):
    """Return what is said: the causes that are proven, or those between which it is not decided."""
    diagnosis = diagnose(evidence)
    return [finding.id for finding in diagnosis.findings], list(diagnosis.candidates)


def served(chain, key):
    """Return the settings of a server with this certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with chain.tempfile() as chain_file, key.tempfile() as key_file:
        tls.load_cert_chain(chain_file, key_file)
    return tls


def issued(authority, name="127.0.0.1", *, whole=True, **dates):
    """Return the settings of a server with a certificate of this authority, with its chain or without."""
    leaf = authority.issue_cert(name, **dates)
    blobs = leaf.cert_chain_pems if whole else leaf.cert_chain_pems[:1]
    return served(trustme.Blob(b"".join(blob.bytes() for blob in blobs)), leaf.private_key_pem)


def trusting(authority):
    tls = ssl.create_default_context()
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


def wanting_a_certificate(tls):
    """Return the settings of a server that lets nobody in without a certificate, or over the newest TLS."""
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls


def agreeing_to_http_2(tls):
    """Return the settings of a server that takes HTTP/2 where it is offered, as one does that only ends TLS."""
    tls.set_alpn_protocols(["h2", "http/1.1"])
    return tls


def another_accept(headers):
    del headers["Sec-WebSocket-Accept"]
    headers["Sec-WebSocket-Accept"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="


def no_extensions(headers):
    if "Sec-WebSocket-Extensions" in headers:
        del headers["Sec-WebSocket-Extensions"]


def second_upgrade(headers):
    headers["Upgrade"] = "h2,h2c"  # what Apache adds to offer HTTP/2


def unasked_extension(headers):
    if "Sec-WebSocket-Extensions" in headers:
        del headers["Sec-WebSocket-Extensions"]
        headers["Sec-WebSocket-Extensions"] = "x-webkit-deflate-frame"


async def greets(line):
    """Send a message that is worth compressing."""
    line.protocol.send_text(b"a message, and the same again; " * 9)


async def nothing_more(line):
    """Let the 101 through, and nothing after it, until the other end has had enough."""
    await flush(line)
    while await line.reader.read(65536):
        pass


async def breaks_once(line):
    """Drop the first socket, and no other."""
    if len(line.peer.lines) == 1:
        await flush(line)
        line.writer.transport.abort()


def ends(line, code):
    """End a socket with this close code, or without a word."""
    if code:
        line.protocol.send_close(code)
        for data in line.protocol.data_to_send():
            line.writer.write(data)
    line.writer.transport.abort() if not code else line.writer.close()


def at_one_moment(code):
    """Return what ends the two that are held a moment after both are open: those before only answer."""

    async def talk(line):
        if len(line.peer.lines) == 1 + survey.REPEATS + 2:
            for each in line.peer.lines[-2:]:
                asyncio.get_running_loop().call_later(0.15, ends, each, code)

    return talk


def at_one_age(seconds):
    """Return what ends every socket but the first when it is that old."""

    async def talk(line):
        if len(line.peer.lines) > 1:
            asyncio.get_running_loop().call_later(seconds, ends, line, 0)

    return talk


CAUSES = {
    "the accept value of another handshake": ("accept-mismatch", Peer(doctor=another_accept), {}),
    "a gate that wants Kerberos, for sockets only": (
        "auth-on-handshake",
        Peer(sockets_say(*[says(401, "", "WWW-Authenticate: Negotiate")] * 2)),
        {},
    ),
    "a certificate that has expired": (
        "cert-untrusted",
        Peer(tls=issued(OURS, not_before=NOW - timedelta(9), not_after=NOW - timedelta(1))),
        {"trust": trusting(OURS)},
    ),
    "a certificate of tomorrow": (
        "cert-untrusted",
        Peer(tls=issued(OURS, not_before=NOW + timedelta(1), not_after=NOW + timedelta(9))),
        {"trust": trusting(OURS)},
    ),
    "a certificate for another name": (
        "cert-untrusted",
        Peer(tls=issued(OURS, "other.example.com")),
        {"trust": trusting(OURS)},
    ),
    "a certificate that is signed by itself": (
        "cert-untrusted",
        Peer(tls=served(STRANGER.cert_pem, STRANGER.private_key_pem)),
        {},
    ),
    "a certificate of an authority that is not known": ("cert-untrusted", Peer(tls=issued(STRANGER)), {}),
    "a certificate without its intermediate": (
        "cert-untrusted",
        Peer(tls=issued(INNER, whole=False)),
        {"trust": trusting(OURS)},
    ),
    "the certificate with which an appliance was delivered": (
        "cert-untrusted",
        Peer(tls=issued(APPLIANCE, "FG100F.fortinet.example")),
        {},
    ),
    "a forward proxy that allows no such port": (
        "connect-denied",
        Peer(),
        {"company": Company(says(403))},
    ),
    "a policy that allows connections to nobody": (
        "csp-blocks",
        Peer(
            {
                "page": says(
                    200, "<html>the page of DSS", "Content-Security-Policy: default-src 'self'; connect-src 'none'"
                )
            }
        ),
        {},
    ),
    "the certificate of security software": ("endpoint-security", Peer(tls=issued(KASPERSKY)), {}),
    "an agreement on compression that is lost on the way back": (
        "extension-mangled",
        Peer(doctor=no_extensions, talk=greets),
        {},
    ),
    "an extension that nobody offered": ("extension-mangled", Peer(doctor=unasked_extension), {}),
    "a forward proxy that takes Upgrade out": ("forward-proxy-blocks", Peer(), {"company": Company()}),
    "one server of two, of which the first asked opens no socket": (
        "intermittent",
        Peer(turns=(None, says(400))),
        {},
    ),
    "one server of two, of which the second asked opens no socket": (
        "intermittent",
        Peer(turns=(says(502), None)),
        {},
    ),
    "one server of three that answers everybody with a page": (
        "intermittent",
        Peer(turns=(None, None, says(200, "<html>"))),
        {},
    ),
    "a server that minds Origin, behind a balancer": (
        "intermittent",
        Peer(turns=(says(403, "Cross Origin WebSockets not allowed"), None)),
        {"sockets": (KERNEL,)},
    ),
    "sockets that end at one age": (
        "lifetime-limit",
        Peer(talk=at_one_age(1.0)),
        {"idle": 3, "apart": 0.6, "every": 0.2},
    ),
    "a limit of 64 KiB for a message": ("message-size-limit", Peer(max_size=65536), {"size": 100_000}),
    "a forward proxy that wants a login": (
        "proxy-auth",
        Peer(),
        {"company": Company(says(407, "", "Proxy-Authenticate: Negotiate"))},
    ),
    "a restart that tells": ("proxy-reload", Peer(talk=at_one_moment(1012)), {"idle": 3, "apart": 0.6}),
    "a restart without a word": ("proxy-reload", Peer(talk=at_one_moment(0)), {"idle": 3, "apart": 0.6}),
    "a 101, and no byte more": ("response-buffered", Peer(talk=nothing_more), {"timeout": 0.3}),
    "https to a port that speaks http": ("scheme-mismatch", Peer(), {"address": "https://HERE"}),
    "http to a port that speaks https": ("scheme-mismatch", Peer(tls=issued(OURS)), {"address": "http://HERE"}),
    "the certificate of a product that inspects": ("tls-interception", Peer(tls=issued(ZSCALER)), {}),
    "a firewall": ("waf-blocks", Peer(sockets_say(says(200, F5))), {}),
    "an answer that also offers HTTP/2": ("handshake-header-mangled", Peer(doctor=second_upgrade), {}),
    "a kernel that has ended": (
        "wrong-path",
        Peer({KERNEL: says(404, "none")}),
        {"sockets": (NOTIFICATIONS, KERNEL)},
    ),
}
"""The cause, a peer that has it, and how to look."""

WORKS = {
    "a DSS": (Peer(), {}),
    "a DSS behind HTTPS": (Peer(tls=issued(OURS)), {"trust": trusting(OURS)}),
    "an inspector that lets WebSocket through": (Peer(tls=issued(ZSCALER)), {"trust": trusting(ZSCALER)}),
    "a forward proxy that lets WebSocket through": (Peer(), {"company": Company(strips=False)}),
    "a server that opens every socket": (
        Peer(all_say(says(404)) | {"upgrade": None}),
        {"address": "ws://HERE/any"},
    ),
    "a server that talks first": (Peer(talk=greets), {}),
    "an API whose root forbids all that a page may do": (
        Peer({"page": says(200, "{}", "Content-Security-Policy: default-src 'none'")}),
        {"address": "ws://HERE/live"},
    ),
}

LOGIN = says(200, "<html>Who are you?")
NEAR_MISSES = {
    "an ordinary web site": (
        Peer({"ping": says(404, "no page")} | sockets_say(says(404, "no page"), says(404, "no page"))),
        ["upgrade-not-forwarded", "wrong-path"],
        {},
    ),
    "a login wall that redirects": (Peer(all_say(says(302, "", "Location: /login"))), ["auth-on-handshake"], {}),
    "a login wall that says 401": (Peer(all_say(says(401, "", "WWW-Authenticate: Basic"))), ["auth-on-handshake"], {}),
    "a login wall that says 403": (Peer(all_say(says(403, "log in"))), ["auth-on-handshake"], {}),
    "a login in place of every page": (Peer(all_say(LOGIN)), ["upgrade-not-forwarded"], {}),
    "Starlette at another address: 403 with Upgrade, 404 without": (
        Peer(sockets_say(says(403), says(404, "Not Found"))),
        ["auth-on-handshake", "wrong-path"],
        {},
    ),
    "Starlette whose Upgrade was lost, or at another address: 404 to both": (
        Peer(sockets_say(says(404, "Not Found"), says(404, "Not Found"))),
        ["upgrade-not-forwarded", "wrong-path"],
        {},
    ),
    "ws of Node at another address: 400 with Upgrade, 426 without": (
        Peer(sockets_say(says(400, "Bad Request"), says(426, "Upgrade Required"))),
        [],
        {},
    ),
    "Socket.IO at another address": (
        Peer(sockets_say(*[says(400, '{"code":0,"message":"Transport unknown"}')] * 2)),
        ["upgrade-not-forwarded"],
        {},
    ),
    "a page that answers 200 to everything": (Peer(all_say(says(200, "<div id=app>"))), ["upgrade-not-forwarded"], {}),
    "a way without the forward proxy that is closed": (
        Peer(),
        ["forward-proxy-blocks", "upgrade-not-forwarded"],
        {"company": Company(), "closed": True},
    ),
    "a limit on requests": (Peer(all_say(says(429, "slow down", "Retry-After: 9"))), [], {}),
    "a limit on sockets, which the first did not meet": (
        Peer(turns=(says(429), None, None)),
        ["intermittent"],
        {},
    ),
    "a list of origins that are allowed": (
        Peer(sockets_say(says(403, "Invalid CORS request")) | {"no-origin": None}),
        [],
        {},
    ),
    "a server that agrees to HTTP/2, and does not speak it": (
        Peer(tls=agreeing_to_http_2(issued(OURS))),
        [],
        {"trust": trusting(OURS)},
    ),
    "a login on another host": (
        Peer(all_say(says(302, "", "Location: https://sso.example.com/login?to=dss"))),
        ["auth-on-handshake"],
        {},
    ),
    "maintenance": (Peer(all_say(says(503, "Back at noon.", "Retry-After: 3600"))), [], {}),
    "a portal that redirects everybody": (
        Peer(all_say(says(302, "", "Location: http://portal.example.com/hello"))),
        ["auth-on-handshake"],
        {},
    ),
    "an inspector, and no login": (
        Peer(all_say(says(403, "log in")), tls=issued(ZSCALER)),
        ["tls-interception", "auth-on-handshake"],
        {"trust": trusting(ZSCALER)},
    ),
    "security software, and no login": (
        Peer(all_say(says(403, "log in")), tls=issued(KASPERSKY)),
        ["endpoint-security", "auth-on-handshake"],
        {"trust": trusting(KASPERSKY)},
    ),
    "an authority that is not known, through a forward proxy that may have made it": (
        Peer(tls=issued(STRANGER)),
        ["tls-interception", "cert-untrusted"],
        {"company": Company(strips=False), "closed": True},
    ),
    "an application that minds Origin": (
        Peer(sockets_say(says(403, "Request blocked by CORS policy"))),
        ["auth-on-handshake"],
        {},
    ),
    "one socket that broke, and the next did not": (Peer(talk=breaks_once), [], {}),
    "sockets that end before the first ping": (
        Peer(talk=at_one_age(0.7)),
        ["idle-timeout", "lifetime-limit"],
        {"idle": 2, "apart": 0.6},
    ),
    "TLS that wants the reader's certificate": (
        Peer(tls=wanting_a_certificate(issued(OURS))),
        [],
        {"trust": trusting(OURS)},
    ),
    "a firewall that refuses the address, however it is asked": (
        Peer(sockets_say(says(200, F5), says(200, F5))),
        ["upgrade-not-forwarded"],
        {},
    ),
    "a server that is not DSS, and answers no ping": (
        Peer(talk=nothing_more),
        ["response-buffered"],
        {"address": "ws://HERE/live", "timeout": 0.3},
    ),
    "a forward proxy that does not get there": (Peer(), ["unreachable"], {"company": Company(says(503), says(503))}),
}
"""A peer that only looks like one of the causes, those between which it is not decided, and how to look."""


@pytest.fixture
def judged(monkeypatch, verdict):
    """Look, keep what was said for the page, and return it."""

    def judge(truth, peer, how):
        peer.lines.clear()
        peer.asked = 0
        monkeypatch.setattr(survey, "HOLD_STAGGER", how.pop("apart", 2.0))
        monkeypatch.setattr(survey, "PING_EVERY", how.pop("every", 15.0))
        found, between = named(seen(peer, **how))
        verdict("peer", truth, found)
        return found, between

    return judge


@pytest.mark.parametrize(("cause", "peer", "how"), CAUSES.values(), ids=CAUSES)
def test_a_peer_with_one_mistake_gets_its_name_and_no_other(cause, peer, how, judged):
    assert judged(cause, peer, dict(how)) == ([cause], [])


@pytest.mark.parametrize(("peer", "how"), WORKS.values(), ids=WORKS)
def test_a_peer_that_works_is_said_to(peer, how, judged):
    assert judged("works", peer, dict(how)) == (["works"], [])


@pytest.mark.parametrize(("peer", "between", "how"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_peer_that_only_looks_like_a_cause_gets_no_name(peer, between, how, judged):
    assert judged("something else", peer, dict(how)) == ([], between)


@pytest.mark.parametrize("wanted", ["401 of the server", "407 of the forward proxy"])
def test_a_login_that_is_refused_is_not_tried_again_and_again(wanted):
    peer, company = Peer(all_say(says(401, "", "WWW-Authenticate: Basic"))), None
    if "407" in wanted:
        peer, company = Peer(), Company(says(407, "", "Proxy-Authenticate: Basic"))
    evidence = seen(peer, company=company)
    assert not [shake for shake in evidence.handshakes if shake.variant == "again"]


def test_no_size_is_searched_where_no_ping_is_answered():
    evidence = seen(Peer(talk=nothing_more), timeout=0.3, size=100_000)
    assert evidence.sizes == ()
    assert "no ping" in dict(evidence.skipped)["message size"]


def test_where_nobody_listens_nothing_is_blamed_on_websocket(verdict):
    with nobody() as port:
        evidence = asyncio.run(look(Target(f"http://127.0.0.1:{port}", timeout=1)))
    assert named(evidence) == (["unreachable"], [])
    verdict("peer", "unreachable", ["unreachable"])
