"""The opening handshake (RFC 6455, section 4.1).

Builds its request, and judges whether a browser accepts the response.
"""

from __future__ import annotations

import functools

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from checks.evidence import Pairs, Response, Variant

from .browsers import HANDSHAKES, Family, filled
from .errors import describe
from .target import Target

MAX_MESSAGE = 4 << 20
"""Bytes of the longest message that is received, unless a longer one may be echoed."""

UPGRADE_HEADERS = [
    "Upgrade",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
]
"""The headers that make a GET an opening handshake (RFC 6455, section 4.1), besides Connection."""

LEFT_OUT: dict[Variant, list[str]] = {
    "no-upgrade": UPGRADE_HEADERS,
    "no-origin": ["Origin"],
    "no-cookies": ["Cookie"],
    "no-extensions": ["Sec-WebSocket-Extensions"],
}
"""The headers that each variant does not send."""

CONNECTION: dict[Variant, str] = {"no-upgrade": "keep-alive", "keep-alive": "keep-alive, Upgrade"}
"""The values of Connection that are not the browser's."""


FAMILY_OF: dict[Variant, Family] = {"firefox": "firefox", "safari": "safari"}
"""The family of browsers whose handshake a variant is; Chromium's for every other variant."""


ADDED: dict[Variant, dict[str, str]] = {"forwarded-https": {"X-Forwarded-Proto": "https"}}
"""The headers that each variant sends in addition."""


class Opening:
    """One handshake: its request, and the protocol that judges the response."""

    def __init__(
        self, target: Target, path: str, variant: Variant, headers: Pairs, *, max_message: int = MAX_MESSAGE
    ) -> None:
        family: Family = FAMILY_OF.get(variant, "")
        self.protocol = ClientProtocol(
            _parsed(target.origin.replace("http", "ws", 1) + path),
            subprotocols=subprotocols(path),
            extensions=[] if variant == "no-extensions" else [ClientPerMessageDeflateFactory()],
            max_size=max_message,
        )
        protocols = ", ".join(subprotocols(path) or [])
        pairs = filled(HANDSHAKES[family], target, headers, key=self.protocol.key, protocols=protocols)
        changed = [(name, CONNECTION.get(variant, value) if name == "Connection" else value) for name, value in pairs]
        left_out = {name.lower() for name in LEFT_OUT.get(variant, [])}
        kept = [pair for pair in changed if pair[0].lower() not in left_out]
        self.request = Request(self.protocol.uri.resource_name, Headers([*kept, *ADDED.get(variant, {}).items()]))

    def fault(self, response: Response, raw: bytes) -> str:
        """Return why a browser rejects this response; empty when it does not.

        `raw` is the response as it arrived.
        """
        if response.status != 101:
            return "the status code is not 101"
        self.protocol.send_request(self.request)  # so that the protocol knows the request
        self.protocol.data_to_send()
        self.protocol.receive_data(_handshake_headers(raw))
        if self.protocol.handshake_exc:
            return describe(self.protocol.handshake_exc)
        if self.protocol.available_subprotocols and not self.protocol.subprotocol:
            return "the response selects no subprotocol, and browsers require one"  # WHATWG, stricter than RFC 6455
        return ""


def subprotocols(path: str) -> list[Subprotocol] | None:
    """Return the subprotocols that a page of DSS 9.0.5 offers on this path."""
    return [Subprotocol("dummy")] if path.startswith("/dip/websocket") else None


@functools.lru_cache
def _parsed(url: str) -> WebSocketURI:
    """Parse a URL once for all handshakes that it gets."""
    return parse_uri(url)


def _handshake_headers(raw: bytes) -> bytes:
    """Return a response without the headers that play no part in a handshake.

    Browsers allow more and longer headers than the protocol does.
    """
    head, _, rest = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    kept = [line for line in lines if line.lower().startswith((b"upgrade", b"connection", b"sec-websocket-"))]
    return b"\r\n".join([status_line[:80], *kept, b"", rest])
