"""The socket opens, and then nothing comes through: something on the way waits for an end that never comes."""

from __future__ import annotations

from checks.evidence import Evidence, Frames

HOP = "any"
FIX = "turn off the buffering of answers in the proxies before DSS"


def proof(evidence: Evidence) -> str | None:
    """Look for sockets that open, stay open, and answer no ping, with and without extensions."""
    seen = [evidence.ping_on(path, flip) for path in evidence.paths for flip in ("", "no-extensions")]
    tried = [each for each in seen if each]
    if not tried or not all(_silent(each) for each in tried):
        return None
    return f"answered 101, then {tried[0].error}, and no other byte came; RFC 6455 demands one"


def _silent(seen: Frames) -> bool:
    return seen.error.startswith("no pong within") and not seen.messages and not seen.close_code
