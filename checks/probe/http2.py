"""The handshake over HTTP/2 (RFC 8441), which browsers make when the page came over HTTP/2 and the server offers it."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from checks.evidence import Handshake, Response

from .channel import Channel, ConnectError, connect, words
from .exchange import SECRET, Exchange, subprotocols


async def shake(exchange: Exchange, path: str) -> Handshake | None:
    """Make one handshake by extended CONNECT; None where the server speaks no HTTP/2, or does not offer this."""
    target = exchange.target
    try:
        channel, route = await connect(target, exchange.known, trusting=exchange.trusting, alpn=("h2", "http/1.1"))
    except ConnectError:
        return None
    try:
        if route.tls.alpn != "h2":
            return None
        return await asyncio.wait_for(_Stream(exchange, path, channel).shake(), target.timeout)
    except asyncio.TimeoutError:
        error = f"no answer within {target.timeout:g} s"
    except UnicodeError:
        error = "a header of the answer is no text"
    except (OSError, ValueError) as failed:
        error = words(failed)
    finally:
        channel.abort()
    return Handshake(path, "http2", Response(error=error), "no 200")


def kept(headers: Any) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer, but of a cookie only its name."""
    pairs = [(str(name), str(value)) for name, value in headers]
    return tuple((name, value.split("=")[0] if name == "set-cookie" else value) for name, value in pairs)


class _Stream:
    """One connection of HTTP/2 with one stream on it."""

    def __init__(self, exchange: Exchange, path: str, channel: Channel) -> None:
        from h2.config import H2Configuration  # noqa: PLC0415  # slow to import, and only for HTTPS
        from h2.connection import H2Connection  # noqa: PLC0415

        self.exchange, self.path, self.channel = exchange, path, channel
        self.connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))

    async def shake(self) -> Handshake | None:
        from h2.events import RemoteSettingsChanged, ResponseReceived, StreamReset  # noqa: PLC0415
        from h2.exceptions import H2Error  # noqa: PLC0415

        self.connection.initiate_connection()
        await self._until(RemoteSettingsChanged)
        if not self.connection.remote_settings.enable_connect_protocol:
            return None
        headers, began = self._headers(), time.monotonic()
        try:
            self.connection.send_headers(1, headers)
        except H2Error as error:
            raise ValueError("the server left instead of an answer") from error
        event = await self._until(ResponseReceived, StreamReset)
        seconds = time.monotonic() - began
        sent = tuple((name, "***" if name in SECRET else value) for name, value in headers)
        if isinstance(event, StreamReset):
            answer = Response(error=f"the stream was reset with error {int(event.error_code or 0)}", seconds=seconds)
        else:
            pairs = kept(event.headers)
            said = dict(pairs).get(":status", "")
            if not re.fullmatch("[0-9]{3}", said):
                raise ValueError("the answer has no status")
            status = int(said)
            answer = Response(status, "", tuple(pair for pair in pairs if pair[0][:1] != ":"), seconds=seconds)
        return Handshake(self.path, "http2", answer, "" if answer.status == 200 else "no 200", sent)

    def _headers(self) -> list[tuple[str, str]]:
        target = self.exchange.target
        offered = ", ".join(subprotocols(self.path) or [])
        own = {} if self.exchange.trusting else target.headers
        return [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", self.path),
            (":authority", target.authority),
            ("origin", target.origin),
            ("sec-websocket-version", "13"),
            *([("sec-websocket-protocol", offered)] if offered else []),
            *((name.lower(), value) for name, value in own.items()),
        ]

    async def _until(self, *wanted: type) -> Any:
        """Exchange frames until one of these events comes.

        Raises ValueError for what is no HTTP/2.
        """
        from h2.exceptions import H2Error  # noqa: PLC0415

        try:
            while True:
                await self.channel.write(self.connection.data_to_send())
                data = await self.channel.read()
                if not data:
                    raise ValueError("the connection was closed instead of an answer")
                for event in self.connection.receive_data(data):
                    if isinstance(event, wanted):
                        return event
        except H2Error as error:
            raise ValueError(f"this is no HTTP/2: {words(error)}") from error
