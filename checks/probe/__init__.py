"""Look at an address, stage by stage and one thing flipped at a time; nothing else opens client sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Callable
from urllib.parse import urlsplit

from checks.evidence import Evidence, Handshake, Response, Variant

from . import http2
from .channel import Channel, ConnectError
from .exchange import BODY_LIMIT, Exchange, Socket
from .frames import PING_EVERY, hold, ping, sizes
from .secrets import scrubbed, secrets
from .target import NOTIFICATIONS, Target

__all__ = ["APART", "BODY_LIMIT", "NOTIFICATIONS", "PING_EVERY", "Target", "look"]


APART = 2.0
"""Seconds between the opening of the two sockets that are held: what ends both at one moment is no limit on age."""

AGAIN = 4
"""How often the same handshake is made again: where every other one fails, all open in 1 of 32 looks by chance."""

LOGIN = {401, 407}
"""What is answered to who has not shown, or has shown wrongly, who he is (RFC 9110, sections 15.5.2 and 15.5.8)."""

Say = Callable[[str, float], None]
"""Is told what is being done, and how many seconds that takes at least."""


async def look(
    target: Target,
    *,
    sockets: tuple[str, ...] = (),
    idle: float = 0,
    size: int = 0,
    say: Say = lambda _, __: None,
) -> Evidence:
    """Look at the page and at each socket; hold the first that opens for `idle` seconds, send it up to `size` bytes.

    `sockets` are paths, by default the one that the target names. `say` is told what is being done.
    Never raises for what the peer does: that is evidence.
    """
    return await _Look(target, sockets or target.sockets, say).whole(idle, size)


class _Look:
    """One look, in the order of the stages."""

    def __init__(self, target: Target, sockets: tuple[str, ...], say: Say) -> None:
        self.target, self.sockets, self.say = target, tuple(dict.fromkeys(sockets)), say
        self.exchange = Exchange(target)
        self.evidence = Evidence(target.url, Response(), Response(), recorded_at=_now())
        self.skipped: dict[str, str] = {}

    async def whole(self, idle: float, size: int) -> Evidence:
        self.say("connecting", 0)
        channel, route = await self.exchange.begin()
        self.add(route=route)
        if self.exchange.trusting and self.target.headers:
            self.skipped["cookies and headers"] = "not sent, because the certificate is not trusted"
        if self.evidence.route.failed in {"name", "tcp", "tls"}:
            return await self._nowhere()
        self.say("asking for the page, opening the socket", 0)
        pages = asyncio.gather(self.exchange.get("/"), self._health(), self._over_http_2())
        firsts = [channel, *[None] * len(self.sockets[1:])]
        opened = await asyncio.gather(*map(self._open, self.sockets, firsts))
        page, pong, over_http_2 = await pages
        self.add(page=page, health_check=pong, handshakes=(*(shake for shake, _ in opened), *over_http_2))
        await self._frames([socket for _, socket in opened if socket])
        if not self.evidence.works:
            await asyncio.gather(self._again(), self._compare())
        else:
            await self._again()
        if (
            self.evidence.works
            and not self.evidence.named_a_socket
            and not any(path.startswith("/jupyter/") for path in self.sockets)
        ):
            self.skipped["notebooks"] = "give one's path with --socket, and --cookies"
        await self._last(idle, size)
        return scrubbed(replace(self.evidence, skipped=tuple(self.skipped.items())), secrets(self.target, self.sockets))

    async def _nowhere(self) -> Evidence:
        """Ask nothing where no connection came about, but the same port in the other scheme."""
        error = Response(error=self.evidence.route.error, seconds=self.evidence.route.seconds)
        self.add(page=error)
        if self.evidence.route.failed == "tls":
            await self._other_scheme()
        self.skipped["page and sockets"] = "no connection came about"
        return scrubbed(replace(self.evidence, skipped=tuple(self.skipped.items())), secrets(self.target, self.sockets))

    def add(self, **seen: object) -> None:
        """Put into the evidence what was seen; tuples are joined."""
        joined = {
            name: getattr(self.evidence, name) + value if isinstance(value, tuple) else value
            for name, value in seen.items()
        }
        self.evidence = replace(self.evidence, **joined)  # type: ignore[arg-type]

    async def _health(self) -> Response:
        if self.target.is_socket:
            self.skipped["health check"] = "the address given is that of a socket, not of DSS"
            return Response()
        return await self.exchange.get("/dip/api/ping")

    async def _over_http_2(self) -> tuple[Handshake, ...]:
        """Make the first handshake over HTTP/2 too, where browsers would."""
        if not self.target.secure or self.evidence.route.failed:
            return ()
        shake = await http2.shake(self.exchange, self.sockets[0])
        return (shake,) if shake else ()

    async def _open(self, path: str, channel: Channel | None) -> tuple[Handshake, Socket | None]:
        return await self.exchange.shake(path, "", channel)

    async def _frames(self, opened: list[Socket], variant: Variant = "") -> None:
        """Ping each open socket; where a frame is wrong, once more without extensions."""
        seen = await asyncio.gather(*(ping(socket, variant, self.target.timeout) for socket in opened))
        self.add(pings=tuple(seen))
        if variant:
            return
        paths = [each.path for each in seen if each.error]
        paths += [shake.path for shake in self.evidence.handshakes if "extension" in shake.fault.lower()]
        again = await asyncio.gather(*(self.exchange.shake(path, "no-extensions") for path in paths))
        self.add(handshakes=tuple(shake for shake, _ in again))
        await self._frames([socket for _, socket in again if socket], "no-extensions")

    async def _compare(self) -> None:
        """Flip one thing at a time where a socket did not open, and look for the same without the proxy."""
        self.say("comparing", 0)
        steps: list[Awaitable[None]] = []
        if self.evidence.route.failed:
            self.skipped["comparisons"] = "the proxy made no connection"
        else:
            variants: list[Variant] = ["no-upgrade", "no-origin"]
            if self.target.headers.get("Cookie") and not self.exchange.trusting:
                variants.append("no-cookies")
            else:
                self.skipped["without cookies"] = "there were none to leave out"
            for path in (path for path in self.evidence.paths if not self.evidence.handshake(path).opened):
                steps += [self._vary(path, variant) for variant in variants]
        if self.target.proxy:
            steps += [self._without_proxy(), self._other_tunnel()]
        if not self.evidence.page.status or self.evidence.page.status == 400:
            steps.append(self._other_scheme())
        await asyncio.gather(*steps)

    async def _again(self) -> None:
        """Make the same handshake again where no socket opened, otherwise on the first path: servers may take turns."""
        if self.evidence.route.failed:  # a login that the proxy refuses, for example
            return
        closed = [path for path in self.sockets if not self.evidence.handshake(path).opened]
        paths = closed or ([] if any(each.error for each in self.evidence.pings) else self.sockets[:1])
        # Not where a login is refused: after a few of those some directories lock the account.
        paths = [path for path in paths if self.evidence.handshake(path).response.status not in LOGIN]
        for shake in await asyncio.gather(*(self._closed(path, "again") for path in paths for _ in range(AGAIN))):
            answer = replace(shake.response, headers=()) if shake.opened else shake.response
            self.add(handshakes=(replace(shake, response=answer, sent=(), arrived=()),))  # as the first, which is kept

    async def _vary(self, path: str, variant: Variant) -> None:
        self.add(handshakes=(await self._closed(path, variant),))

    async def _closed(self, path: str, variant: Variant) -> Handshake:
        """Make one handshake, and leave at once if the socket opens."""
        shake, socket = await self.exchange.shake(path, variant)
        if socket:
            socket.leave()
        return shake

    async def _without_proxy(self) -> None:
        """Try the same without the forward proxy; where the company allows none, this takes a moment and fails."""
        target = replace(self.target, proxy=None, timeout=min(self.target.timeout, 3.0))
        direct = Exchange(target)
        channel, route = await direct.begin()
        self.add(direct=route)
        if not channel:
            return
        shake, socket = await direct.shake(self.sockets[0], "", channel)
        if socket:
            socket.leave()
        self.add(handshakes=(replace(shake, variant="direct"),))

    async def _other_tunnel(self) -> None:
        """Where the proxy opens no tunnel to the port, ask for one to 443."""
        status = self.evidence.route.tunnel.status
        if not status or 200 <= status < 300 or self.target.port == 443:
            return
        parts = urlsplit(self.target.url)
        target = replace(self.target, url=f"http://{parts.netloc.rpartition(':')[0] or parts.netloc}:443", headers={})
        try:
            channel, route = await Exchange(target).connect()
            channel.abort()
        except ConnectError as failed:
            route = failed.route
        self.add(tunnels=((f"{target.bracketed}:443", route.tunnel.status),))

    async def _other_scheme(self) -> None:
        """Ask the same port for the page with the other scheme."""
        target = self.target
        other = target.url.replace("://", "s://", 1) if not target.secure else target.url.replace("s://", "://", 1)
        parts = urlsplit(other)
        exchange = Exchange(replace(target, url=f"{parts.scheme}://{target.bracketed}:{target.port}", headers={}))
        exchange.trusting = True
        self.add(other_scheme=await exchange.get("/"))

    async def _last(self, idle: float, size: int) -> None:
        """What takes long, on the first socket that opens: silence, pings, large messages."""
        opened = next((path for path in self.evidence.paths if self.evidence.handshake(path).opened), None)
        for asked, name in ((idle, "time to drop"), (size, "size of a message")):
            if asked and not opened:
                self.skipped[name] = "no socket opened"
            elif not asked:
                self.skipped[name] = "not asked for"
        if idle and opened:
            self.say(
                f"holding two sockets for {idle:g} s, one in silence, one with a ping every {PING_EVERY:g} s", idle
            )
            silent, pinged = (
                hold(self.exchange, opened, 0.0, idle),
                hold(self.exchange, opened, PING_EVERY, idle, APART),
            )
            self.add(holds=tuple(await asyncio.gather(silent, pinged)))
        first = self.evidence.ping_on(opened) if opened else None
        if size and first and first.error:
            self.skipped["size of a message"] = "the socket answers no ping, so nothing would tell that one arrived"
        elif size and opened:
            self.add(sizes=await sizes(self.exchange, opened, size, self.say))


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
