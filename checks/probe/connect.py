"""Connect to a server: name lookup, TCP, forward proxy, TLS.

Each step is kept as evidence, and all of them together have a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from checks.evidence import OUR_LIMIT, ConnectAttempt, Response, Route, Stage

from .errors import describe
from .stream import READ_SIZE, Stream, within
from .target import Target
from .tls import certificate_error, client_context, start_tls

STAGGER = 0.25
"""Seconds after which the next IP address is tried too (RFC 8305, section 5: Connection Attempt Delay)."""

HTTP_1 = ("http/1.1",)
"""The protocol that ALPN offers for a handshake over HTTP/1.1."""

NOT_ALLOWED = "is not an allowed IP address"
"""The end of `error` where a target does not permit an IP address."""

OPENED: ContextVar[list[Stream]] = ContextVar("OPENED")
"""The streams that one look has opened, so that it can close all of them, also where it is cancelled."""


class ConnectError(Exception):
    """The connection failed; `route` says at which stage."""

    def __init__(self, route: Route) -> None:
        super().__init__(route.error)
        self.route = route


async def connect(
    target: Target,
    addresses: tuple[str, ...] = (),
    *,
    tunnel: bool = True,
    any_certificate: bool = False,
    alpn: tuple[str, ...] = HTTP_1,
) -> tuple[Stream, Route]:
    """Return a stream to the server, and the route that it takes.

    With `addresses`, no name is looked up. Without `tunnel`, a stream for a plain URL ends at the HTTP proxy.
    `alpn` lists the protocols that TLS offers.

    Raises ConnectError.
    """
    began, connection = time.monotonic(), _Connection(target, addresses, alpn, any_certificate=any_certificate)
    try:
        stream = await within(target.timeout, connection.make(tunnel=tunnel))
    except (OSError, ValueError) as error:
        if connection.stream:
            connection.stream.abort()
        seconds = time.monotonic() - began
        route = replace(connection.route, failed=connection.stage, error=describe(error), seconds=seconds)
        if isinstance(error, ssl.SSLError):
            route = replace(route, tls=certificate_error(error, target))
        raise ConnectError(route) from error
    return stream, replace(connection.route, seconds=time.monotonic() - began)


class _Connection:
    """A connection in progress.

    `route` and `stage` record how far it got, also when it fails.
    """

    def __init__(
        self, target: Target, addresses: tuple[str, ...], alpn: tuple[str, ...], *, any_certificate: bool
    ) -> None:
        proxy = target.proxy
        self.target, self.alpn, self.any_certificate = target, alpn, any_certificate
        self.host, self.port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        self.route = Route(str(proxy or ""), proxy.source if proxy else "", self.host, addresses)
        self.stage: Stage = "name"
        self.stream: Stream | None = None

    async def make(self, *, tunnel: bool) -> Stream:
        """Run all stages.

        Raises OSError and ValueError.
        """
        proxy = self.target.proxy
        if not self.route.addresses:
            self.route = replace(self.route, addresses=await look_up(self.host, self.port, self.target.family))
        if not proxy:
            self._permit(*self.route.addresses)
        self.stage = "tcp"
        self.stream = await self._tcp()
        if proxy:
            self.stage = "proxy"
            self.stream = await self._proxy(self.stream, tunnel=tunnel)
        if self.target.secure and (tunnel or not proxy or proxy.scheme.startswith("socks")):
            self.stage = "tls"
            self.stream = await self._tls(self.stream)
        self.stage = ""
        return self.stream

    def _permit(self, *addresses: str) -> None:
        """Raise OSError unless the target may have all of these IP addresses."""
        for address in addresses:
            if self.target.permits and not self.target.permits(address):
                raise OSError(f"{OUR_LIMIT} {address} {NOT_ALLOWED}")

    async def _tcp(self) -> Stream:
        race = _Race(self.route.addresses, self.port)
        try:
            return await race.run()
        finally:
            self.route = replace(self.route, attempts=race.results)

    async def _proxy(self, stream: Stream, *, tunnel: bool) -> Stream:
        proxy = self.target.proxy
        assert proxy
        if proxy.scheme == "https":
            stream, _ = await start_tls(stream, client_context(self.target), self.host)
        if proxy.scheme.startswith("socks"):
            await self._socks(stream)
        elif tunnel:
            await self._tunnel(stream)
        return stream

    async def _tunnel(self, stream: Stream) -> None:
        from .http_connect import open_tunnel  # noqa: PLC0415  # only for a proxy

        response = await open_tunnel(stream, self.target)
        self.route = replace(self.route, tunnel=response)
        if not 200 <= response.status < 300:
            host, port = self.target.bracketed, self.target.port
            raise ValueError(f"the proxy responded {response} to CONNECT {host}:{port}")

    async def _socks(self, stream: Stream) -> None:
        from .socks import socks4, socks5  # noqa: PLC0415  # only for such a proxy

        began = time.monotonic()
        try:
            if self.target.proxy and self.target.proxy.scheme == "socks4":
                address, *_ = await look_up(self.target.host, self.target.port, socket.AF_INET)
                self._permit(address)
                await socks4(stream, self.target.port, address)
            else:
                await socks5(stream, self.target)
        except ValueError as error:
            self.route = replace(self.route, tunnel=Response(error=str(error), seconds=time.monotonic() - began))
            raise

    async def _tls(self, stream: Stream) -> Stream:
        context = client_context(self.target, any_certificate=self.any_certificate)
        context.set_alpn_protocols(list(self.alpn))
        encrypted, tls = await start_tls(stream, context, self.target.host)
        self.route = replace(self.route, tls=tls)
        return encrypted


class _Race:
    """Try several IP addresses, each a moment after the one before (RFC 8305).

    The first that accepts wins.
    """

    def __init__(self, addresses: tuple[str, ...], port: int) -> None:
        self.addresses, self.port = addresses, port
        self.attempts: list[_Attempt] = []

    @property
    def results(self) -> tuple[ConnectAttempt, ...]:
        """The result of each attempt so far."""
        return tuple(attempt.result for attempt in self.attempts)

    async def run(self) -> Stream:
        waiting, pending = list(self.addresses), set[asyncio.Future[Stream]]()
        if len(waiting) == 1:
            return await self._attempt(waiting[0])
        try:
            while waiting or pending:
                if waiting:
                    pending.add(asyncio.ensure_future(self._attempt(waiting.pop(0))))
                timeout = STAGGER if waiting else None
                done, pending = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if not task.exception():
                        return task.result()
        finally:
            for task in pending:
                task.cancel()
        errors = dict.fromkeys(attempt.error for attempt in self.attempts)
        raise OSError("; ".join(errors) or "the host name has no IP address")

    def _attempt(self, address: str) -> Coroutine[Any, Any, Stream]:
        self.attempts.append(_Attempt(address, self.port))
        return self.attempts[-1].run()


class _Attempt:
    """One attempt to reach one IP address."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port, self.began = address, port, time.monotonic()
        self.error, self.seconds = "no response", 0.0

    @property
    def result(self) -> ConnectAttempt:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return ConnectAttempt(f"{host}:{self.port}", self.error, self.seconds or time.monotonic() - self.began)

    async def run(self) -> Stream:
        """Connect, and keep the result."""
        try:
            stream = await open_tcp(self.address, self.port)
        except OSError as error:
            self.error, self.seconds = describe(error), time.monotonic() - self.began
            raise
        self.error, self.seconds = "", time.monotonic() - self.began
        return stream


