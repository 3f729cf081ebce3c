"""Detect a hop that breaks WebSocket compression."""

from __future__ import annotations

from checks.evidence import Handshake, PingResult
from checks.findings.facts import Facts, unreadable
from checks.findings.rule import Rule

EXTENSION = "permessage-deflate"
"""The extension that browsers offer (RFC 7692)."""


def detect(facts: Facts) -> str | None:
    """Look for a WebSocket that breaks with the extension, and works without."""
    for path in facts.evidence.paths:
        shake, ping = facts.evidence.handshake(path), facts.evidence.ping_on(path)
        bare, bare_ping = facts.evidence.handshake(path, "no-extensions"), facts.evidence.ping_on(path, "no-extensions")
        if not bare.opened or not bare_ping or bare_ping.error:
            continue
        if _breaks(shake, ping):
            error = ping.error if ping and ping.error else shake.fault
            return f"with {EXTENSION} offered, expected a pong, got: {error}; without the offer, the pong arrived"
        if ping and ping.frame_error and bare_ping.frame_sent and not bare_ping.frame_error:
            return (
                f"with {EXTENSION} agreed on, expected a pong after a compressed frame, got: {ping.frame_error};"
                " without the offer, the pong arrived after the same frame, uncompressed"
            )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for frames that cannot be read, with or without compression."""
    if any(map(unreadable, facts.evidence.pings)):
        return "a frame could not be read: run diagnose on another computer and on another network"
    return None


def _breaks(shake: Handshake, ping: PingResult | None) -> bool:
    rejected = shake.response.status == 101 and "extension" in shake.fault.lower()
    return rejected or (ping is not None and unreadable(ping))


RULE = Rule(
    __name__,
    title="A proxy breaks WebSocket compression",
    hop="any",
    symptom="Opens, fails at the first message, and the console shows “Invalid frame header”",
    summary="A proxy or security software changes compressed WebSocket frames, so they cannot be read",
    fix="make the proxy or the security software forward frames and Sec-WebSocket-Extensions unchanged",
    detect=detect,
    suspect=suspect,
)
