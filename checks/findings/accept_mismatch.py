"""The answer to the handshake belongs to another handshake: Sec-WebSocket-Accept does not fit the key that was sent."""

from __future__ import annotations

import base64
import hashlib
import re

from checks.evidence import Evidence

TITLE = "The response does not match the handshake key"
HOP = "reverse proxy"
FIX = "make the proxy pass on Sec-WebSocket-Key as it came, and cache no handshake"


def proof(evidence: Evidence) -> str | None:
    """Compare the answer with what RFC 6455, section 4.2.2, derives from the key."""
    for path in evidence.paths:
        shake = evidence.handshake(path)
        got, key = shake.response.header("Sec-WebSocket-Accept"), dict(shake.sent).get("Sec-WebSocket-Key", "")
        if shake.response.status != 101 or not got or not key or expected(key) in re.split(", *", got):
            continue
        return f"answered 101 with Sec-WebSocket-Accept: {got}, expected {expected(key)} to the key {key}"
    return None


def expected(key: str) -> str:
    """Return the accept value for a key."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
    digest = hashlib.sha1((key + guid).encode()).digest()  # noqa: S324  # what the RFC says
    return base64.b64encode(digest).decode()
