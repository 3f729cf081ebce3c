"""Detect a redirect of the handshake to nearly the same URL."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from checks.findings.facts import REDIRECTS, Facts
from checks.findings.responders import location
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a redirect that only changes scheme, port, slashes or case."""
    page = facts.evidence.page
    for path in facts.evidence.paths:
        response = facts.response(path)
        if response.status not in REDIRECTS:
            continue
        target, plain = location(response), facts.plain(path)
        if page.status == 200 and _nearly_the_same(facts.evidence.url, path, target):
            return f"expected 101 Switching Protocols, got {response} to {target}; the page returned {page}"
        if plain.status not in {0, *REDIRECTS} and _to_websocket(target):
            return (
                f"expected 101 Switching Protocols, got {response} to {target}; the same request without Upgrade"
                f" returned {plain}"
            )
    return None


def _to_websocket(target: str) -> bool:
    """Tell whether a redirect leads to a WebSocket URL, and so not to a sign-in."""
    return target.lower().startswith(("ws://", "wss://"))


def _nearly_the_same(url: str, path: str, target: str) -> bool:
    """Tell whether it leads to the same URL in another form, or to a WebSocket URL.

    A sign-in is elsewhere, and never at a ws:// or wss:// URL.
    """
    try:
        here = urljoin(re.sub("^ws", "http", url), path)  # a relative redirect of a WebSocket URL has no scheme
        one, other = urlsplit(here), urlsplit(urljoin(here, target))
    except ValueError:  # half a bracket, from a hostile server
        return False
    # Rewrite rules often lose the query. A redirect that only removes the query has another reason.
    moved = one[:3] != other[:3] and other.query in {"", one.query}
    return _to_websocket(target) or (moved and _normalized(one) == _normalized(other))


def _normalized(url: SplitResult) -> tuple[str | None, str]:
    return url.hostname, url.path.strip("/").lower()


RULE = Rule(
    __name__,
    title="The handshake is redirected",
    hop="reverse proxy",
    symptom="Fails at once with 301, 302, 307 or 308",
    summary="The handshake gets a redirect, and browsers do not follow redirects of a WebSocket",
    fix="make the proxy in front of DSS respond at the URL of the WebSocket itself, without a redirect",
    detect=detect,
)
