"""An open WebSocket: send pings and messages, count what arrives, close."""

from __future__ import annotations

import asyncio
from typing import Callable

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from checks.evidence import CLOSED

from .errors import describe
from .stream import Stream

PING = b"diagnose"
"""The payload of a ping, which its pong must repeat (RFC 6455, section 5.5.3)."""

MAX_BYTES_BEFORE_PONG = 4 << 20
"""Bytes that are received while waiting for a pong."""

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
        self.messages = self.pongs = self._received = 0
        self.max_received: float = MAX_BYTES_BEFORE_PONG

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

    async def ping(self) -> None:
        """Send a ping (RFC 6455, section 5.5.2)."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_ping(PING)
        await self._flush()

    async def send_text(self, text: bytes) -> None:
        """Send a message."""
        self.protocol.send_text(text)
        await self._flush()

    async def receive_pong(self) -> None:
        """Receive until a pong to one of our pings arrives.

        Raises EndedError when the WebSocket ends first.
        """
        await self._receive(lambda: bool(self.pongs))

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
                raise LimitError(f"the server sent more than {self.max_received / (1 << 20):.0f} MiB and no pong")
            if not data:
                raise EndedError(f"the server {CLOSED} without a close frame")
            self.protocol.receive_data(data)

    def _count_frames(self) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                is_pong = event.opcode is Opcode.PONG and event.data == PING
                self.messages += not is_pong
                self.pongs += is_pong

    def _raise_if_ended(self) -> None:
        error = self.protocol.parser_exc
        if isinstance(error, PayloadTooBig):
            raise LimitError(describe(error))
        if error:
            raise UnreadableError(describe(error))
        if self.close_code:
            raise EndedError(f"the server closed the WebSocket with code {self.close_code}")

    async def _flush(self) -> None:
        """Send what the protocol has queued."""
        for data in self.protocol.data_to_send():
            if data:
                await self.stream.write(data)

    async def close(self) -> None:
        """Send a close frame, and close without waiting for the peer's."""
        try:
            if self.protocol.state is State.OPEN:
                self.protocol.send_close(1000)
            await asyncio.wait_for(self._flush(), CLOSE_TIMEOUT)
            self.stream.close()
        except (OSError, RuntimeError, asyncio.TimeoutError):  # a peer that does not read gets no close frame
            self.stream.abort()
        self._free()

    def abort(self) -> None:
        """Close at once, without a close frame."""
        self.stream.abort()
        self._free()

    def _free(self) -> None:
        """Free the compressors, which are large.

        The protocol itself waits for the garbage collector.
        """
        self.protocol.extensions = []
