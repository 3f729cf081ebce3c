"""Find out how large a message may be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Callable

from checks.evidence import NO_PONG, OUR_LIMIT, SizeResult

from .errors import describe
from .handshake import MAX_MESSAGE
from .session import Session
from .websocket import CLOSE_TIMEOUT, EndedError, LimitError, Mode, WebSocket

SIZES = [1 << power for power in range(10, 25)]
"""Bytes of the messages that are tried: 1 KiB to 16 MiB."""

PRECISION = 64
"""The search for a size limit ends when it is known to one part in so many."""

LONGER = 3
"""How many times longer a message may take when it is repeated."""

STEPS_AFTER_LOSS = 3
"""How often the search goes on where a message gets no response, because each of them costs the time to wait."""

TOO_BIG = 1009
"""The close code for a message that is too big (RFC 6455, section 7.4.1)."""

PROTOCOL_ERROR = 1002
"""The close code for a frame that must not be there (RFC 6455, section 7.4.1)."""

PATIENCE = 12
"""How many times the time limit of one response a message may take, as long as it makes progress."""


async def sizes(
    session: Session, path: str, largest: int, progress: Callable[[str, float], None]
) -> tuple[tuple[SizeResult, ...], str]:
    """Send larger and larger messages; where one fails, search for the limit.

    Returns the results, and why the search ended early; empty when it did not.
    """
    search = _Search(session, path, progress)
    try:
        await search.run(largest)
    except LimitError as error:
        return tuple(search.results), describe(error)
    return tuple(search.results), ""


class _Search:
    """The search on one path, and its results in order."""

    def __init__(self, session: Session, path: str, progress: Callable[[str, float], None]) -> None:
        self.session, self.path, self.progress = session, path, progress
        self.results: list[SizeResult] = []
        self.modes: list[Mode] = ["whole", "part"] if session.target.is_socket else ["part", "whole"]
        """How messages are sent, best first: the application of DSS gets none, so it rejects none."""

    async def run(self, largest: int) -> None:
        """Try sizes up to the largest, then bisect.

        The limit is between the last size that passed and the first that failed.
        """
        passed, failed = 0, 0
        for size in [*(size for size in SIZES if size < largest), largest]:
            if not await self._passes(size) and not (_is_lost(self.results[-1]) and await self._passes_later(size)):
                failed = size
                break
            passed = size
        lost = bool(failed) and _is_lost(self.results[-1])
        if lost and passed and not await self._passes(passed, patience=LONGER):
            return  # the server is busy, or down
        steps = STEPS_AFTER_LOSS if lost else 64
        while steps and failed - passed > max(1, failed // PRECISION):
            steps -= 1
            middle = (passed + failed) // 2
            if await self._passes(middle):
                passed = middle
            else:
                failed = middle

    async def _passes_later(self, size: int) -> bool:
        """Repeat a message that was lost, and wait longer; forget the loss if it passes."""
        passes = await self._passes(size, patience=LONGER)
        if passes:
            del self.results[-2]
        return passes

    async def _passes(self, size: int, *, patience: float = 1) -> bool:
        self.progress(f"sending a message of {size} bytes", 0)
        result = await _size(self.session, self.path, size, self.modes[0], patience)
        certain = result.close_code == TOO_BIG or (result.error.startswith(NO_PONG) and self.results)
        if not result.passed and not certain:
            result = await self._otherwise(size) or result
        self.results.append(result)
        return result.passed

    async def _otherwise(self, size: int) -> SizeResult | None:
        """Send the message in other ways; return the result if it passes.

        The way that passes is used from then on. An application may reject a message, and a server or a hop a part.
        """
        others: list[Mode] = self.modes[1:] if self.results else [*self.modes[1:], "single"]
        for mode in others:
            result = await _size(self.session, self.path, size, mode)
            if result.passed:
                self.modes = [mode, *(other for other in self.modes if other != mode)]
                return result
        return None


def _is_lost(result: SizeResult) -> bool:
    """Tell whether a message got no response, or only its second frame arrived."""
    return result.error.startswith(NO_PONG) or result.close_code == PROTOCOL_ERROR


async def _size(session: Session, path: str, size: int, mode: Mode, patience: float = 1) -> SizeResult:
    """Send a message, or a part of one, on a new WebSocket, and a ping after it.

    It passed if the pong arrives. Raises LimitError when the peer sends more than we receive.
    """
    # Compression would make the message small. A server may send it back, in JSON or otherwise longer than it was.
    shake, websocket = await session.open_websocket(path, "no-extensions", max_message=MAX_MESSAGE + 2 * size)
    if not websocket:
        return SizeResult(path, size, passed=False, error=f"the handshake failed: {shake.response}")
    websocket.max_received += 2 * size
    timeout, began, error = session.target.timeout * patience, time.monotonic(), ""
    try:
        await _while_progressing(_send(websocket, size, mode), websocket, timeout)
    except LimitError:
        raise
    except asyncio.TimeoutError:
        error = f"{NO_PONG} {timeout:g} s"
    except (EndedError, OSError) as ended:
        error = describe(ended)
    finally:
        await websocket.close()
    return SizeResult(path, size, not error, websocket.close_code, error, time.monotonic() - began)


async def _send(websocket: WebSocket, size: int, mode: Mode) -> None:
    """Send a message and a ping, and receive at the same time until the pong.

    A server may respond, or refuse the message, before it has arrived completely.
    """

    async def message_and_ping() -> None:
        await websocket.send_text(size, mode)
        await websocket.ping()

    sending = asyncio.ensure_future(message_and_ping())
    receiving = asyncio.ensure_future(websocket.receive_pong(1))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_EXCEPTION)
        if sending.done() and sending.exception():
            await asyncio.wait({receiving}, timeout=CLOSE_TIMEOUT)  # a close frame says more than the error of a write
        if receiving.done() or not sending.done():
            await receiving
        await sending
        await receiving
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _while_progressing(step: Coroutine[Any, Any, None], websocket: WebSocket, timeout: float) -> None:
    """Run a step for as long as bytes pass.

    Raises asyncio.TimeoutError after so many seconds without any, and LimitError where it takes too long all the same.
    """
    task = asyncio.ensure_future(step)
    began = last = time.monotonic()
    progress = websocket.progress
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=min(timeout / 10, 0.5))
            now, current = time.monotonic(), websocket.progress
            if current != progress:
                last, progress = now, current
            if now - last > timeout and not task.done():
                raise asyncio.TimeoutError
            if now - began > PATIENCE * timeout and not task.done():
                raise LimitError(f"{OUR_LIMIT} a message took longer than {PATIENCE * timeout:g} s")
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
