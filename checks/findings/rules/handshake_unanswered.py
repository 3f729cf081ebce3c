"""Detect a handshake that gets no response."""

from __future__ import annotations

from checks.evidence import Variant
from checks.findings.facts import Facts, timed_out
from checks.findings.rule import Rule

COMPARED: tuple[Variant, ...] = ("", "no-origin")
"""The handshake of a browser, and that of a script."""

GATEWAY_TIMEOUT = 504
"""The status code of a proxy that got no response in time (RFC 9110, section 15.6.5)."""


def detect(facts: Facts) -> str | None:
    """Look for handshakes without a response, not even late, unlike a plain GET."""
    alone = [each.response for each in facts.second_look.at("alone") if each.upgrade]
    if not (_unanswered(facts) and alone and all(map(timed_out, alone))):
        return None
    return (
        f"expected 101 Switching Protocols, got {alone[-1]};"
        f" the same request without Upgrade returned {facts.plain(facts.evidence.paths[0])}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for the same where the test did not wait longer, or a proxy did not."""
    look = facts.second_look
    if look.only_handshake_fails and look.handshake and look.handshake.response.status == GATEWAY_TIMEOUT:
        return (
            "look for the handshake in the log of the server, because a proxy got no response to it in time. If it is"
            " missing there, look for it in the logs of the proxies in between"
        )
    if _unanswered(facts) and not facts.second_look.handshake:
        return "run diagnose again with --timeout 60, because a slow server may respond later"
    return None


def _unanswered(facts: Facts) -> bool:
    paths = facts.evidence.paths
    if not paths or not (facts.is_websocket_url or facts.evidence.health_check.status == 200):
        return False
    # All of them, because the kernel of a busy notebook may respond late.
    shakes = [facts.evidence.handshake(path, variant) for path in paths for variant in COMPARED]
    return all(timed_out(shake.response) for shake in shakes) and all(facts.plain(path).status for path in paths)


RULE = Rule(
    __name__,
    title="The handshake gets no response",
    hop="reverse proxy",
    symptom="No error for minutes, while the developer tools show the WebSocket as pending",
    summary=(
        "The handshake gets no response, although other requests get one: most often a proxy waits for the end of a"
        " message that never ends"
    ),
    fix="in the proxy in front of DSS, turn on WebSocket, and turn off the buffering of whole requests and responses",
    detect=detect,
    suspect=suspect,
)
