"""Detect a URL with http for a port that serves https, or the reverse."""

from __future__ import annotations

from checks.evidence import NOT_TLS, Response
from checks.findings.facts import Facts
from checks.findings.rule import Rule

PLAIN_TO_TLS = ("https port", "ssl-enabled server port", "http request to an https server")
"""Phrases of nginx, Apache httpd and Go for plain HTTP on a port that serves HTTPS."""


def detect(facts: Facts) -> str | None:
    """Look for a port that responds in the other scheme only."""
    evidence = facts.evidence
    if not evidence.other_scheme.status or facts.opened_paths:
        return None
    secure = evidence.url.startswith(("https:", "wss:"))
    used, other = ("https", "http") if secure else ("http", "https")
    complains = _complains(evidence.page)
    plain = NOT_TLS in evidence.route.error and not evidence.page.status
    silent = not evidence.page.status and not evidence.route.failed
    if not (plain if secure else silent or complains):
        return None
    return (
        f"expected a page with {used}, got: {evidence.page}; with {other}, the same port sent {evidence.other_scheme}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for the same complaint from a port behind a proxy."""
    if any(map(_complains, (facts.evidence.page, *map(facts.response, facts.closed_paths)))):
        return (
            "write https:// before the host and port of the server in the config of the proxy, or use its port for"
            " HTTP. The response reports that HTTP arrived at a port for HTTPS"
        )
    return None


def _complains(response: Response) -> bool:
    """Tell whether a server got HTTP on a port that serves HTTPS."""
    return response.status == 400 and any(phrase in response.body.lower() for phrase in PLAIN_TO_TLS)


RULE = Rule(
    __name__,
    title="HTTP and HTTPS are mixed up",
    hop="network",
    summary="The URL has http and the port serves https, or the reverse",
    fix="use the other scheme in the URL, or another port, and correct the link or the proxy that has this URL",
    detect=detect,
    suspect=suspect,
)
