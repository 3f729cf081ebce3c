"""A proxy closes the socket when nothing is said for a while."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "any"
FIX = "raise the idle limit of the proxy in front of DSS, and of what is before it, above 120 s; our configs say 3600 s"


def proof(evidence: Evidence) -> str | None:
    """Look for a silent socket that drops without a close frame while the one with pings stays open."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if not (silent and pinged and silent.dropped and not silent.close_code):
        return None
    # Before its first ping the other one is as silent: a limit would have met it too.
    if pinged.dropped or not pinged.ping_every < silent.seconds <= pinged.seconds:
        return None
    return (
        f"dropped without a close frame after {silent.seconds:.1f} s of silence, expected to stay open;"
        f" a ping every {pinged.ping_every:g} s kept it open for {pinged.seconds:.0f} s"
    )
