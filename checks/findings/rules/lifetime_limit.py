"""Detect a maximum connection lifetime."""

from __future__ import annotations

from checks.findings.advice import TIMEOUTS
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for two WebSockets that drop at different moments, at the same age."""
    pair = facts.held_pair
    # Without a ping, both were idle, and an idle timeout would look the same.
    if not pair or not pair.at_same_age or pair.at_same_moment or not pair.after_pings:
        return None
    idle, pinged = pair.idle, pair.pinged
    return (
        f"expected two WebSockets to stay open, but an idle one dropped after {idle.seconds:.1f} s; one with a ping"
        f" every {pinged.ping_every:.2g} s, opened {pinged.after - idle.after:.1f} s later, dropped after"
        f" {pinged.seconds:.1f} s"
    )


def suspect(facts: Facts) -> str | None:
    """Look for WebSockets that drop, where none lived clearly longer."""
    return TIMEOUTS if facts.all_dropped_in_time else None


RULE = Rule(
    __name__,
    title="A maximum connection lifetime closes the WebSocket",
    hop="any",
    symptom="Works, and loses the connection again and again, always after the same time",
    summary="A hop closes every WebSocket after a fixed time, even while it is in use",
    fix="raise the maximum connection lifetime, not the idle timeout, of the proxy or load balancer in front of DSS",
    detect=detect,
    suspect=suspect,
)
