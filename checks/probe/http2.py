"""The handshake over HTTP/2 (RFC 8441).

Browsers make it if the page came over HTTP/2 and the server offers it.
"""

from __future__ import annotations

import re
import time
from typing import Any

from checks.evidence import CLOSED, Handshake, Response

from .browsers import HTTP2, filled
from .connect import ConnectError
from .errors import describe
from .handshake import subprotocols
from .http1 import without_cookie_values
from .secrets import masked
from .session import Session
from .stream import Stream, within

NOT_200 = "the status code is not 200"
"""Why a browser rejects the response to an extended CONNECT."""


async def handshake(session: Session, path: str) -> Handshake | None:
    """Make one handshake by extended CONNECT.

    Returns None where the server does not offer that, or HTTP/2 at all.
    """
    try:
        stream, route = await session.connect(alpn=("h2", "http/1.1"))
    except ConnectError:
        return None
    try:
        if route.tls.alpn != "h2":
            return None
        return await within(session.target.timeout, _ExtendedConnect(session, path, stream).run())
    except UnicodeError:
        error = "a response header is not valid text"
    except (OSError, ValueError) as failed:
        error = describe(failed)
    finally:
        stream.abort()
    return Handshake(path, "http2", Response(error=error), NOT_200)


class _ExtendedConnect:
    """An HTTP/2 connection with a single stream."""

    def __init__(self, session: Session, path: str, stream: Stream) -> None:
        from h2.config import H2Configuration  # noqa: PLC0415  # slow to import, and only for HTTPS
        from h2.connection import H2Connection  # noqa: PLC0415

        self.session, self.path, self.stream = session, path, stream
        self.connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))

    async def run(self) -> Handshake | None:
        """Return the handshake; None where the server does not offer extended CONNECT.

        Raises OSError and ValueError, the latter for what is not HTTP/2.
        """
        from h2.events import RemoteSettingsChanged, ResponseReceived, StreamReset  # noqa: PLC0415
        from h2.exceptions import H2Error  # noqa: PLC0415

        self.connection.initiate_connection()
        await self._receive(RemoteSettingsChanged)
        if not self.connection.remote_settings.enable_connect_protocol:
            return None
        headers, began = self._headers(), time.monotonic()
        try:
            self.connection.send_headers(1, headers)
        except H2Error as error:
            raise ValueError(f"the server {CLOSED} before it sent a response") from error
        event = await self._receive(ResponseReceived, StreamReset)
        response = _response(event, time.monotonic() - began)
        fault = "" if response.status == 200 else NOT_200
        return Handshake(self.path, "http2", response, fault, masked(headers))

    def _headers(self) -> list[tuple[str, str]]:
        user = tuple((name.lower(), value) for name, value in self.session.headers)
        protocols = ", ".join(subprotocols(self.path) or [])
        return filled(HTTP2, self.session.target, user, path=self.path, protocols=protocols)

    async def _receive(self, *wanted: type) -> Any:
        """Exchange frames until one of these events arrives.

        Raises ValueError for what is not HTTP/2.
        """
        from h2.exceptions import H2Error  # noqa: PLC0415

        try:
            while True:
                await self.stream.write(self.connection.data_to_send())
                data = await self.stream.read()
                if not data:
                    raise ValueError(f"the server {CLOSED} before it sent a response")
                for event in self.connection.receive_data(data):
                    if isinstance(event, wanted):
                        return event
        except H2Error as error:
            raise ValueError(f"the response is not valid HTTP/2: {describe(error)}") from error


def _response(event: Any, seconds: float) -> Response:
    """Return the head of a response, or why the stream was reset.

    Raises ValueError for a response without a status code.
    """
    from h2.events import StreamReset  # noqa: PLC0415

    if isinstance(event, StreamReset):
        error = f"the server reset the HTTP/2 stream with error {int(event.error_code or 0)}"
        return Response(error=error, seconds=seconds)
    headers = without_cookie_values((str(name), str(value)) for name, value in event.headers)
    status = dict(headers).get(":status", "")
    if not re.fullmatch("[0-9]{3}", status):
        raise ValueError("the response has no status code")
    return Response(int(status), "", tuple(pair for pair in headers if pair[0][:1] != ":"), seconds=seconds)
