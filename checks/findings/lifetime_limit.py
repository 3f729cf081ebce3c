"""Something on the way lets no socket live longer than a fixed time, however much is said on it."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings import idle_timeout
from checks.findings.proxy_reload import both_ended, same_age, same_moment

TITLE = "A maximum connection lifetime closes the WebSocket"
HOP = "any"
FIX = "raise the limit on the age of a connection, not the idle limit, in the proxy or load balancer before DSS"


def proof(evidence: Evidence) -> str | None:
    """Look for two sockets, opened at different moments, that end at the same age."""
    ended = both_ended(evidence)
    if not ended:
        return None
    silent, pinged = ended
    # Before its first ping the other one is as silent: an idle limit would look the same.
    if same_age(silent, pinged) and not same_moment(silent, pinged) and pinged.seconds > pinged.ping_every:
        return (
            f"a silent socket ended after {silent.seconds:.1f} s, and one with a ping every {pinged.ping_every:g} s,"
            f" opened {pinged.after - silent.after:.1f} s later, after {pinged.seconds:.1f} s; expected to stay open"
        )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for two sockets that end at one age, before the first ping has told silence from talk."""
    return idle_timeout.maybe(evidence)
