"""Tell whether the request for a WebSocket went to the wrong place."""

from __future__ import annotations

from checks.findings.advice import NOBODY, ONE_PAGE
from checks.findings.facts import Facts, same
from checks.findings.responders import may_be_nobodys

WEBSOCKET_SERVER = {400, 426}
"""Status codes of a WebSocket server for a plain GET."""


def stray(facts: Facts, path: str) -> str:
    """Return advice on a page that no WebSocket server may have sent."""
    response, plain, page = facts.response(path), facts.plain(path), facts.evidence.page
    if may_be_nobodys(response, plain, page):
        return NOBODY
    return ONE_PAGE if same(response, plain) and front_page(facts, path) else ""


def only_handshake_strays(facts: Facts, path: str) -> bool:
    """Tell whether only the upgrade request gets the response of another URL.

    A WebSocket server rejects the plain GET, so there is one at this URL.
    """
    elsewhere = facts.response(path).status == 404 or front_page(facts, path)
    return elsewhere and facts.plain(path).status in WEBSOCKET_SERVER


def front_page(facts: Facts, path: str) -> bool:
    """Tell whether this path gets the page that is at /."""
    response, page = facts.response(path), facts.evidence.page
    alike = response.status == page.status == 200 and response.body == page.body != ""
    return alike and path.partition("?")[0] != "/"
