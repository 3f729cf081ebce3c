"""Survey a URL: decide what to try next from what was seen so far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Callable

from checks.evidence import (
    ALL_MUST_OPEN,
    NO_PONG,
    NOT_REQUESTED,
    OTHER_BROWSERS,
    Evidence,
    Handshake,
    PingResult,
    Response,
    Variant,
)

from .connect import ConnectError
from .frames import ping
from .holds import HOLD_STAGGER, PING_EVERY, Holder
from .secrets import scrubbed, secrets
from .session import Session
from .stream import Stream
from .target import Target
from .websocket import WebSocket

BRIEF_HOLD = 2.0
"""Seconds for which a WebSocket is held unless a longer test is requested."""

REPEATS = 4
"""How often the handshake is repeated: if half of them fail at random, 1 survey in 32 sees none fail.

Where the first succeeds, the handshakes of other browsers are among them.
"""

AUTHENTICATION = {401, 407}
"""The status codes for missing or rejected credentials (RFC 9110, sections 15.5.2 and 15.5.8)."""

REFUSALS = {200, 400, 403, 404, 405, 406, 426}
"""The status codes of a server or firewall that rejects a handshake for what is in it."""

BEHIND_SIGN_IN = {401, 403, 404}
"""The status codes of a page that may exist, but only after a sign-in."""

DIRECT_TIMEOUT = 3.0
"""Seconds for a connection without the forward proxy, which many networks do not allow."""

Progress = Callable[[str, float], None]
"""Progress callback: called with the current step and its minimum duration in seconds."""


class Survey:
    """One survey, in the order of its stages."""

    def __init__(self, target: Target, paths: tuple[str, ...], progress: Progress) -> None:
        self.target, self.paths, self.progress = target, tuple(dict.fromkeys(paths)), progress
        self.session = Session(target)
        self.evidence = Evidence(target.url, Response(), Response(), recorded_at=_now())
        self.skipped: dict[str, str] = {}

    async def run(self, idle: float, size: int) -> None:
        """Run every test."""
        self.progress("connecting", 0)
        stream, route = await self.session.begin()
        self.target = self.session.target  # with the proxy that could be used
        self.add(route=route)
        if self.session.any_certificate and self.target.headers:
            self.skipped["cookies and headers"] = "not sent, because the certificate is not trusted"
        if route.failed in {"name", "tcp", "tls"}:
            await self._unreachable()
        else:
            await self.tests(stream)
            await self._idle_and_size(idle, size)

    def result(self) -> Evidence:
        """Return the evidence so far, with secrets masked."""
        return scrubbed(replace(self.evidence, skipped=tuple(self.skipped.items())), secrets(self.target, self.paths))

    async def tests(self, stream: Stream | None) -> None:
        """Run everything except the long tests."""
        await self._requests(stream)
        await self._explain()
        await self._look_again()

    def add(self, **results: object) -> None:
        """Add results to the evidence; tuples are appended."""
        joined = {
            name: getattr(self.evidence, name) + value if isinstance(value, tuple) else value
            for name, value in results.items()
        }
        self.evidence = replace(self.evidence, **joined)  # type: ignore[arg-type]

    async def _unreachable(self) -> None:
        """Record the failed connection; if TLS failed, try the other scheme."""
        route = self.evidence.route
        self.add(page=Response(error=route.error, seconds=route.seconds))
        if route.failed == "tls":
            await self._other_scheme()
        self.skipped["page and WebSocket"] = "the connection failed"

    async def _requests(self, stream: Stream | None) -> None:
        """Request the page and open each WebSocket like a browser, then ping."""
        self.progress("requesting the page, opening the WebSocket", 0)
        pages = asyncio.gather(self.session.get("/"), self.health_check(), self.over_http2())
        streams = [stream, *[None] * len(self.paths[1:])]
        opening = asyncio.gather(*map(self._open, self.paths, streams))
        (page, health_check, over_http2), opened = await asyncio.gather(pages, opening)  # Ctrl-C cancels both
        handshakes = (*(handshake for handshake, _ in opened), *over_http2)
        self.add(page=page, health_check=health_check, handshakes=handshakes)
        await self.ping_all([websocket for _, websocket in opened if websocket])

    async def _open(self, path: str, stream: Stream | None) -> tuple[Handshake, WebSocket | None]:
        return await self.session.open_websocket(path, "", stream)

    async def health_check(self) -> Response:
        """Request the health check of DSS, unless the URL is that of a WebSocket."""
        if self.target.is_socket:
            self.skipped["health check"] = "the URL is that of a WebSocket, so DSS may not be there"
            return Response()
        return await self.session.get("/dip/api/ping")

    async def over_http2(self) -> tuple[Handshake, ...]:
        """Make the first handshake over HTTP/2 too, where browsers would."""
        if not self.target.secure or self.evidence.route.failed:
            return ()
        from . import http2  # noqa: PLC0415  # only for HTTPS

        handshake = await http2.handshake(self.session, self.paths[0])
        return (handshake,) if handshake else ()

    async def ping_all(self, websockets: list[WebSocket], variant: Variant = "") -> None:
        """Ping open WebSockets; where that fails, once more without extensions."""
        results = await asyncio.gather(*(ping(each, variant, self.target.timeout) for each in websockets))
        if not variant:
            results = await asyncio.gather(*map(self._frame_again, results))
        self.add(pings=tuple(results))
        if variant:
            return
        paths = [result.path for result in results if result.error or result.frame_error]
        paths += [each.path for each in self.evidence.handshakes if "extension" in each.fault.lower()]
        again = await asyncio.gather(*(self.session.open_websocket(path, "no-extensions") for path in paths))
        self.add(handshakes=tuple(handshake for handshake, _ in again))
        await self.ping_all([websocket for _, websocket in again if websocket], "no-extensions")
        if any(each.frame_error for each in self.evidence.pings if each.variant):
            self.skipped["compression"] = "the server takes no message in parts, so nothing shows a compressed one"

    async def _frame_again(self, result: PingResult) -> PingResult:
        """Try a compressed frame without a response again: a connection may just break."""
        if not result.frame_error:
            return result
        _, websocket = await self._open(result.path, None)
        again = await ping(websocket, "", self.target.timeout) if websocket else result
        return again if again.frame_sent else result

    async def _explain(self) -> None:
        """Repeat the handshake; where something failed, also change one thing at a time."""
        if self.all_opened_and_answered():
            await self._repeat(self.paths[:1], REPEATS - len(OTHER_BROWSERS), OTHER_BROWSERS)
        else:
            await asyncio.gather(self._repeat_failed(), self._compare())
            if self._another_browser_may_open():
                await self._repeat(self.paths[:1], 0, OTHER_BROWSERS)
        await self._repeat_alone(self.paths[0])
        notebook = any(path.startswith("/jupyter/") for path in self.paths)
        if not self.target.is_socket and not notebook and self.all_opened_and_answered():
            self.skipped["notebooks"] = "pass the path of one with --socket, and --cookies"

    async def _look_again(self) -> None:
        """Where something failed, find out whether requests affected each other."""
        if not self.all_opened_and_answered():
            from .second_look import second_look  # noqa: PLC0415  # slow to import

            self.evidence = await second_look(self.session, self.evidence, self.progress)

    def all_opened_and_answered(self) -> bool:
        """Return whether each WebSocket opened and sent a pong.

        The page must be there, too, and the certificate trusted.
        """
        evidence = self.evidence
        opened = all(each.opened for each in evidence.handshakes if each.variant in ALL_MUST_OPEN)
        answered = not any(each.error for each in evidence.pings if not each.variant)
        pages = () if self.target.is_socket else (evidence.page, evidence.health_check)
        reached = all(0 < page.status < 400 or page.status in BEHIND_SIGN_IN for page in pages)
        return opened and answered and reached and not evidence.route.tls.code

    async def _repeat_failed(self) -> None:
        """Repeat each handshake that failed; where none failed, the first."""
        if self.evidence.route.failed:  # such as credentials that the proxy rejects
            return
        closed = [path for path in self.paths if not self.evidence.handshake(path).opened]
        paths = closed or ([] if any(each.error for each in self.evidence.pings) else self.paths[:1])
        # Not where credentials are rejected: after a few attempts, some directories lock the account.
        paths = [path for path in paths if self.evidence.handshake(path).response.status not in AUTHENTICATION]
        await self._repeat(paths, REPEATS)

    async def _repeat(self, paths: Iterable[str], times: int, browsers: tuple[Variant, ...] = ()) -> None:
        """Repeat the handshake, and try other browsers.

        Load balancers alternate servers.
        """
        again: tuple[Variant, ...] = ("again",)
        variants = browsers + again * times  # a limit on connections then rejects a repeat
        repeats = await asyncio.gather(*(self._again(path, variant) for path in paths for variant in variants))
        for _, websocket in repeats:
            if websocket:
                websocket.abort()
        self.add(handshakes=tuple(_brief(handshake) for handshake, _ in repeats))

    def _another_browser_may_open(self) -> bool:
        """Tell whether the first handshake got a response that may depend on the browser."""
        response, page = self.evidence.handshake(self.paths[0]).response, self.evidence.page
        return response.status in REFUSALS and (self.target.is_socket or 0 < page.status < 400)

    async def _repeat_alone(self, path: str) -> None:
        """Where a browser had another result, repeat both one by one.

        Neither is every second nor every third request, so load balancers do not give each its own server.
        """
        opened = self.evidence.handshake(path).opened
        tried = [shake for shake in self.evidence.handshakes if shake.variant in OTHER_BROWSERS]
        differing: list[Variant] = [shake.variant for shake in tried if shake.opened != opened]
        if not differing:
            return
        twice = [variant for variant in differing for _ in range(2)]
        order: list[Variant] = ["again", *twice, "again", "again", *differing]
        if "firefox" in differing:
            order.append("keep-alive")
        for variant in order:
            self.add(handshakes=(_brief(await self.session.handshake(path, variant)),))

    async def _again(self, path: str, variant: Variant) -> tuple[Handshake, WebSocket | None]:
        """Repeat a handshake, and keep the WebSocket open.

        Otherwise, a limit on connections would show only if the handshakes happen to overlap.
        """
        handshake, websocket = await self.session.open_websocket(path, variant)
        if websocket:
            websocket.free()
        return handshake, websocket

    async def _compare(self) -> None:
        """Change one thing at a time where a WebSocket did not open.

        Also try without the forward proxy.
        """
        self.progress("comparing", 0)
        steps: list[Awaitable[None]] = []
        if self.evidence.route.failed:
            self.skipped["comparisons"] = "the forward proxy did not connect"
        else:
            variants: list[Variant] = ["no-upgrade", "no-origin"]
            if self.target.headers.get("Cookie") and not self.session.any_certificate:
                variants.append("no-cookies")
            else:
                self.skipped["without cookies"] = "no cookies were sent"
            closed = [path for path in self.evidence.paths if not self.evidence.handshake(path).opened]
            steps += [self.vary(path, variant) for path in closed for variant in variants]
            steps += [self.vary(path, "forwarded-https") for path in closed if self._redirects(path)]
        if self.target.proxy:
            steps += [self._without_proxy(), self._other_tunnel()]
        if not self.evidence.page.status or self.evidence.page.status == 400:
            steps.append(self._other_scheme())
        await asyncio.gather(*steps)

    def _redirects(self, path: str) -> bool:
        """Return whether the server redirects, and may not know about HTTPS."""
        return self.target.secure and 300 <= self.evidence.handshake(path).response.status < 400

    async def vary(self, path: str, variant: Variant) -> None:
        """Add one handshake with one change."""
        self.add(handshakes=(await self.session.handshake(path, variant),))

    async def _without_proxy(self) -> None:
        """Make the first handshake without the forward proxy."""
        target = replace(self.target, proxy=None, fallbacks=(), timeout=min(self.target.timeout, DIRECT_TIMEOUT))
        session = Session(target)
        stream, route = await session.begin()
        self.add(direct=route)
        if stream:
            handshake = await session.handshake(self.paths[0], "", stream)
            self.add(handshakes=(replace(handshake, variant="direct"),))

    async def _other_tunnel(self) -> None:
        """Where the proxy opens no tunnel to this port, request one to port 443."""
        status = self.evidence.route.tunnel.status
        if not status or 200 <= status < 300 or self.target.port == 443 or self.target.permits:
            return
        target = replace(self.target, url=f"http://{self.target.bracketed}:443", headers={})
        try:
            stream, route = await Session(target).connect()
            stream.abort()
        except ConnectError as failed:
            route = failed.route
        self.add(tunnels=((f"{target.bracketed}:443", route.tunnel.status),))

    async def _other_scheme(self) -> None:
        """Request the page with the other scheme, from the same port."""
        target = self.target
        url = f"{'http' if target.secure else 'https'}://{target.bracketed}:{target.port}"
        session = Session(replace(target, url=url, headers={}), any_certificate=True)
        self.add(other_scheme=await session.get("/"))

    async def _idle_and_size(self, idle: float, size: int) -> None:
        """Run the long tests on the first path that opens.

        How long does a WebSocket live, and how large may a message be?
        """
        path = next((path for path in self.evidence.paths if self.evidence.handshake(path).opened), None)
        for requested, name in ((idle, "idle timeout"), (size, "message size")):
            if not requested:
                self.skipped[name] = NOT_REQUESTED
            elif not path:
                self.skipped[name] = "no WebSocket opened"
        if idle and path:
            await self._hold(path, idle)
        if size and path:
            await self._sizes(path, size)

    async def _hold(self, path: str, seconds: float) -> None:
        result = self.evidence.ping_on(path)
        silent = result is not None and result.error.startswith(NO_PONG)
        if result and result.error and not silent:
            self.skipped["idle timeout"] = "the WebSocket failed at once"
            return
        holder = Holder(self.session, path, self.progress, pongs=not silent, stagger=HOLD_STAGGER)
        if seconds <= BRIEF_HOLD:
            await holder.briefly(seconds)
        else:
            await holder.long(seconds, PING_EVERY)
        self.add(holds=tuple(holder.holds), handshakes=tuple(holder.failed))
        if not holder.pongs:
            self.skipped["held WebSockets"] = "the server sends no pongs, so only a close shows that one dropped"

    async def _sizes(self, path: str, largest: int) -> None:
        result = self.evidence.ping_on(path)
        if result and result.error:
            self.skipped["message size"] = "the server sends no pongs, so nothing would show that a message arrived"
            return
        from .sizes import sizes  # noqa: PLC0415  # only with --size

        results, reason = await sizes(self.session, path, largest, self.progress)
        self.add(sizes=results)
        if reason:
            self.skipped["larger messages"] = reason


def _brief(handshake: Handshake) -> Handshake:
    """Leave out what equals the first handshake, which is kept whole."""
    response = replace(handshake.response, headers=()) if handshake.opened else handshake.response
    sent = () if handshake.opened or handshake.variant == "again" else handshake.sent
    return replace(handshake, response=response, sent=sent, arrived=(), arrived_request="")


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
