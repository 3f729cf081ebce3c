"""Look at a URL: survey it, then close every connection."""

from __future__ import annotations

import asyncio

from checks.evidence import OUT_OF_TIME, Evidence

from .connect import OPENED
from .stream import wait_for
from .survey import Progress, Survey
from .target import Target


async def look(  # noqa: PLR0913  # all but the first are optional
    target: Target,
    *,
    sockets: tuple[str, ...] = (),
    idle: float = 0,
    size: int = 0,
    gentle: bool = False,
    seconds: float | None = None,
    progress: Progress = lambda _, __: None,
) -> Evidence:
    """Return the evidence about the page and each WebSocket.

    `sockets` are paths, by default those of the target. The first WebSocket that opens is held for `idle` seconds, and
    gets messages of up to `size` bytes. For more than BRIEF_HOLD, one with pings is held beside it. A `gentle` look
    sends one request at a time, and repeats none. After `seconds`, the look ends with what it has observed so far.
    Never raises for what a peer does: that is evidence.
    """
    kind = Survey
    if gentle:
        from .gentle import GentleSurvey  # noqa: PLC0415  # rarely needed

        kind = GentleSurvey
    survey = kind(target, sockets or target.sockets, progress)
    token = OPENED.set([])
    try:
        if seconds is None:
            await survey.run(idle, size)
        else:
            await wait_for(survey.run(idle, size), seconds)
    except asyncio.TimeoutError:
        survey.skipped[OUT_OF_TIME] = f"the look had to end after {seconds:g} s"
    finally:
        for stream in OPENED.get():
            stream.abort()
        OPENED.reset(token)
    return survey.result()
