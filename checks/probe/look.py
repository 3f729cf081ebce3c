"""Look at a URL: survey it, gently if asked to."""

from __future__ import annotations

from checks.evidence import Evidence

from .survey import Progress, Survey
from .target import Target


async def look(
    target: Target,
    *,
    sockets: tuple[str, ...] = (),
    idle: float = 0,
    size: int = 0,
    gentle: bool = False,
    progress: Progress = lambda _, __: None,
) -> Evidence:
    """Return the evidence about the page and each WebSocket.

    `sockets` are paths, by default those of the target. The first WebSocket that opens is held for `idle` seconds, and
    gets messages of up to `size` bytes. For more than BRIEF_HOLD, one with pings is held beside it. A `gentle` look
    sends one request at a time, and repeats none. Never raises for what a peer does: that is evidence.
    """
    kind = Survey
    if gentle:
        from .gentle import GentleSurvey  # noqa: PLC0415  # rarely needed

        kind = GentleSurvey
    return await kind(target, sockets or target.sockets, progress).run(idle, size)
