"""Connections, layer by layer: TCP, a tunnel through a forward proxy, TLS; each step bounded and kept as evidence."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import h11

from checks.evidence import ConnectAttempt, Response, Route, Stage, Tls

from .certificate import decoded, described
from .socks import socks5
from .target import Target

BLOCK = 65536
"""Bytes; the most that is read at once, and the longest head that is read."""

RECORDS = range(20, 25)
"""The first byte of what is TLS (RFC 8446, section 5.1, and RFC 6520, section 3)."""

STAGGER = 0.25
"""Seconds after which the next address is tried too (RFC 8305, section 5: Connection Attempt Delay)."""


NO_HTTP = {
    "too long": f"the head of the answer is longer than {BLOCK >> 10} KiB",
    "_SWITCH": "the answer switches to another protocol, which nobody had asked for",
}
"""What h11 says of an answer, in the words of readers."""

NOT_YET = Route()
"""The way when none was made."""


class ConnectError(Exception):
    """A connection did not come about; `way` says how far it came."""

    def __init__(self, route: Route) -> None:
        super().__init__(route.error)
        self.route = route


class RefusedError(Exception):
    """The forward proxy refuses to connect; the message says how."""


class Channel:
    """Bytes to and from the other end of a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._early = reader, writer, b""

    async def read(self) -> bytes:
        """Return what came, at most BLOCK bytes; nothing when the other end is done."""
        early, self._early = self._early, b""
        if not early:
            await asyncio.sleep(0)  # who sends without end leaves no other moment for a deadline
        return early or await self._reader.read(BLOCK)

    def unread(self, data: bytes) -> None:
        """Give back what was read too much."""
        self._early = data + self._early

    async def write(self, data: bytes) -> None:
        """Send."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Send what is left, and close without waiting for an answer."""
        self._writer.close()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()


