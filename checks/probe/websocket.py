"""An open WebSocket: send pings and messages, count what arrives, close."""

from __future__ import annotations

import asyncio
import secrets
from typing import Callable, Literal

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from checks.evidence import CLOSED, OUR_LIMIT

from .errors import describe
from .stream import Stream, wait_for

PING = b"diagnose"
"""The payload of a ping before its number, which its pong must repeat (RFC 6455, section 5.5.3)."""

CHUNK = 64 << 10
"""Bytes of a large message that are sent at a time, so that its progress can be seen; a multiple of 4."""

MAX_BYTES_BEFORE_PONG = 4 << 20
"""Bytes that are received while waiting for a pong."""

CONTINUATION, TEXT, FIN = 0, 1, 0x80
"""Opcodes, and the bit of the last frame of a message (RFC 6455, section 5.2)."""

Mode = Literal["part", "whole", "single"]
"""How a large message is sent: without its end, so that no application gets it, in two frames, or in a single one."""

CLOSE_TIMEOUT = 0.5
"""Seconds in which the peer must accept our close frame."""


class EndedError(Exception):
    """The WebSocket ended."""


class UnreadableError(EndedError):
    """The peer sent a frame that breaks RFC 6455."""


class LimitError(EndedError):
    """The peer sent more than we receive: the limit is ours, not a fault of theirs."""


class WebSocket:
    """An open WebSocket: the protocol encodes and decodes, the stream transports."""

    def __init__(self, path: str, stream: Stream, protocol: ClientProtocol) -> None:
        self.path, self.stream, self.protocol = path, stream, protocol
        self.messages = self.pings = self._received = self._written = 0
        self.answered: set[int] = set()
        self.max_received: float = MAX_BYTES_BEFORE_PONG
        self._inside_a_frame = False

    @property
    def close_code(self) -> int:
        """The code in the peer's close frame; 0 without one."""
        received = self.protocol.close_rcvd
        return int(received.code) if received else 0

    @property
    def close_reason(self) -> str:
        """The reason in the peer's close frame."""
        received = self.protocol.close_rcvd
        return received.reason if received else ""

    @property
    def compresses(self) -> bool:
        """Whether both ends agreed on compression."""
        return bool(self.protocol.extensions)

    @property
    def progress(self) -> tuple[int, int, int]:
        """The bytes that were received, handed over, and not yet confirmed."""
        return self._received, self._written, self.stream.unsent()

    async def ping(self) -> None:
        """Send a ping (RFC 6455, section 5.5.2), with the next number."""
        if self.protocol.state is State.OPEN:
            self.pings += 1
            self.protocol.send_ping(PING + b" %d" % self.pings)
        await self._flush()

    async def begin_message(self) -> None:
        """Send the first frame of a message that never ends, so no application gets it.

        It is compressed if both ends agreed on compression.
        """
        if self.protocol.state is State.OPEN:
            self.protocol.send_text(b" ", fin=False)
        await self._flush()

    async def send_text(self, size: int, mode: Mode) -> None:
        """Send an uncompressed message of so many bytes, in chunks.

        The last byte is in a frame of its own, which the server can read only if the first frame arrived, too. The
        protocol's own frames wait until the message is complete.
        """
        last = 0 if mode == "single" else 1
        self._inside_a_frame = True
        await self._send_frame(TEXT | (FIN if mode == "single" else 0), size - last)
        if last:
            await self._send_frame(CONTINUATION | (FIN if mode == "whole" else 0), last)
        self._inside_a_frame = False

    async def _send_frame(self, first: int, size: int) -> None:
        mask = secrets.token_bytes(4)
        chunk = bytes(byte ^ ord("x") for byte in mask) * (CHUNK // 4)
        await self._write(bytes([first]) + _masked_length(size) + mask)
        for begin in range(0, size, CHUNK):
            await self._write(chunk[: size - begin])

    async def receive_pong(self, *numbers: int) -> None:
        """Receive until the pong of one of these pings arrives, by default of the last.

        Raises EndedError when the WebSocket ends first.
        """
        wanted = set(numbers or [self.pings])
        await self._receive(lambda: bool(wanted & self.answered))

    async def receive_until_end(self) -> None:
        """Receive until the WebSocket ends, which raises EndedError."""
        await self._receive(lambda: False)

    async def _receive(self, complete: Callable[[], bool]) -> None:
        while True:
            self._count_frames()
            if complete():
                return
            self._raise_if_ended()
            await self._flush()
            data = await self.stream.read()
            self._received += len(data)
            if self._received > self.max_received:
                sent = f"{self.max_received / (1 << 20):.0f} MiB"
                raise LimitError(f"{OUR_LIMIT} the server sent more than {sent} and no pong")
            if not data:
                raise EndedError(f"the server {CLOSED} without a close frame")
            self.protocol.receive_data(data)

    def _count_frames(self) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                number = _pong_number(event)
                self.messages += not number
                self.answered |= {number} if number else set()

    def _raise_if_ended(self) -> None:
        error = self.protocol.parser_exc
        if isinstance(error, PayloadTooBig):
            raise LimitError(f"{OUR_LIMIT} {describe(error)}")
        if error:
            raise UnreadableError(describe(error))
        if self.close_code:
            raise EndedError(f"the server closed the WebSocket with code {self.close_code}")

    async def _flush(self) -> None:
        """Send what the protocol has queued, unless a frame is being sent."""
        if self._inside_a_frame:
            return
        for data in self.protocol.data_to_send():
            if data:
                await self._write(data)

    async def _write(self, data: bytes) -> None:
        await self.stream.write(data)
        self._written += len(data)

    async def close(self) -> None:
        """Send a close frame, and close without waiting for the peer's."""
        if self._inside_a_frame:  # a close frame would become a part of it
            self.abort()
            return
        try:
            if self.protocol.state is State.OPEN:
                self.protocol.send_close(1000)
            await wait_for(self._flush(), CLOSE_TIMEOUT)
            self.stream.close()
        except (OSError, RuntimeError, asyncio.TimeoutError):  # a peer that does not read gets no close frame
            self.stream.abort()
        self.free()

    def abort(self) -> None:
        """Close at once, without a close frame."""
        self.stream.abort()
        self.free()

    def free(self) -> None:
        """Free the compressors, which are large; no message can follow.

        The protocol itself waits for the garbage collector.
        """
        self.protocol.extensions = []


def _pong_number(frame: Frame) -> int:
    """Return the number of the ping that this frame answers; 0 for any other frame."""
    prefix, _, number = bytes(frame.data).rpartition(b" ") if frame.opcode is Opcode.PONG else (b"", b"", b"")
    return int(number) if prefix == PING and number.isdigit() else 0


def _masked_length(size: int) -> bytes:
    """Return the length in the head of a masked frame (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes([0x80 | size])
    if size < 1 << 16:
        return b"\xfe" + size.to_bytes(2, "big")
    return b"\xff" + size.to_bytes(8, "big")
