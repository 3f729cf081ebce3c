"""The socket opens, and then nothing comes through: something on the way waits for an end that never comes."""

from __future__ import annotations

from checks.evidence import NO_PONG, Evidence, PingResult

TITLE = "A proxy buffers WebSocket messages"
HOP = "any"
FIX = "turn off the buffering of answers in the proxies before DSS"


def proof(evidence: Evidence) -> str | None:
    """Look for sockets that open, stay open, and answer no ping, with and without extensions."""
    # DSS answers pings; what serves a socket that somebody names may not.
    return None if evidence.named_a_socket else _nothing_came(evidence)


def maybe(evidence: Evidence) -> str | None:
    """Look for the same at a socket that somebody names."""
    return "compare with the same socket, asked beside its server" if _nothing_came(evidence) else None


def _nothing_came(evidence: Evidence) -> str | None:
    seen = [evidence.ping_on(path, variant) for path in evidence.paths for variant in ("", "no-extensions")]
    tried = [each for each in seen if each]
    if not tried or not all(_silent(each) for each in tried):
        return None
    return f"answered 101, then {tried[0].error}, and no other byte came; RFC 6455 demands one"


def _silent(seen: PingResult) -> bool:
    return seen.error.startswith(NO_PONG) and not seen.messages and not seen.close_code
