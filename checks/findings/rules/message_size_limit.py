"""Detect a limit on the size of messages."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule

TOO_BIG = 1009
"""The close code for a message that is too big (RFC 6455, section 7.4.1)."""

ADVICE = (
    "run the same command at the port of DSS itself, without the proxy: if the large messages pass there, a gateway in"
    " front of it has a limit"
)


def detect(facts: Facts) -> str | None:
    """Look for close code 1009 above the largest message that passes."""
    passed = [size.size for size in facts.evidence.sizes if size.passed]
    failed = [size for size in facts.evidence.sizes if not size.passed]
    # Another close code, or none, may be about the content of the message.
    if not passed or not failed or any(size.size <= max(passed) or size.close_code != TOO_BIG for size in failed):
        return None
    return (
        f"a message of {max(passed)} bytes passed, but one of {min(size.size for size in failed)} bytes got close code"
        f" {TOO_BIG} (message too big)"
    )


def suspect(facts: Facts) -> str | None:
    """Look for large messages at which the WebSocket ends in another way."""
    return ADVICE if facts.ends_above else None


RULE = Rule(
    __name__,
    title="A message size limit closes the WebSocket",
    hop="any",
    symptom="A notebook loses its connection at a large table or picture, with close code 1009",
    summary="A hop, or the server, closes the WebSocket if a message is larger than a limit",
    fix=(
        "raise the message size limit of the gateway in front of DSS; if DSS itself sends this close code, "
        "the limit is its own"
    ),
    detect=detect,
    suspect=suspect,
)
