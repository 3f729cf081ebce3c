"""All requests to one target, each over its own connection."""

from __future__ import annotations

from dataclasses import replace

from websockets.datastructures import Headers
from websockets.http11 import Request

from checks.evidence import Handshake, Pairs, Response, Route, Variant

from .arrived import read
from .browsers import FETCH, PAGE, filled
from .connect import HTTP_1, ConnectError, connect
from .handshake import MAX_MESSAGE, Opening
from .http1 import send
from .secrets import masked
from .stream import Stream
from .target import Target
from .websocket import WebSocket


class Session:
    """Requests to one target, which share what the first connection found out.

    With `any_certificate`, no certificate is verified, and no headers of the user are sent.
    """

    def __init__(self, target: Target, *, any_certificate: bool = False) -> None:
        self.target, self.any_certificate = target, any_certificate
        self.addresses: tuple[str, ...] = ()

    @property
    def headers(self) -> Pairs:
        """The user's headers; empty where the certificate is not trusted."""
        return () if self.any_certificate else tuple(self.target.headers.items())

    async def begin(self) -> tuple[Stream | None, Route]:
        """Make the first connection, by the first proxy of a PAC file that can be used.

        Where its certificate is not trusted, go on without the user's headers.
        """
        passed_over: list[tuple[str, str]] = []
        while True:
            stream, route = await self._begin()
            route = replace(route, passed_over=tuple(passed_over))
            if stream or not (self.target.fallbacks and _falls_back(route)):
                return stream, route
            passed_over.append((str(self.target.proxy or "DIRECT"), route.error))
            following, *others = self.target.fallbacks
            self.target, self.addresses = replace(self.target, proxy=following, fallbacks=tuple(others)), ()

    async def _begin(self) -> tuple[Stream | None, Route]:
        """Make the first connection by this proxy."""
        try:
            stream, route = await self.connect()
        except ConnectError as failed:
            if not failed.route.tls.code:
                self.addresses = failed.route.addresses
                return None, failed.route
            untrusted, self.any_certificate = failed.route.tls, True
            try:
                stream, route = await self.connect()
            except ConnectError as again:
                return None, replace(again.route, tls=untrusted)
            reasons = {name: getattr(untrusted, name) for name in ("untrusted", "code", "no_trust_store")}
            route = replace(route, tls=replace(route.tls, **reasons))
        self.addresses = route.addresses
        return stream, route

    async def connect(self, *, tunnel: bool = True, alpn: tuple[str, ...] = HTTP_1) -> tuple[Stream, Route]:
        """Connect once more, without looking up the name again.

        Raises ConnectError.
        """
        return await connect(
            self.target, self.addresses, tunnel=tunnel, any_certificate=self.any_certificate, alpn=alpn
        )

    async def get(self, path: str) -> Response:
        """Request the page like a browser, and other URLs like its scripts.

        Through an HTTP proxy, that takes no tunnel unless the URL is https.
        """
        target = self.target
        absolute = bool(target.proxy and target.proxy.scheme.startswith("http") and not target.secure)
        headers = filled(PAGE if path == "/" else FETCH, target, self.headers)
        if absolute:
            from .http_connect import credentials  # noqa: PLC0415  # only for a proxy

            renamed = {"Connection": "Proxy-Connection"}
            headers = [(renamed.get(name, name), value) for name, value in headers] + credentials(target)
        request = Request(target.origin + path if absolute else path, Headers(headers))
        try:
            stream, _ = await self.connect(tunnel=not absolute)
        except ConnectError as failed:
            return Response(error=failed.route.error, seconds=failed.route.seconds)
        response, _ = await send(stream, request, target.timeout)
        stream.abort()
        return response

    async def open_websocket(
        self, path: str, variant: Variant = "", stream: Stream | None = None, *, max_message: int = MAX_MESSAGE
    ) -> tuple[Handshake, WebSocket | None]:
        """Make one handshake, on a connection that exists already or a new one.

        Returns its evidence, and the WebSocket if it opened.
        """
        opening = Opening(self.target, path, variant, self.headers, max_message=max_message)
        sent = masked(opening.request.headers.raw_items())
        if not stream:
            try:
                stream, _ = await self.connect()
            except ConnectError as failed:
                response = Response(error=failed.route.error, seconds=failed.route.seconds)
                return Handshake(path, variant, response, opening.fault(response, b"")), None
        response, raw = await send(stream, opening.request, self.target.timeout)
        fault = opening.fault(response, raw)
        websocket = None if fault else WebSocket(path, stream, opening.protocol)
        if not websocket:
            stream.abort()
        request, arrived = read(response, path, opening.request.headers.raw_items())
        return Handshake(path, variant, response, fault, sent, arrived, arrived_request=request), websocket

    async def handshake(self, path: str, variant: Variant = "", stream: Stream | None = None) -> Handshake:
        """Make one handshake, and close at once if the WebSocket opens."""
        handshake, websocket = await self.open_websocket(path, variant, stream)
        if websocket:
            websocket.abort()
        return handshake


def _falls_back(route: Route) -> bool:
    """Tell whether a browser would try what a PAC file returns next.

    It does not where the proxy has sent a response (Chromium 156, net/http/proxy_fallback.cc).
    """
    from .socks import SOCKS4_UNREACHABLE  # noqa: PLC0415  # only where a proxy failed

    refused = route.tunnel.status or "not valid HTTP" in route.error or SOCKS4_UNREACHABLE in route.error
    return route.failed in {"name", "tcp"} or (route.failed == "proxy" and not refused)
