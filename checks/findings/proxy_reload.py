"""All sockets were closed at once, in silence or not: something was restarted or reloaded."""

from __future__ import annotations

from checks.evidence import Evidence, Hold

HOP = "any"
FIX = "make reloads keep open connections, as our configs do where the proxy can"

TOGETHER = 1.0
"""Seconds between the ends of two sockets that end together."""


def proof(evidence: Evidence) -> str | None:
    """Look for two sockets that are told together that the other end goes away (close code 1001 or 1012)."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if not (_together(silent, pinged) and silent and pinged):
        return None
    if {silent.close_code, pinged.close_code} <= {1001, 1012}:
        return (
            f"both sockets, the silent one and the one with pings, were closed after {silent.seconds:.1f} s with code"
            f" {silent.close_code} (going away), expected to stay open"
        )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for two sockets that end together without a word."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if _together(silent, pinged):
        return "run it again: after the same time again it is a limit on age, at another time it was a reload"
    return None


def _together(silent: Hold | None, pinged: Hold | None) -> bool:
    ended = silent and pinged and silent.dropped and pinged.dropped and silent.seconds > 0 < pinged.seconds
    return bool(ended and silent and pinged and abs(silent.seconds - pinged.seconds) < TOGETHER)
