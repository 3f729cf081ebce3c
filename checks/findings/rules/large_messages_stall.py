"""Detect a hop that lets small messages pass, and no large ones."""

from __future__ import annotations

from checks.evidence import SizeResult
from checks.findings.facts import Facts
from checks.findings.rule import Rule

ADVICE = (
    "run the same command on another network, and at the port of DSS itself: where the large messages pass, no hop"
    " stops them"
)

SLOWER = 10
"""A message counts as lost after so many times the time that one of its size should take."""


def detect(facts: Facts) -> str | None:
    """Look for a large message that was lost twice, and for a smaller one that passed afterwards."""
    sizes = facts.evidence.sizes
    again = _second_failure(sizes)
    if not facts.lost_above or again is None or not any(size.passed for size in sizes[again + 1 :]):
        return None
    failed, passed = [size for size in sizes if not size.passed], [size for size in sizes if size.passed]
    if _may_be_slow(sizes[again], passed):
        return None
    largest, smallest = max(size.size for size in passed), min(size.size for size in failed)
    return (
        f"expected a pong after each message, but one of {sizes[again].size} bytes got {_outcome(sizes[again])}, twice;"
        f" the smallest that failed has {smallest} bytes, and messages of up to {largest} bytes passed, before and"
        " afterwards"
    )


def suspect(facts: Facts) -> str | None:
    """Look for large messages that got no response in time, or ended the WebSocket without a close frame."""
    if facts.lost_above:
        return "repeat this test with a longer --timeout: a slow or busy server looks like this, too"
    dropped = facts.ends_above and not any(size.close_code for size in facts.evidence.sizes)
    return ADVICE if dropped else None


def _outcome(size: SizeResult) -> str:
    if size.close_code:
        return f"close code {size.close_code}, as if its first frame had not arrived"
    return f"{size.error} and no close frame"


def _second_failure(sizes: tuple[SizeResult, ...]) -> int | None:
    """Return the place of the first message that failed with the same size as one before."""
    failed = [size.size if not size.passed else 0 for size in sizes]
    return next((place for place, size in enumerate(failed) if size and size in failed[:place]), None)


def _may_be_slow(lost: SizeResult, passed: list[SizeResult]) -> bool:
    """Tell whether the message could have passed later, at the pace of those that did."""
    largest = max(size.size for size in passed)
    pace = max(size.seconds for size in passed if size.size == largest) / max(largest, 1)
    return not lost.close_code and lost.seconds < SLOWER * pace * lost.size


RULE = Rule(
    __name__,
    title="Large messages do not get through",
    hop="any",
    summary="Small messages pass, but above some size they get stuck on the way, and nobody closes the WebSocket",
    fix=(
        "compare with a computer on another network: a hop that inspects messages, or a VPN or tunnel with a smaller"
        " packet size (MTU), stops them; add an exception for the host name of DSS, or lower the MTU of that tunnel"
    ),
    detect=detect,
    suspect=suspect,
)
