"""Detect a URL that has no WebSocket."""

from __future__ import annotations

from checks.findings.advice import BROWSER_URL
from checks.findings.facts import Facts
from checks.findings.rule import Rule
from checks.findings.strays import stray


def detect(facts: Facts) -> str | None:
    """Look for a 404 at one path, beside a WebSocket that opens."""
    if not facts.opened_paths:
        return None
    # Jupyter sends 400 if Upgrade is missing; other servers may send 404 for that too.
    for path in (path for path in facts.evidence.paths if path.startswith("/jupyter/")):
        response = facts.response(path)
        if response.status == 404 and facts.answered_like_plain_get(path):
            return (
                f"{path}: expected 101 Switching Protocols, got {response}, with and without Upgrade;"
                f" {facts.opened_paths[0]} opened"
            )
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a URL that is not found.

    Starlette sends 403 to the handshake, and 404 to a plain GET. A server that sends 400 or 426 to a plain GET has a
    WebSocket there.
    """
    for path in facts.evidence.paths:
        status, plain = facts.response(path).status, facts.plain(path).status
        if (status == 404 and plain not in {400, 426}) or (status == 403 and plain == 404):
            return BROWSER_URL
    return next(filter(None, (stray(facts, path) for path in facts.closed_paths)), None)


RULE = Rule(
    __name__,
    title="There is no WebSocket at this URL",
    hop="server",
    symptom="One notebook or application fails with 404",
    summary="There is no WebSocket at this URL, although the server has others",
    fix="take the URL from the browser's developer tools; a kernel that has ended has no WebSocket any more",
    detect=detect,
    suspect=suspect,
)
