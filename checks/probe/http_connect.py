"""Ask an HTTP proxy for a tunnel (RFC 9110, section 9.3.6)."""

from __future__ import annotations

import base64
import contextlib
import time
from dataclasses import replace

import h11

from checks.evidence import Response

from .browsers import user_agent
from .http1 import BODY_LIMIT, Http1Reader, response_head
from .stream import Stream, within
from .target import Target

BODY_TIMEOUT = 1.0
"""Seconds for the rest of a response whose head has arrived."""


async def open_tunnel(stream: Stream, target: Target) -> Response:
    """Return the proxy's response to CONNECT.

    When its status is 2xx, `stream` now reaches the target. Raises ValueError when the proxy sends no valid response.
    """
    authority, began = f"{target.bracketed}:{target.port}", time.monotonic()
    known = [("Host", authority), ("Proxy-Connection", "keep-alive"), ("User-Agent", user_agent(target))]
    headers = [*known, *credentials(target)]
    reader = Http1Reader(stream, h11.Request(method="CONNECT", target=authority, headers=headers), "proxy")
    await stream.write(reader.request)
    event = await reader.next_event()
    while isinstance(event, h11.InformationalResponse):
        event = await reader.next_event()
    response = response_head(event, time.monotonic() - began)
    if 200 <= response.status < 300:
        stream.push_back(reader.unparsed)
        return response
    return replace(response, body=await _body(reader))


async def _body(reader: Http1Reader) -> str:
    """Return the beginning of the body, in which a proxy gives its reason."""
    body = bytearray()

    async def read() -> None:
        while len(body) < BODY_LIMIT and isinstance(event := await reader.next_event(), h11.Data):
            body.extend(event.data)

    with contextlib.suppress(OSError, ValueError):
        await within(BODY_TIMEOUT, read())
    return body[:BODY_LIMIT].decode(errors="replace")


def credentials(target: Target) -> list[tuple[str, str]]:
    """Return the header that authenticates us at a forward proxy (RFC 7617).

    Empty without a user name.
    """
    proxy = target.proxy
    if not (proxy and proxy.username):
        return []
    encoded = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    return [("Proxy-Authorization", f"Basic {encoded}")]
