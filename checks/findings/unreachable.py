"""Nothing answers at this address, so this is no problem of WebSocket."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "The server cannot be reached"
HOP = "network"
FIX = "compare the address with the one in your browser, and ask the network team whether this machine may reach it"

STAGES = {"name": "no address for the name of {host}", "tcp": "no connection to {host}"}


def proof(evidence: Evidence) -> str | None:
    """Look for a connection that ended before anything could be asked."""
    route = evidence.route
    if route.failed not in STAGES or evidence.page.status:
        return None
    who = "the forward proxy " if route.proxy else ""
    tried = ", ".join(attempt.address for attempt in route.attempts)
    where = f" ({tried})" if tried else ""
    return f"{STAGES[route.failed].format(host=who + route.host)}{where}: {route.error}, expected an answer"


def maybe(evidence: Evidence) -> str | None:
    """Look for a forward proxy that did not get there."""
    if evidence.route.proxy and evidence.route.tunnel.status in {502, 503, 504}:
        return "ask the team that runs the forward proxy whether it may reach this host and port"
    return None
