"""Detect a hop that buffers responses."""

from __future__ import annotations

from checks.evidence import NO_PONG, PingResult, Variant
from checks.findings.facts import Facts
from checks.findings.rule import Rule

PINGED: tuple[Variant, ...] = ("", "no-extensions")
"""The handshakes after which a ping is sent."""


def detect(facts: Facts) -> str | None:
    """Look for WebSockets that open, stay open, and send no pong."""
    # DSS sends pongs, but the server of any other WebSocket URL may not.
    return None if facts.is_websocket_url else _no_data(facts)


def suspect(facts: Facts) -> str | None:
    """Look for the same at any WebSocket URL."""
    return "open the same WebSocket on the server itself, without a proxy, and compare" if _no_data(facts) else None


def _no_data(facts: Facts) -> str | None:
    evidence = facts.evidence
    opened = [(path, each) for path in evidence.paths for each in PINGED if evidence.handshake(path, each).opened]
    sent = [ping for path, each in opened if (ping := evidence.ping_on(path, each))]
    if not sent:
        return None
    expected = "after 101 Switching Protocols, expected a pong (RFC 6455)"
    if all(map(_is_silent, sent)):
        return f"{expected}, got {sent[0].error} and no other byte"
    if all(map(_is_one_late, sent)):
        return f"{expected}, got {sent[0].error}; it arrived only after a second ping, whose own pong did not"
    return None


def _is_silent(ping: PingResult) -> bool:
    return ping.error.startswith(NO_PONG) and not (ping.messages or ping.close_code or ping.late or ping.unreadable)


def _is_one_late(ping: PingResult) -> bool:
    return ping.error.startswith(NO_PONG) and ping.late > 0 and not ping.second and not ping.close_code


RULE = Rule(
    __name__,
    title="A proxy buffers WebSocket messages",
    hop="any",
    symptom="No error, but nothing on the page refreshes",
    summary="The WebSocket opens, and then a hop holds data back: until the response ends, or until more data comes",
    fix="turn off response buffering in the proxies in front of DSS",
    detect=detect,
    suspect=suspect,
)
