"""One HTTP/1.1 request and its response; every size and every wait is limited."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import h11
from websockets.http11 import Request

from checks.evidence import CLOSED, Response

from .errors import describe
from .stream import Stream, within

BODY_LIMIT = 4096
"""Bytes of a response body that are read."""

MAX_HEAD = 65536
"""Bytes of the longest response head that is read."""

INVALID = {
    "too long": f"the response head is longer than {MAX_HEAD >> 10} KiB",
    "_SWITCH": "the server switched to another protocol without being asked to",
}
"""Our words for errors of h11, by a part of its message."""


class Http1Reader:
    """Parse the response to one request, event by event."""

    def __init__(self, stream: Stream, request: h11.Request, peer: str = "server") -> None:
        self.stream, self.peer, self.raw = stream, peer, bytearray()
        self._connection = h11.Connection(h11.CLIENT, MAX_HEAD)
        with _readable_errors():
            self.request = self._connection.send(request) or b""

    @property
    def unparsed(self) -> bytes:
        """The bytes that came after the last event."""
        return self._connection.trailing_data[0]

    async def next_event(self) -> Any:
        """Return the next event of the response.

        `raw` then holds the bytes since the last interim response.

        Raises ValueError for what is not HTTP/1.1, and when the peer closes the connection first.
        """
        while True:
            with _readable_errors():
                event = self._connection.next_event()
            if event is not h11.NEED_DATA:
                break
            data = await self.stream.read()
            if not data and self._connection.their_state is h11.SEND_RESPONSE:
                raise ValueError(f"the {self.peer} {CLOSED} before it sent a response")
            self.raw += data
            self._connection.receive_data(data)
        if isinstance(event, h11.InformationalResponse) and event.status_code != 101:
            self.raw[:] = self.unparsed
        return event


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn errors of h11 into ValueError with words for users."""
    try:
        yield
    except h11.LocalProtocolError as error:
        raise ValueError("the request is not valid HTTP/1.1") from error
    except h11.RemoteProtocolError as error:
        message = next((words for part, words in INVALID.items() if part in str(error)), "")
        raise ValueError(message or "the response is not valid HTTP/1.1") from error


async def send(stream: Stream, request: Request, timeout: float) -> tuple[Response, bytes]:
    """Send a request; return its response and the bytes that it was parsed from.

    When the time is over, or the peer breaks the response off, what has arrived by then counts.
    """
    began, transfer = time.monotonic(), _Transfer(stream, request)
    try:
        await within(timeout, transfer.run())
    except (OSError, ValueError) as error:
        if not transfer.response.status:
            return Response(error=describe(error), seconds=time.monotonic() - began), b""
    body = decompressed(transfer.body, transfer.response.header("Content-Encoding"))
    return replace(transfer.response, body=body[:BODY_LIMIT].decode(errors="replace")), transfer.raw


class _Transfer:
    """A request, and what has arrived of its response."""

    def __init__(self, stream: Stream, request: Request) -> None:
        self.stream, self.request = stream, request
        self.response, self.raw, self.body = Response(), b"", b""

    async def run(self) -> None:
        began = time.monotonic()
        # h11 only parses the response. It requires Host, and must know whether an upgrade was requested.
        fields = [(name, value) for name, value in self.request.headers.raw_items() if name in {"Host", "Upgrade"}]
        reader = Http1Reader(self.stream, h11.Request(method="GET", target=self.request.path, headers=fields))
        await self.stream.write(self.request.serialize())
        while len(self.body) < BODY_LIMIT:
            event = await reader.next_event()
            if isinstance(event, (h11.Response, h11.InformationalResponse)):
                self.response, self.raw = response_head(event, time.monotonic() - began), bytes(reader.raw)
                if event.status_code == 101:
                    return
            elif isinstance(event, h11.Data):
                self.body += event.data
            else:
                return


def decompressed(body: bytes, encoding: str) -> bytes:
    """Return the beginning of a body, decompressed.

    The body stays as it is if it has no compression that we offered.
    """
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return body
    for window_bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # gzip or zlib; some servers send bare deflate
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(window_bits).decompress(body, BODY_LIMIT)
    return body


def response_head(event: h11.Response | h11.InformationalResponse, seconds: float) -> Response:
    """Return the head of a response as evidence."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    return Response(event.status_code, event.reason.decode("latin-1"), without_cookie_values(headers), seconds=seconds)


def without_cookie_values(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return headers with only the names of cookies: people share evidence."""
    return tuple((name, value.split("=")[0] if name == "set-cookie" else value) for name, value in headers)
