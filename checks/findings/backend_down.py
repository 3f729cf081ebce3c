"""A proxy says that the server behind it does not answer, so this is no problem of WebSocket."""

from __future__ import annotations

from checks.evidence import CLOSED, Evidence, Response

TITLE = "The reverse proxy cannot reach DSS"
HOP = "server"
FIX = "start DSS, or end its maintenance, or correct where the proxy in front of it looks: host, port, http or https"


KNOWS_NONE = ("no server is available to handle this request", "backend fetch failed", "application is not available")
"""What HAProxy, Varnish and the router of OpenShift say, also where they know no server for the name that was asked."""

GETS_NONE = ("temporarily unable to service your", "upstream connect error", "no healthy upstream", "lighttpd/")
"""What Apache httpd and Envoy say of a server that does not answer; lighttpd says 503 of nothing else."""

TRIED = 2.0
"""Seconds; who has tried takes longer: HAProxy makes 3 retries a second apart, Varnish waits 3.5 s, unless told."""


def proof(evidence: Evidence) -> str | None:
    """Look for a gateway's complaint on the health check, and on the page or a socket."""
    asked = [evidence.handshake(path) for path in evidence.paths]
    others = [evidence.page, *(shake.response for shake in asked)]
    if _of_the_forward_proxy(evidence) or any(shake.opened for shake in asked):
        return None
    if not (_complains(evidence.health_check) and any(map(_complains, others))) or _may_know_none(evidence):
        return None
    return (
        f"the health check of DSS answered {evidence.health_check}, expected 200 OK; the page answered {evidence.page}"
    )


def maybe(evidence: Evidence) -> str | None:
    """Look for what a proxy says of a name that it does not know as well."""
    if not (_complains(evidence.health_check) and _may_know_none(evidence)):
        return None
    return (
        "give the address as the browser shows it, for the proxy may know DSS by that name only; if it is that one,"
        " see whether DSS runs"
    )


def _may_know_none(evidence: Evidence) -> bool:
    """Tell whether perhaps no server was tried: that was said at once, and no handshake came so far as to break."""
    said = f"{evidence.health_check.reason} {evidence.health_check.body}".lower()
    closed = any(CLOSED in evidence.handshake(path).response.error for path in evidence.paths)
    tried = min(evidence.page.seconds, evidence.health_check.seconds) >= TRIED or closed
    return any(words in said for words in KNOWS_NONE) and not tried


def _of_the_forward_proxy(evidence: Evidence) -> bool:
    """Tell whether the complaint may be that of the reader's own proxy: without it the same was not seen."""
    direct = [shake.response for shake in evidence.handshakes if shake.variant == "direct"]
    return bool(evidence.route.proxy) and not (direct and all(map(_complains, direct)))


def _complains(answer: Response) -> bool:
    """Tell whether a proxy says here that the server behind it does not answer (RFC 9110, section 15.6)."""
    if answer.status != 503:
        return answer.status in {502, 504}
    # In other words it is a limit, a circuit breaker, or a pause that somebody planned.
    said = f"{answer.reason} {answer.body} {answer.header('Server')}".lower()
    return any(words in said for words in (*KNOWS_NONE, *GETS_NONE)) or bool(answer.header("X-Squid-Error"))
