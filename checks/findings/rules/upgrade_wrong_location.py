"""Detect a proxy that forwards Upgrade for some URLs only."""

from __future__ import annotations

from checks.findings.advice import BROWSER_URL
from checks.findings.arrival import difference, missing_upgrade
from checks.findings.facts import Facts
from checks.findings.rule import Rule
from checks.findings.strays import stray


def detect(facts: Facts) -> str | None:
    """Look for a plain GET at one path, beside a WebSocket that opens."""
    if not facts.opened_paths:
        return None
    for path in filter(facts.lost_upgrade, facts.evidence.paths):
        miss = facts.complaint(path)
        same = f', which reports "{miss.phrase}"' if miss else ", with and without Upgrade"
        if (shake := facts.evidence.handshake(path)).arrived:
            same = "".join(f"; {difference(shake, name)}" for name in missing_upgrade(shake))
        other = f"{facts.opened_paths[0]} opened"
        return f"{path}: expected 101 Switching Protocols, got {facts.response(path)}{same}; {other}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a 404 at one path, beside a WebSocket that opens."""
    for path in filter(facts.answered_like_plain_get, facts.evidence.paths):
        if facts.opened_paths and facts.response(path).status == 404:
            return BROWSER_URL
    if len(facts.evidence.paths) > 1 and not facts.opened_paths:
        return None
    return next(filter(None, (stray(facts, path) for path in facts.closed_paths)), None)


RULE = Rule(
    __name__,
    title="The proxy forwards Upgrade for some URLs only",
    hop="reverse proxy",
    symptom="Notifications work but notebooks do not, or the reverse",
    summary="A proxy forwards the Upgrade header for some URLs of DSS, and drops it for others",
    fix="make the proxy treat every URL of DSS alike: one rule for / that forwards Upgrade and Connection",
    detect=detect,
    suspect=suspect,
)
