"""All sockets were closed at one moment, the silent one and the busy one: something was restarted or reloaded."""

from __future__ import annotations

from checks.evidence import Evidence, HoldResult

TITLE = "A proxy reload closes the WebSocket"
HOP = "any"
FIX = "make reloads keep open connections, as our configs do where the proxy can"

TOGETHER = 0.5
"""Seconds between two ends that are one."""


def proof(evidence: Evidence) -> str | None:
    """Look for two sockets, opened at different moments, that end at the same."""
    ended = both_ended(evidence)
    if not ended:
        return None
    silent, pinged = ended
    if same_moment(silent, pinged) and not same_age(silent, pinged):
        return (
            f"two sockets, opened {pinged.after - silent.after:.1f} s apart, one silent and one with pings, ended at"
            f" one moment, {silent.after + silent.seconds:.1f} s after the first was opened; expected to stay open"
        )
    return None


def both_ended(evidence: Evidence) -> tuple[HoldResult, HoldResult] | None:
    """Return the silent socket and the one with pings, if both were open and both dropped."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if silent and pinged and silent.dropped and pinged.dropped and silent.seconds and pinged.seconds:
        return silent, pinged
    return None


def same_moment(silent: HoldResult, pinged: HoldResult) -> bool:
    """Tell whether both ended at one moment."""
    return abs(silent.after + silent.seconds - pinged.after - pinged.seconds) < TOGETHER


def same_age(silent: HoldResult, pinged: HoldResult) -> bool:
    """Tell whether both ended at one age."""
    return abs(silent.seconds - pinged.seconds) < TOGETHER