async def open_tcp(address: str, port: int) -> Stream:
    """Open a TCP connection to an IP address.

    Raises OSError.
    """
    reader, writer = await asyncio.open_connection(address, port, limit=READ_SIZE)
    stream = Stream(reader, writer)
    with contextlib.suppress(LookupError):
        OPENED.get().append(stream)
    return stream


async def look_up(host: str, port: int, family: int) -> tuple[str, ...]:
    """Return the IP addresses of a host name.

    The lookup runs in a thread, which a deadline leaves behind: it cannot be interrupted. An IP address needs none.

    Raises OSError and UnicodeError.
    """
    with contextlib.suppress(OSError, UnicodeError):
        return _addresses(host, port, family, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def finish(addresses: tuple[str, ...], error: Exception | None) -> None:
        if answer.done():
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)

    def run() -> None:
        addresses: tuple[str, ...] = ()
        error: Exception | None = None
        try:
            addresses = _addresses(host, port, family)
        except (OSError, UnicodeError) as failed:
            error = failed
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            loop.call_soon_threadsafe(finish, addresses, error)

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError as error:  # lookups that do not end have taken all threads
        raise OSError(f"{OUR_LIMIT} no thread is left for the lookup of a name") from error
    return await answer


def _addresses(host: str, port: int, family: int, flags: int = 0) -> tuple[str, ...]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))
