"""Keep WebSocket connections open, and find out whether and when they drop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Callable

from checks.evidence import NO_PONG, Handshake, HoldResult

from .errors import describe
from .session import Session
from .stream import wait_for
from .websocket import EndedError, LimitError, WebSocket

PING_EVERY = 15.0
"""Seconds; the interval at which the page of DSS pings its own WebSocket (seen on DSS 9.0.5)."""

HOLD_STAGGER = 4.0
"""Seconds between opening the two WebSocket connections that are held.

With this delay, a maximum connection lifetime cannot end both at the same moment, even if each drops a second early
or late.
"""

EXTRA_S = 2.0
"""Seconds, at most, for which a connection is held longer than asked: 60 s shall show a limit of 60 s."""

LONGER_S = 2.5
"""Seconds by which pings must keep a connection open longer than an idle one that dropped."""

FASTER = 2.5
"""How many pings fit into the time after which a connection dropped; not whole, so that no ping meets the drop."""

ROUNDS = 3
"""How often two connections are held at most, each time with faster pings."""

SAME_MOMENT_S = 1.0
"""Seconds between two drops that one event may have caused."""

POLL_S = 0.5
"""Seconds after which a held connection looks again how long it must be held."""

Progress = Callable[[str, float], None]
"""Progress callback: called with the current step and its minimum duration in seconds."""


class SilentError(Exception):
    """The peer sent no pong in time."""


@dataclass
class Holder:
    """Hold connections to one path; collect the results, and handshakes that failed."""

    session: Session
    path: str
    progress: Progress
    pongs: bool = True
    """Whether the server sends pongs, so that a missing one shows a dead connection."""
    stagger: float = HOLD_STAGGER
    holds: list[HoldResult] = field(default_factory=list)
    failed: list[Handshake] = field(default_factory=list)

    async def briefly(self, seconds: float) -> None:
        """Hold one idle connection; where it drops, hold two, one with pings."""
        seconds += min(EXTRA_S, seconds / 10)
        self.progress(f"holding a WebSocket for {seconds:.0f} s", seconds)
        opened = await self._open()
        if opened:
            self.holds.append(await self._hold(opened, 0.0, lambda: seconds))
            await self._compare(1)

    async def long(self, seconds: float, ping_every: float) -> None:
        """Hold an idle connection and one with pings; if undecided, with faster pings."""
        step = f"holding two WebSockets for {seconds:g} s, one idle, one with a ping every {ping_every:g} s"
        self.progress(step, seconds)
        await self._pair(seconds + min(EXTRA_S, seconds / 10), ping_every)
        await self._compare(2)

    async def _compare(self, number: int) -> None:
        """Hold two connections again while it is undecided what ended the last."""
        for _ in range(number, ROUNDS + 1):
            every = _faster(self.holds)
            if not every:
                return
            seconds = every * FASTER * 1.1 + LONGER_S
            self.progress(f"holding two WebSockets again, with a ping every {every:.1f} s", seconds + self.stagger)
            if not await self._pair(seconds, every):
                return

    async def _pair(self, seconds: float, ping_every: float) -> bool:
        """Hold an idle connection and, opened later, one with pings.

        Returns whether both opened.
        """
        first = await self._open()
        if not first:
            return False
        began = time.monotonic()
        idle = asyncio.ensure_future(self._hold(first, 0.0, lambda: seconds))
        await asyncio.sleep(self.stagger)

        def required() -> float:
            if not idle.done():
                return float("inf")
            return max(seconds, idle.result().seconds + LONGER_S if idle.result().dropped else 0)

        second = await self._open()
        after = time.monotonic() - began
        pinged = await self._hold(second, ping_every, required) if second else None
        self.holds.append(await idle)
        if pinged:
            self.holds.append(replace(pinged, after=after))
        return bool(pinged)

    async def _open(self) -> WebSocket | None:
        shake, websocket = await self.session.open_websocket(self.path, "")
        if not websocket:
            self.failed.append(replace(shake, variant="again"))
            return None
        websocket.max_received = float("inf")
        return websocket

    async def _hold(self, websocket: WebSocket, ping_every: float, required: Callable[[], float]) -> HoldResult:
        """Hold one connection until it drops, or for as long as required, then close it."""
        held = _Held(websocket, ping_every, self.session.target.timeout, self.pongs)
        await held.run(required)
        await websocket.close()
        code = websocket.close_code if held.error else 0
        by_ping = bool(held.error) and held.pinging
        return HoldResult(
            self.path, ping_every, held.seconds, bool(held.error), code, 0.0, held.error, by_ping, held.answered
        )


class _Held:
    """One connection, and how it fares."""

    def __init__(self, websocket: WebSocket, ping_every: float, timeout: float, pongs: bool) -> None:  # noqa: FBT001
        self.websocket, self.ping_every, self.timeout, self.pongs = websocket, ping_every, timeout, pongs
        self.began = time.monotonic()
        self.seconds, self.error, self.answered, self.pinging = 0.0, "", False, False

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    async def run(self, required: Callable[[], float]) -> None:
        """Wait and ping until it drops or the time is up; at the end, ping once more."""
        next_ping = self.ping_every
        try:
            while (left := required() - self.age) > 0:
                due = next_ping - self.age if self.ping_every else left
                with contextlib.suppress(asyncio.TimeoutError):
                    await wait_for(self.websocket.receive_until_end(), max(min(left, due, POLL_S), 0.001))
                if self.ping_every and self.age >= next_ping:
                    await self._ping()
                    next_ping = self.age + self.ping_every
            await self._ping()
            self.seconds = self.age
        except LimitError:  # it is alive, and sends more than we receive
            self.seconds = self.age
        except SilentError:
            self.error = f"{NO_PONG} {self.timeout:g} s"  # since `seconds`, when the ping was sent
        except (EndedError, OSError) as ended:
            self.seconds, self.error = self.age, describe(ended)

    async def _ping(self) -> None:
        """Ping, and wait for the pong where the server sends any."""
        self.pinging, self.seconds = True, self.age
        try:
            await wait_for(self.websocket.ping(), self.timeout)
            if self.pongs:
                await wait_for(self.websocket.receive_pong(), self.timeout)
        except asyncio.TimeoutError:
            if self.pongs:
                raise SilentError from None
        self.pinging, self.answered = False, self.pongs


def _faster(holds: Sequence[HoldResult]) -> float:
    """Return the interval of pings that may decide what ended the last connections.

    It is 0 if that is decided already.
    """
    last = holds[-2:]
    idle, pinged = last[0], last[1] if len(last) > 1 else None
    if not idle.dropped or not idle.seconds:
        return 0.0
    life = min(hold.seconds for hold in last if hold.dropped)
    if not pinged:
        return life / FASTER
    moments = [hold.after + hold.seconds for hold in last]
    if pinged.dropped and abs(moments[0] - moments[1]) < SAME_MOMENT_S:
        return 0.0
    first_pings = pinged.dropped and pinged.seconds < 1.5 * pinged.ping_every
    ping_met_the_drop = pinged.dropped and pinged.found_by_ping  # so it is not known when it dropped
    clearly_faster = pinged.ping_every <= idle.seconds / 2 or idle.seconds - pinged.ping_every > EXTRA_S
    return 0.0 if clearly_faster and not (first_pings or ping_met_the_drop) else life / FASTER
