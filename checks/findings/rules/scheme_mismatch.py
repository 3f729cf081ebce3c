"""Detect a URL with http for a port that serves https, or the reverse."""

from __future__ import annotations

from checks.evidence import NOT_TLS, Response
from checks.findings.facts import Facts
from checks.findings.phrases import TLS_FAILED, TLS_TO_PLAIN
from checks.findings.rule import Rule

PLAIN_TO_TLS = ("https port", "ssl-enabled server port", "http request to an https server")
"""Phrases of nginx, Apache httpd and Go for plain HTTP on a port that serves HTTPS."""

_REJECTED = 400
"""The status codes from here on may come from the wrong port."""


def detect(facts: Facts) -> str | None:
    """Look for a port that responds in the other scheme only."""
    evidence = facts.evidence
    if facts.opened_paths:
        return None
    if not evidence.other_scheme.status:
        return _behind_the_proxy(facts)
    secure = evidence.url.startswith(("https:", "wss:"))
    used, other = ("https", "http") if secure else ("http", "https")
    complains = _complains(evidence.page)
    plain = NOT_TLS in evidence.route.error and not evidence.page.status
    silent = not evidence.page.status and not evidence.route.failed
    if not (plain if secure else silent or complains):
        return _behind_the_proxy(facts)
    return (
        f"expected a page with {used}, got: {evidence.page}; with {other}, the same port sent {evidence.other_scheme}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for the same behind a proxy, or for a proxy whose TLS failed."""
    responses = [facts.evidence.page, *map(facts.response, facts.closed_paths)]
    if any(map(_complains, responses)):
        return (
            "write https:// before the host and port of the server in the config of the proxy, or use its port for"
            " HTTP. The response reports that HTTP arrived at a port for HTTPS"
        )
    if any(_phrase(response, TLS_FAILED, 500) for response in responses):
        return (
            "look at the scheme of the server in the proxy config: a proxy could not complete TLS with that server. If"
            " the port serves plain HTTP, as DSS does by default, use http or ws there. Otherwise check its certificate"
        )
    return None


def _complains(response: Response) -> bool:
    """Tell whether a server got HTTP on a port that serves HTTPS."""
    return response.status == _REJECTED and bool(_phrase(response, PLAIN_TO_TLS, _REJECTED))


def _behind_the_proxy(facts: Facts) -> str | None:
    """Look for a proxy that connects to a server in the wrong scheme."""
    evidence = facts.evidence
    secure, page = evidence.url.startswith(("https:", "wss:")), evidence.page
    own_scheme = secure or 0 < page.status < _REJECTED or NOT_TLS in evidence.other_scheme.error
    for response in [page, *map(facts.response, facts.closed_paths)]:
        if phrase := _phrase(response, TLS_TO_PLAIN, 500):
            return f"expected a response from the server, got {response} with the words {phrase!r}"
        if own_scheme and (phrase := _phrase(response, PLAIN_TO_TLS, _REJECTED)):
            return (
                f"expected a response from the server, got {response} with the words {phrase!r}; the port of the URL"
                " itself does not send them"
            )
    return None


def _phrase(response: Response, phrases: tuple[str, ...], least: int) -> str:
    """Return the first of these phrases in the body of an error, or an empty string."""
    body = response.body.lower()
    return next((phrase for phrase in phrases if response.status >= least and phrase in body), "")


RULE = Rule(
    __name__,
    title="HTTP and HTTPS are mixed up",
    hop="network",
    symptom="The page does not load, or shows an SSL protocol error",
    summary="A URL has http and the port serves https, or the reverse: your URL, or the one in the proxy",
    fix="use the other scheme in the URL, or another port, in the link or in the proxy that has this URL",
    detect=detect,
    suspect=suspect,
)
