"""Nothing answers at this address, so this is no problem of WebSocket."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "network"
FIX = "compare the address with the one in your browser, and ask the network team whether this machine may reach it"

STAGES = {"name": "no address for the name of {host}", "tcp": "no connection to {host}"}


def proof(evidence: Evidence) -> str | None:
    """Look for a connection that ended before anything could be asked."""
    way = evidence.way
    if way.failed not in STAGES or evidence.page.status:
        return None
    who = "the forward proxy " if way.proxy else ""
    tried = ", ".join(contact.address for contact in way.contacts)
    where = f" ({tried})" if tried else ""
    return f"{STAGES[way.failed].format(host=who + way.host)}{where}: {way.error}, expected an answer"


def maybe(evidence: Evidence) -> str | None:
    """Look for a forward proxy that did not get there."""
    if evidence.way.proxy and evidence.way.tunnel.status in {502, 503, 504}:
        return "ask the team that runs the forward proxy whether it may reach this host and port"
    return None
