"""Test open WebSocket connections.

Does a pong arrive, how long does the connection live, how large may a message be?
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from typing import Callable

from checks.evidence import NO_PONG, HoldResult, PingResult, SizeResult, Variant

from .errors import describe
from .handshake import MAX_MESSAGE
from .session import Session
from .websocket import EndedError, LimitError, UnreadableError, WebSocket

PING_EVERY = 15.0
"""Seconds; the interval at which the page of DSS pings its own WebSocket (seen on DSS 9.0.5)."""

SIZES = [1 << power for power in range(10, 25)]
"""Bytes of the messages that are tried: 1 KiB to 16 MiB."""

PRECISION = 64
"""The search for a size limit ends when it is known to one part in so many."""


async def ping(websocket: WebSocket, variant: Variant, timeout: float) -> PingResult:
    """Send a ping, wait for its pong, and close."""
    began, error, pong, unreadable = time.monotonic(), "", 0.0, False
    try:
        await websocket.ping()
        await asyncio.wait_for(websocket.receive_pong(), timeout)
        pong = time.monotonic() - began
    except asyncio.TimeoutError:
        error = f"{NO_PONG} {timeout:g} s"
    except (EndedError, OSError) as ended:
        error, unreadable = describe(ended), isinstance(ended, UnreadableError)
    await websocket.close()
    code, reason = websocket.close_code, websocket.close_reason
    return PingResult(websocket.path, variant, pong, websocket.messages, code, reason, error, unreadable)


async def hold(session: Session, path: str, ping_every: float, limit: float, delay: float = 0.0) -> HoldResult:
    """Open a WebSocket after `delay` seconds, and keep it open for `limit` seconds.

    Ends early when the connection drops. With `ping_every` 0, nothing is sent.
    """
    await asyncio.sleep(delay)
    _, websocket = await session.open_websocket(path)
    if not websocket:
        return HoldResult(path, ping_every, 0.0, dropped=True, after=delay)
    websocket.max_received = float("inf")
    began = time.monotonic()
    dropped = await _drops(websocket, ping_every, limit)
    seconds = time.monotonic() - began
    await websocket.close()
    return HoldResult(path, ping_every, seconds, dropped, websocket.close_code if dropped else 0, delay)


async def _drops(websocket: WebSocket, ping_every: float, limit: float) -> bool:
    """Wait and ping for `limit` seconds; return whether the peer ends it before."""
    end = time.monotonic() + limit

    def remaining() -> float:
        return end - time.monotonic()

    async def run(step: Awaitable[None], seconds: float) -> None:
        await asyncio.wait_for(step, max(seconds, 0.001))

    try:
        while remaining() > 0:
            with contextlib.suppress(asyncio.TimeoutError):
                await run(websocket.receive_until_end(), min(ping_every or limit, remaining()))
            if ping_every and remaining() > 0:
                await run(websocket.ping(), remaining())
    except LimitError:
        return False
    except (EndedError, OSError, asyncio.TimeoutError):
        return True
    return False


async def sizes(
    session: Session, path: str, largest: int, progress: Callable[[str, float], None]
) -> tuple[tuple[SizeResult, ...], str]:
    """Send larger and larger messages; where one fails, search for the limit.

    Returns the results, and why the search ended early; empty when it did not.
    """
    results: list[SizeResult] = []

    async def passes(size: int) -> bool:
        progress(f"sending a message of {size} bytes", 0)
        results.append(await _size(session, path, size))
        return results[-1].passed

    try:
        await _search(passes, largest)
    except LimitError as error:
        return tuple(results), describe(error)
    return tuple(results), ""


async def _search(passes: Callable[[int], Awaitable[bool]], largest: int) -> None:
    """Try sizes up to the largest, then bisect.

    The limit is between the last size that passed and the first that failed.
    """
    passed, failed = 0, 0
    for size in [*(size for size in SIZES if size < largest), largest]:
        if not await passes(size):
            failed = size
            break
        passed = size
    while failed - passed > max(1, failed // PRECISION):
        middle = (passed + failed) // 2
        if await passes(middle):
            passed = middle
        else:
            failed = middle


async def _size(session: Session, path: str, size: int) -> SizeResult:
    """Send one message on a new WebSocket, and a ping after it.

    The message passed if the pong arrives. Raises LimitError when the peer sends more than we receive.
    """
    # Compression would make the message small. A server may send it back, in JSON or otherwise longer than it was.
    _, websocket = await session.open_websocket(path, "no-extensions", max_message=MAX_MESSAGE + 2 * size)
    if not websocket:
        return SizeResult(path, size, passed=False)
    websocket.max_received += 2 * size
    passed = False
    try:
        await asyncio.wait_for(_send(websocket, size), session.target.timeout)
        passed = True
    except LimitError:
        raise
    except (asyncio.TimeoutError, EndedError, OSError):
        pass
    finally:
        await websocket.close()
    return SizeResult(path, size, passed, websocket.close_code)


async def _send(websocket: WebSocket, size: int) -> None:
    await websocket.send_text(b"x" * size)
    await websocket.ping()
    await websocket.receive_pong()
