"""The same handshake opens a socket one time and not the next."""

from __future__ import annotations

from collections import Counter

from checks.evidence import Evidence
from checks.findings import LIMITED

TITLE = "Only some handshakes succeed"
HOP = "any"
FIX = (
    "look at each server that stands behind this address, one by one, at an address of its own; where all are alike,"
    " look for a limit on connections"
)

TOO_MANY = {429, 503}
"""What limits answer (RFC 6585, section 4; nginx's limit_req and limit_conn unless told)."""


def proof(evidence: Evidence) -> str | None:
    """Count what came of handshakes that are the same; refusals for their number alone are no proof."""
    for path in evidence.inconsistent_paths:
        tries = evidence.tries(path)
        refused = [shake.response for shake in tries if not shake.opened]
        if all(answer.status in TOO_MANY for answer in refused):
            continue
        said = ", ".join(f"{count} x {answer}" for answer, count in Counter(map(str, refused)).most_common(3))
        return f"of {len(tries)} handshakes, all the same, {len(tries) - len(refused)} opened; the others: {said}"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for the same where what refused may have counted."""
    return LIMITED if evidence.inconsistent_paths else None
