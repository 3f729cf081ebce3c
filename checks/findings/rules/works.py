"""Detect that nothing is wrong."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Return what was verified; only valid if no cause is proven."""
    if not facts.works:
        return None
    evidence = facts.evidence
    one = len(evidence.paths) == 1
    opened = f"{len(evidence.paths)} WebSocket{'' if one else 's'} opened"
    repeated = sum(map(len, facts.every_attempt(evidence.paths[0])))
    count = f"{repeated} times" if repeated > 1 else "once"
    times = f" {count}" if one else f", the first one {count},"
    page = [f"the page returned {evidence.page}"] if evidence.page.status else []
    proof = [*page, f"{opened}{times}{_answered(facts)}"]
    proof += [
        f"{'an idle one' if not hold.ping_every else 'one with pings'} stayed open for {hold.seconds:.0f} s"
        f"{' and still answered a ping' if hold.answered else ''}"
        for hold in evidence.holds
    ]
    if evidence.sizes:
        proof.append(f"messages up to {max(size.size for size in evidence.sizes)} bytes passed")
    return "; ".join(proof)


def _answered(facts: Facts) -> str:
    """Return how many of the WebSockets got a ping, and answered it."""
    paths = facts.evidence.paths
    pinged = [path for path in paths if facts.evidence.ping_on(path)]
    if len(pinged) == len(paths):
        return " and answered a ping"
    return f", and {len(pinged)} of them answered a ping" if pinged else ""


RULE = Rule(
    __name__,
    title="WebSocket works",
    hop="server",
    symptom="No error on this route",
    summary="Nothing breaks WebSocket on this route",
    fix="nothing to do here; if a browser still shows the error, run diagnose on the network where it does",
    detect=detect,
)
