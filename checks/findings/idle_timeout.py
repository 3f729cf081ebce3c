"""A proxy closes the socket when nothing is said for a while."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "raise the idle limit of the proxy in front of DSS above 120 s; 3600 s is what we publish"


def proof(evidence: Evidence) -> str | None:
    """Look for a silent socket that drops without a close frame while the one with pings stays open."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if not (silent and pinged and silent.dropped and not silent.close_code):
        return None
    if pinged.dropped or pinged.seconds < silent.seconds:
        return None
    return (
        f"dropped without a close frame after {silent.seconds:.1f} s of silence, expected to stay open;"
        f" a ping every {pinged.ping_every:g} s kept it open for {pinged.seconds:.0f} s"
    )
