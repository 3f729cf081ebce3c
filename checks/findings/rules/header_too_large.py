"""Detect a limit on request headers that cookies exceed."""

from __future__ import annotations

from checks.evidence import Response
from checks.findings.facts import Facts
from checks.findings.rule import Rule

PHRASES = ("too large", "too long", "too big", "exceeds server limit")
"""Phrases of nginx, Go, lighttpd, IIS, Squid and Apache httpd."""


def detect(facts: Facts) -> str | None:
    """Look for a handshake that is rejected because its cookies are large."""
    for path in facts.evidence.paths:
        response, bare = facts.response(path), facts.evidence.handshake(path, "no-cookies")
        if response.status not in {400, 413, 431} or bare.response.status in {0, response.status}:
            continue
        # A bare 400 is about the cookies if every request with them fails, and a WebSocket opens without.
        same_everywhere = facts.evidence.page.status == facts.evidence.health_check.status == response.status
        if _is_about_size(response) or (same_everywhere and bare.opened):
            return f"expected 101 Switching Protocols, got {response}; without cookies, it returned {bare.response}"
    return None


def _is_about_size(response: Response) -> bool:
    """Tell whether a response is about the size of headers (RFC 6585, section 5)."""
    text = f"{response.reason} {response.body}".lower()
    return response.status == 431 or any(phrase in text for phrase in PHRASES)


RULE = Rule(
    __name__,
    title="The request headers are too large",
    hop="reverse proxy",
    symptom="Fails for one user, and works in a private window of the same browser",
    summary="A proxy or a server rejects requests with large headers, and cookies make them large",
    fix=(
        "raise the limit on request headers in the proxy in front of DSS to 32 KB, or delete old cookies of its "
        "domain. Look for large_client_header_buffers in nginx, and for tune.bufsize in HAProxy"
    ),
    detect=detect,
)
