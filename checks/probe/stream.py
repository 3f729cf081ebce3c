"""A byte stream over TCP, and deadlines for everything that waits on it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable
from typing import TypeVar

from checks.evidence import NO_RESPONSE

READ_SIZE = 65536
"""Bytes; the most that one `read` returns."""

Result = TypeVar("Result")


class DeadlineError(OSError):
    """The peer did not respond in time."""


async def wait_for(step: Awaitable[Result], seconds: float) -> Result:
    """Return the result of a step; raise asyncio.TimeoutError when it takes longer.

    Unlike `asyncio.wait_for` before Python 3.12, it never loses a cancellation that comes together with the result:
    Ctrl-C would be ignored.
    """
    task = asyncio.ensure_future(step)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        late = task.cancel()  # False if it is done
    if late:
        await asyncio.wait({task})
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


async def within(seconds: float, step: Awaitable[Result]) -> Result:
    """Return the result of a step that may take so many seconds.

    Raises DeadlineError when it takes longer.
    """
    try:
        return await wait_for(step, seconds)
    except asyncio.TimeoutError:
        raise DeadlineError(f"{NO_RESPONSE} {seconds:g} s") from None


class Stream:
    """Bytes to and from the other end of a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._pushed_back = reader, writer, b""

    async def read(self) -> bytes:
        """Return the next bytes, at most READ_SIZE; empty at the end of the stream."""
        pushed_back, self._pushed_back = self._pushed_back, b""
        if not pushed_back:
            await asyncio.sleep(0)  # a peer that never stops sending leaves no other moment for a deadline
        return pushed_back or await self._reader.read(READ_SIZE)

    def push_back(self, data: bytes) -> None:
        """Push bytes back; the next `read` returns them first."""
        self._pushed_back = data + self._pushed_back

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait while the send buffer is full."""
        self._writer.write(data)
        await self._writer.drain()

    def unsent(self) -> int:
        """Return how many of our bytes the TCP peer has not yet confirmed.

        Where the system does not count them, only those that are still in this process.
        """
        transport, queued = self._writer.transport, 0
        with contextlib.suppress(ImportError, OSError, AttributeError, ValueError):
            import fcntl  # noqa: PLC0415  # not on Windows
            import termios  # noqa: PLC0415

            number = transport.get_extra_info("socket").fileno()
            (queued,) = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, bytes(4)))
        return transport.get_write_buffer_size() + queued

    def close(self) -> None:
        """Send what is buffered, and close without waiting for the peer."""
        self._writer.close()

    def abort(self) -> None:
        """Close at once, and drop what is buffered."""
        self._writer.transport.abort()