class Secured(Channel):
    """The same inside TLS, over any channel, so also over TLS."""

    def __init__(self, below: Channel, context: ssl.SSLContext, host: str) -> None:
        self.below, self._early, self.first = below, b"", b""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    async def agree(self) -> None:
        """Make the handshake of TLS.

        Raises ssl.SSLError.
        """
        await self._step(self.tls.do_handshake)

    async def read(self) -> bytes:
        """Return what came; nothing when the other end is done."""
        early, self._early = self._early, b""
        with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return early or bytes(await self._step(lambda: self.tls.read(BLOCK)))
        return b""

    async def write(self, data: bytes) -> None:
        """Send."""
        self.tls.write(data)
        await self._flush()

    def close(self) -> None:
        """Send what is left, and close without the farewell of TLS, as browsers do."""
        self.below.close()

    def abort(self) -> None:
        """Close at once."""
        self.below.abort()

    async def _step(self, step: Callable[[], Any]) -> Any:
        """Take one step of TLS, with as many bytes as it needs."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:  # noqa: PERF203  # one round for each flight of TLS
                await self._flush()
                data = await self.below.read()
                self.first = self.first or data[:BLOCK]
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush()  # the alert that tells the other end why
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        data = self._out.read()
        if data:
            await self.below.write(data)


class Connection:
    """One connection in the making: `way` and `stage` say how far it came, also when it fails."""

    def __init__(self, target: Target, known: Route, *, trusting: bool, alpn: tuple[str, ...]) -> None:
        proxy = target.proxy
        self.target, self.trusting, self.alpn = target, trusting, alpn
        self.host, self.port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        self.route = Route(str(proxy or ""), proxy.source if proxy else "", self.host, known.addresses)
        self.stage: Stage = "name"
        self.channel: Channel | None = None

    async def make(self, *, tunnel: bool) -> Channel:
        """Take all steps; without `tunnel`, those that lead to a forward proxy which answers itself.

        Raises OSError, ValueError, h11.ProtocolError, RefusedError.
        """
        proxy = self.target.proxy
        if not self.route.addresses:
            self.route = replace(self.route, addresses=await _resolved(self.host, self.port, self.target.family))
        self.stage = "tcp"
        self.channel = await self._reach()
        if proxy:
            self.stage = "proxy"
            if proxy.scheme == "https":
                self.channel, _ = await _secured(self.channel, _trust(self.target, trusting=False), self.host)
            if proxy.scheme.startswith("socks"):
                await self._socks()
            elif tunnel:
                await self._tunnel(f"{self.target.bracketed}:{self.target.port}")
        if self.target.secure and (tunnel or not proxy or proxy.scheme.startswith("socks")):
            self.stage = "tls"
            trust = _trust(self.target, trusting=self.trusting)
            trust.set_alpn_protocols(list(self.alpn))
            self.channel, tls = await _secured(self.channel, trust, self.target.host)
            self.route = replace(self.route, tls=tls)
        self.stage = ""
        return self.channel

    async def _reach(self) -> Channel:
        """Connect to the first address that answers; each gets a little time before the next is tried too."""
        waiting, tried = list(self.route.addresses), list[_Contact]()
        pending: set[asyncio.Future[Channel]] = set()
        try:
            while waiting or pending:
                if waiting:
                    tried.append(_Contact(waiting.pop(0), self.port))
                    pending.add(tried[-1].task)
                patience = STAGGER if waiting else None
                done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if not task.exception():
                        return task.result()
            raise OSError("; ".join(dict.fromkeys(each.error for each in tried)) or "the name has no address")
        finally:
            for task in pending:
                task.cancel()
            self.route = replace(self.route, attempts=tuple(each.seen for each in tried))

    async def _tunnel(self, there: str) -> None:
        """Ask the proxy for a tunnel (RFC 9110, section 9.3.6)."""
        assert self.channel
        headers, began = [("Host", there), *credentials(self.target)], time.monotonic()
        asked = h11.Connection(h11.CLIENT, BLOCK)
        await self.channel.write(asked.send(h11.Request(method="CONNECT", target=there, headers=headers)) or b"")
        event = await next_event(asked, self.channel)
        while isinstance(event, h11.InformationalResponse):
            event = await next_event(asked, self.channel)
        if not isinstance(event, h11.Response):
            raise RefusedError("the proxy closed the connection instead of answering CONNECT")
        answer = head(event, time.monotonic() - began)
        self.route = replace(self.route, tunnel=answer)
        if not 200 <= answer.status < 300:
            raise RefusedError(f"the proxy answered {answer} to CONNECT {there}")
        self.channel.unread(asked.trailing_data[0])

    async def _socks(self) -> None:
        """Ask the proxy for a connection by the server's name (RFC 1928, RFC 1929)."""
        assert self.channel
        began = time.monotonic()
        try:
            await socks5(self.channel, self.target)
        except ValueError as error:
            self.route = replace(self.route, tunnel=Response(error=str(error), seconds=time.monotonic() - began))
            raise RefusedError(str(error)) from error


def credentials(target: Target) -> list[tuple[str, str]]:
    """Return the header with which a forward proxy lets us in (RFC 7617), if we have any."""
    proxy = target.proxy
    if not (proxy and proxy.username):
        return []
    said = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    return [("Proxy-Authorization", f"Basic {said}")]


