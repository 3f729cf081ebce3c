"""Detect a restart or a reload that closes every WebSocket."""

from __future__ import annotations

from checks.findings.advice import RESTART
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for two WebSockets that drop at the same moment, at different ages."""
    pair = facts.held_pair
    if not pair or not pair.at_same_moment or pair.at_same_age:
        return None
    idle, pinged = pair.idle, pair.pinged
    return (
        f"expected two WebSockets to stay open, but an idle one and one with pings, opened"
        f" {pinged.after - idle.after:.1f} s apart, dropped at the same moment, {idle.after + idle.seconds:.1f} s after"
        " the first opened"
    )


def suspect(facts: Facts) -> str | None:
    """Look for a WebSocket that dropped, where others did not drop at the same age."""
    return RESTART if facts.dropped_differently else None


RULE = Rule(
    __name__,
    title="A proxy reload closes the WebSocket",
    hop="any",
    symptom="All users lose the connection at the same moment",
    summary="Every WebSocket closed at the same moment, idle or in use: a hop was restarted or reloaded",
    fix="configure the proxy to keep connections open when it reloads, as our configs do where the proxy can",
    detect=detect,
    suspect=suspect,
)
