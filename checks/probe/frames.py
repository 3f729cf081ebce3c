"""What an open socket does: whether a ping comes back, how long it lives, how large a message it takes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Callable

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from checks.evidence import HoldResult, PingResult, SizeResult, Variant

from .channel import words
from .exchange import Exchange, Socket

PING_EVERY = 15.0
"""Seconds; the interval at which the page of DSS pings its own socket (seen on DSS 9.0.5)."""

PING = b"diagnose"
"""What a ping holds, and its pong must hold (RFC 6455, section 5.5.3)."""

FLOOD = 4 << 20
"""Bytes that are read while waiting for one pong."""

FAREWELL = 0.5
"""Seconds in which the other end must take our goodbye."""

SIZES = [1 << power for power in range(10, 25)]
"""Bytes of the messages tried: 1 KiB to 16 MiB."""


class EndedError(Exception):
    """The socket is no longer open."""


class Line:
    """An open socket, and what came on it."""

    def __init__(self, socket: Socket) -> None:
        self.socket, self.messages, self.pongs, self.read = socket, 0, 0, 0
        self.most: float = FLOOD

    @property
    def close_code(self) -> int:
        """The code of the other end's close frame; 0 without one."""
        received = self.socket.protocol.close_rcvd
        return int(received.code) if received else 0

    @property
    def close_reason(self) -> str:
        """The reason in the other end's close frame."""
        received = self.socket.protocol.close_rcvd
        return received.reason if received else ""

    async def flush(self) -> None:
        """Send what the protocol has to say."""
        for data in self.socket.protocol.data_to_send():
            if data:
                await self.socket.channel.write(data)

    async def ping(self) -> None:
        """Send a ping (RFC 6455, section 5.5.2)."""
        if self.socket.protocol.state is State.OPEN:
            self.socket.protocol.send_ping(PING)
        await self.flush()

    async def listen(self, enough: Callable[[], bool]) -> None:
        """Take what comes until it is enough.

        Raises EndedError when the socket ends first, and says how.
        """
        protocol = self.socket.protocol
        while True:
            self._take()
            if enough():
                return
            if protocol.parser_exc:
                raise EndedError(words(protocol.parser_exc))
            if self.close_code:
                raise EndedError(f"the other end closed with code {self.close_code}")
            await self.flush()
            data = await self.socket.channel.read()
            self.read += len(data)
            if self.read > self.most:
                raise EndedError(f"more than {FLOOD >> 20} MiB came, and no pong")
            if not data:
                raise EndedError("the connection was closed without a close frame")
            protocol.receive_data(data)

    def _take(self) -> None:
        for event in self.socket.protocol.events_received():
            if isinstance(event, Frame):
                mine = event.opcode is Opcode.PONG and event.data == PING
                self.messages += not mine
                self.pongs += mine

    async def close(self) -> None:
        """Say goodbye, and do not wait for an answer."""
        try:
            if self.socket.protocol.state is State.OPEN:
                self.socket.protocol.send_close(1000)
            await asyncio.wait_for(self.flush(), FAREWELL)
            self.socket.channel.close()
        except (OSError, RuntimeError, asyncio.TimeoutError):  # who does not read gets no goodbye
            self.socket.channel.abort()
        self.socket.forget()


async def ping(socket: Socket, variant: Variant, timeout: float) -> PingResult:
    """Send a ping and wait for its pong, then close."""
    line, began, error, pong = Line(socket), time.monotonic(), "", 0.0
    try:
        await line.ping()
        await asyncio.wait_for(line.listen(lambda: bool(line.pongs)), timeout)
        pong = time.monotonic() - began
    except asyncio.TimeoutError:
        error = f"no pong within {timeout:g} s"
    except (EndedError, OSError) as ended:
        error = words(ended)
    await line.close()
    return PingResult(socket.path, variant, pong, line.messages, line.close_code, line.close_reason, error)


async def hold(exchange: Exchange, path: str, ping_every: float, limit: float, after: float = 0.0) -> HoldResult:
    """Keep a socket of its own open, in silence or with pings, until it drops or `limit` seconds have passed.

    It is opened `after` so many seconds.
    """
    await asyncio.sleep(after)
    _, socket = await exchange.shake(path)
    if not socket:
        return HoldResult(path, ping_every, 0.0, dropped=True, after=after)
    line, began = Line(socket), time.monotonic()
    line.most = float("inf")  # the other end may talk as much as it likes

    def passed() -> float:
        return time.monotonic() - began

    try:
        while passed() < limit:
            with contextlib.suppress(asyncio.TimeoutError):
                patience = min(ping_every or limit, limit - passed())
                await asyncio.wait_for(line.listen(lambda: False), max(patience, 0.001))
            if ping_every and passed() < limit:
                await asyncio.wait_for(line.ping(), max(limit - passed(), 0.001))
    except (EndedError, OSError, asyncio.TimeoutError):
        return HoldResult(path, ping_every, passed(), dropped=True, close_code=line.close_code, after=after)
    finally:
        await line.close()
    return HoldResult(path, ping_every, passed(), dropped=False, after=after)


async def sizes(
    exchange: Exchange, path: str, largest: int, say: Callable[[str, float], None]
) -> tuple[SizeResult, ...]:
    """Send larger and larger messages, then halve the step between the last that passed and the first that did not."""
    tried: list[SizeResult] = []
    for size in [size for size in SIZES if size < largest] + [largest]:
        say(f"a message of {size} bytes", 0)
        tried.append(await _size(exchange, path, size))
        if not tried[-1].passed:
            break
    while not tried[-1].passed or len(tried) > len(SIZES):
        low = max((each.size for each in tried if each.passed), default=0)
        high = min(each.size for each in tried if not each.passed)
        if high - low <= max(1, high // 64):
            break
        say(f"a message of {(low + high) // 2} bytes", 0)
        tried.append(await _size(exchange, path, (low + high) // 2))
    return tuple(tried)


async def _size(exchange: Exchange, path: str, size: int) -> SizeResult:
    """Send one message on a socket of its own, then a ping; the socket survives when the pong comes."""
    _, socket = await exchange.shake(path, "no-extensions")  # compressed, it would be small on the wire
    if not socket:
        return SizeResult(path, size, passed=False)
    line, passed = Line(socket), False
    with contextlib.suppress(asyncio.TimeoutError, EndedError, OSError):
        await asyncio.wait_for(_send(line, size), exchange.target.timeout)
        passed = True
    await line.close()
    return SizeResult(path, size, passed, line.close_code)


async def _send(line: Line, size: int) -> None:
    line.socket.protocol.send_text(b"x" * size)
    await line.ping()
    await line.listen(lambda: bool(line.pongs))
