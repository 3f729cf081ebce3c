"""The server offers WebSocket over HTTP/2, which browsers then use, and it does not work there."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "WebSocket over HTTP/2 fails"
HOP = "reverse proxy"
FIX = "turn off extended CONNECT (RFC 8441) in the proxy in front of DSS, so that browsers use HTTP/1.1 for sockets"


def proof(evidence: Evidence) -> str | None:
    """Look for a handshake that opens over HTTP/1.1 and does not over HTTP/2."""
    for path in evidence.paths:
        shake = evidence.handshake(path, "http2")
        if evidence.handshake(path).opened and shake.fault and shake.sent:  # what is not sent was not offered
            return f"over HTTP/2 answered {shake.response}, expected 200; over HTTP/1.1 answered 101"
    return None