class _Contact:
    """One attempt to reach one address."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port, self.began = address, port, time.monotonic()
        self.shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self.error, self.seconds = "no answer", 0.0
        self.task = asyncio.ensure_future(self._make())

    @property
    def seen(self) -> ConnectAttempt:
        return ConnectAttempt(self.shown, self.error, self.seconds or time.monotonic() - self.began)

    async def _make(self) -> Channel:
        try:
            reader, writer = await asyncio.open_connection(self.address, self.port, limit=BLOCK)
        except OSError as error:
            self.error, self.seconds = words(error), time.monotonic() - self.began
            raise
        self.error, self.seconds = "", time.monotonic() - self.began
        return Channel(reader, writer)


async def connect(
    target: Target,
    known: Route = NOT_YET,
    *,
    tunnel: bool = True,
    trusting: bool = False,
    alpn: tuple[str, ...] = ("http/1.1",),
) -> tuple[Channel, Route]:
    """Return a channel to the server and the way it was made; `known` spares looking up the name again.

    Without `tunnel` the channel of a plain address ends at the HTTP proxy. `trusting` takes any certificate, `alpn` is
    what TLS offers to speak.

    Raises ConnectError.
    """
    began, making = time.monotonic(), Connection(target, known, trusting=trusting, alpn=alpn)
    try:
        channel = await asyncio.wait_for(making.make(tunnel=tunnel), target.timeout)
    except asyncio.TimeoutError:
        error, cause = f"no answer within {target.timeout:g} s", None
    except (OSError, ValueError, h11.ProtocolError, RefusedError) as failed:
        error, cause = words(failed), failed
    else:
        return channel, replace(making.route, seconds=time.monotonic() - began)
    if making.channel:
        making.channel.abort()
    route = replace(making.route, failed=making.stage, error=error, seconds=time.monotonic() - began)
    if isinstance(cause, ssl.SSLError):
        route = replace(route, tls=_complaint(cause, target))
    raise ConnectError(route) from cause


async def next_event(asked: h11.Connection, channel: Channel) -> Any:
    """Return the next event of an HTTP answer.

    Raises h11.ProtocolError for what is no HTTP, or has a head longer than BLOCK.
    """
    while True:
        event = asked.next_event()
        if event is not h11.NEED_DATA:
            return event
        data = await channel.read()
        if not data and asked.their_state is h11.SEND_RESPONSE:
            raise ValueError("the connection was closed instead of an answer")
        asked.receive_data(data)


def head(event: h11.Response | h11.InformationalResponse, seconds: float) -> Response:
    """Keep the head of an answer, but of a cookie only its name: evidence is passed around."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    headers = tuple((name, value.split("=")[0] if name == "set-cookie" else value) for name, value in pairs)
    return Response(event.status_code, event.reason.decode("latin-1"), headers, seconds=seconds)


def words(error: BaseException) -> str:
    """Return in few words what went wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    if isinstance(error, h11.ProtocolError):
        return next((said for sign, said in NO_HTTP.items() if sign in str(error)), "what came is no HTTP/1.1")
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # asyncio has words of its own in strerror
    return (str(error) or type(error).__name__)[:200]


async def _resolved(host: str, port: int, family: int) -> tuple[str, ...]:
    """Look up a name, in a thread that nobody waits for at the end: the system's resolver has its own patience."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def finish(result: tuple[str, ...], error: Exception | None) -> None:
        if found.done():
            return
        if error:
            found.set_exception(error)
        else:
            found.set_result(result)

    def look_up() -> None:
        result: tuple[str, ...] = ()
        error: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            result = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as failed:
            error = failed
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=look_up, daemon=True).start()
    return await found


async def _secured(below: Channel, trust: ssl.SSLContext, host: str) -> tuple[Channel, Tls]:
    began, channel = time.monotonic(), Secured(below, trust, host)
    try:
        await channel.agree()
    except ssl.SSLError as error:
        if channel.first and channel.first[0] not in RECORDS:
            kind = "HTTP" if channel.first.startswith(b"HTTP/") else "text"
            raise ValueError(f"the port answered in plain {kind} to the beginning of TLS") from error
        raise
    der = channel.tls.getpeercert(binary_form=True) or b""
    trusted = channel.tls.getpeercert()
    certificate = described(trusted, der) if trusted else decoded(der)
    version, alpn = channel.tls.version() or "", channel.tls.selected_alpn_protocol() or ""
    return channel, Tls(version, alpn, certificate, seconds=time.monotonic() - began)


UNKNOWN_ISSUER = {19, 20, 21}
"""What OpenSSL says of a certificate whose authority it does not know (x509_vfy.h)."""


def _complaint(error: ssl.SSLError, target: Target) -> Tls:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Tls()
    no_trust_store = error.verify_code in UNKNOWN_ISSUER and not _knows_somebody(_trust(target, trusting=False))
    return Tls(untrusted=error.verify_message, code=error.verify_code, no_trust_store=no_trust_store)


def _knows_somebody(trust: ssl.SSLContext) -> bool:
    """Tell whether any authority is known: a Python of python.org on a Mac knows none until it is told."""
    folder = ssl.get_default_verify_paths().capath  # read only when a certificate is looked for
    with contextlib.suppress(OSError):
        return bool(trust.cert_store_stats()["x509_ca"] or (folder and any(Path(folder).iterdir())))
    return False


def _trust(target: Target, *, trusting: bool) -> ssl.SSLContext:
    if trusting:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = target.tls or _system_trust()
    return context


@functools.cache
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading all authorities takes longer than a handshake
