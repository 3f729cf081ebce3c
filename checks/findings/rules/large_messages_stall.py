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
    """Look for a large message that is lost twice, and one that then passes."""
    sizes = facts.evidence.sizes
    again = _second_failure(sizes)
    if not facts.lost_above or again is None:
        return None
    lost, later = sizes[again], [size.size for size in sizes[again + 1 :] if size.passed]
    if not later or _may_be_slow(lost, [size for size in sizes if size.passed]):
        return None
    smallest = min(size.size for size in sizes if not size.passed)
    before = next(_outcome(size) for size in sizes if size.size == lost.size and not size.passed)
    outcome = f"{before}, twice" if before == _outcome(lost) else f"{before}, then {_outcome(lost)}"
    return (
        f"expected a pong after a message of {lost.size} bytes, got {outcome}; the smallest that failed"
        f" has {smallest} bytes, and one of {max(later)} bytes passed afterwards"
    )


def suspect(facts: Facts) -> str | None:
    """Look for large messages without a response, or without a close frame."""
    if facts.lost_above:
        return "repeat this test with a longer --timeout: a slow or busy server looks like this, too"
    dropped = facts.ends_above and not any(size.close_code for size in facts.evidence.sizes)
    return ADVICE if dropped else None


def _outcome(size: SizeResult) -> str:
    if size.close_code:
        return f"close code {size.close_code}, as if its first frame had not arrived"
    return f"{size.error} and no close frame"


def _second_failure(sizes: tuple[SizeResult, ...]) -> int | None:
    """Return the place of the first message that failed for the second time."""
    failed = [size.size if not size.passed else 0 for size in sizes]
    return next((place for place, size in enumerate(failed) if size and size in failed[:place]), None)


def _may_be_slow(lost: SizeResult, passed: list[SizeResult]) -> bool:
    """Tell whether a message could pass later, at the pace of those that did."""
    largest = max(size.size for size in passed)
    pace = max(size.seconds for size in passed if size.size == largest) / max(largest, 1)
    return not lost.close_code and lost.seconds < SLOWER * pace * lost.size


RULE = Rule(
    __name__,
    title="Large messages do not get through",
    hop="any",
    symptom="Works until a large message, and then nothing arrives any more",
    summary="Small messages pass, but those above some size are lost",
    fix=(
        "run the same command on another network and on the DSS machine, to find the hop that stops large "
        "messages. In a VPN or tunnel, lower the packet size (MTU). In a firewall or security software that scans"
        " the messages of WebSockets, turn that off for the host name of DSS"
    ),
    detect=detect,
    suspect=suspect,
)
