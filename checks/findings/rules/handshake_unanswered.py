"""Detect a handshake that gets no response."""

from __future__ import annotations

from checks.evidence import Variant
from checks.findings.facts import Facts, timed_out
from checks.findings.rule import Rule

COMPARED: tuple[Variant, ...] = ("", "no-origin")
"""The handshake of a browser, and that of a script."""


def detect(facts: Facts) -> str | None:
    """Look for handshakes that all get no response, where a plain GET gets one."""
    paths = facts.evidence.paths
    if not paths or facts.evidence.health_check.status != 200:
        return None
    # All of them, because the kernel of a busy notebook may respond late.
    for path in paths:
        shakes = [facts.evidence.handshake(path, variant) for variant in COMPARED]
        if not all(timed_out(shake.response) for shake in shakes) or not facts.plain(path).status:
            return None
    return (
        f"expected 101 Switching Protocols, got {facts.response(paths[0])};"
        f" the same request without Upgrade returned {facts.plain(paths[0])}"
    )


RULE = Rule(
    __name__,
    title="The handshake gets no response",
    hop="reverse proxy",
    summary=(
        "The handshake gets no response, although pages load: most often a proxy waits for the end of a "
        "message that never ends"
    ),
    fix="in the proxy in front of DSS, turn on WebSocket, and turn off the buffering of whole requests and responses",
    detect=detect,
)
