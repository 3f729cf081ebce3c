"""Detect identical handshakes with different outcomes."""

from __future__ import annotations

from collections import Counter

from checks.findings import limits
from checks.findings.advice import LIMIT
from checks.findings.facts import TOO_MANY, Facts, timed_out
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Count the outcomes of identical handshakes, apart from those of a limit."""
    if limits.proof(facts):
        return None
    for path in facts.inconsistent_paths:
        attempts = facts.inconsistent_attempts(path)
        rejected = [shake.response for shake in attempts if not shake.opened]
        if all(response.status in TOO_MANY or timed_out(response) for response in rejected):
            continue
        most = ", ".join(f"{count} x {response}" for response, count in Counter(map(str, rejected)).most_common(3))
        opened = len(attempts) - len(rejected)
        return (
            f"expected the same response each time, but {opened} of {len(attempts)} handshakes opened; others: {most}"
        )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for different outcomes that a limit may explain."""
    return LIMIT if facts.inconsistent_paths else None


RULE = Rule(
    __name__,
    title="Only some handshakes succeed",
    hop="any",
    symptom="Fails only sometimes, and a reload may help",
    summary="The same handshake succeeds one time and fails the next",
    fix=(
        "check each server behind the load balancer, at a URL of its own; if all respond alike, look for a "
        "limit on connections"
    ),
    detect=detect,
    suspect=suspect,
)
