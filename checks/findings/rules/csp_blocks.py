"""Detect a Content-Security-Policy that blocks the WebSocket of its own page."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a policy that allows no WebSocket to the host of the page."""
    if facts.is_websocket_url or not all(page.status == 200 for page in facts.pages):
        return None  # redirects, errors and APIs forbid everything, and are not the page that opens the WebSocket
    for policy in facts.evidence.page.header("Content-Security-Policy").split(","):
        sources = _sources(policy)
        if sources is not None and not any(_allows(source, facts.host) for source in sources):
            allowed = " ".join(sources) or "'none'"
            return f"expected 'self' in the connect-src of the page, got {allowed}"
    return None


def _sources(policy: str) -> list[str] | None:
    """Return the sources of connect-src, or of default-src (CSP 3, section 6.1.2)."""
    directives: dict[str, list[str]] = {}
    for words in (part.split() for part in policy.split(";")):
        if words:
            directives.setdefault(words[0].lower(), words[1:])  # the first of a name counts
    return directives.get("connect-src", directives.get("default-src"))


def _allows(source: str, host: str) -> bool:
    """Tell whether a source may allow a WebSocket to this host."""
    source = source.lower()
    if source == "'none'" or source.startswith(("'nonce-", "'sha", "data:", "blob:", "'unsafe", "'report")):
        return False
    if source in {"http:", "https:"}:  # a scheme alone does not cover ws or wss
        return False
    if source.startswith(("http://", "https://")):
        return False
    return source in {"*", "'self'", "ws:", "wss:"} or host.lower() in source or "*" in source


RULE = Rule(
    __name__,
    title="A Content-Security-Policy blocks the WebSocket",
    hop="reverse proxy",
    summary="The page has a Content-Security-Policy that blocks its own WebSocket",
    fix="add the origin of the WebSocket to connect-src: 'self', or wss:// and the host name of DSS",
    detect=detect,
)
