"""The page itself forbids its WebSocket, by a Content-Security-Policy that something added."""

from __future__ import annotations

from urllib.parse import urlsplit

from checks.evidence import Evidence

TITLE = "A Content-Security-Policy blocks the WebSocket"
HOP = "reverse proxy"
FIX = "add the address of the socket to connect-src: 'self', or wss:// and the name of DSS"


def proof(evidence: Evidence) -> str | None:
    """Look for a policy of the page that allows no connection to the page's own host over WebSocket."""
    if evidence.named_a_socket or not evidence.page.status == evidence.health_check.status == 200:
        return None  # a redirect, an error or an API forbids everything, and is not the page that opens the socket
    for policy in evidence.page.header("Content-Security-Policy").split(","):
        sources = _sources(policy)
        if sources is not None and not any(_allows(source, evidence.url) for source in sources):
            return f"the page says connect-src {' '.join(sources) or chr(39) + 'none' + chr(39)}, expected 'self' in it"
    return None


def _sources(policy: str) -> list[str] | None:
    """Return what connect-src allows, or what default-src does without one (CSP 3, section 6.1.2)."""
    directives: dict[str, list[str]] = {}
    for words in (part.split() for part in policy.split(";")):
        if words:
            directives.setdefault(words[0].lower(), words[1:])  # the first of a name counts
    return directives.get("connect-src", directives.get("default-src"))


def _allows(source: str, url: str) -> bool:
    """Tell whether a source may allow the socket; when in doubt it may."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:  # half a bracket, from evidence that somebody wrote
        return True
    source = source.lower()
    if source == "'none'" or source.startswith(("'nonce-", "'sha", "data:", "blob:", "'unsafe", "'report")):
        return False
    if source in {"http:", "https:"}:  # a scheme alone upgrades to no other kind
        return False
    if source.startswith(("http://", "https://")):
        return False
    return source in {"*", "'self'", "ws:", "wss:"} or host in source or "*" in source
