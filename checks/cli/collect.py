"""Collect the evidence for many URLs at a time, and show the progress."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from checks.evidence import NOT_TLS, Evidence
from checks.report.text import clean

from .options import IDLE_DEFAULT_S, ProbeOptions
from .urls import TypedUrl, complete, given_scheme, has_port, is_within, over_http

if TYPE_CHECKING:
    from checks.probe import Target

MAX_CONCURRENT = 50
"""URLs that are tested at the same time."""

ANNOUNCE_AFTER_S = 5
"""Seconds; a step that takes at least this long is announced even when standard error is not a terminal."""

Progress = Callable[[str, float], None]
"""Called with the current step and its minimum duration in seconds."""


def collect(options: ProbeOptions, urls: Sequence[str]) -> list[Evidence]:
    """Return the evidence for each URL, in order.

    Raises UsageError when a URL or an option cannot be used.
    """
    import asyncio  # noqa: PLC0415  # slow to import, and --help does not need it

    typed = [complete(url) for url in urls]
    targets = [options.target(each.url) for each in typed]
    for text, each in zip(urls, typed):
        _announce(text, each)
    with _ProgressLine() as progress:
        return asyncio.run(_collect(targets, typed, options, progress))


def _announce(text: str, typed: TypedUrl) -> None:
    """Print what is tested where that is not what was typed."""
    origin = clean(typed.url)
    if not given_scheme(text):
        print(f"no scheme given, so testing {origin}", file=sys.stderr)
    elif is_within(text):
        print(f"testing {origin}, which is the URL in that text", file=sys.stderr)
    if typed.left_out:
        print(
            f"testing {origin} without the path: DSS is not below a path; for a WebSocket, use wss://", file=sys.stderr
        )


async def _collect(
    targets: Sequence[Target], typed: Sequence[TypedUrl], options: ProbeOptions, progress: Progress
) -> list[Evidence]:
    import asyncio  # noqa: PLC0415

    from checks.probe import look  # noqa: PLC0415

    gate, finished = asyncio.Semaphore(MAX_CONCURRENT), 0
    step = progress if len(targets) == 1 else lambda _, __: None
    default = IDLE_DEFAULT_S if len(targets) == 1 else 0  # 1,000 URLs shall not take longer
    idle = default if options.idle is None else options.idle
    if len(targets) > 1:
        gc.freeze()  # modules stay, so the search for garbage can skip them

    async def test(target: Target) -> Evidence:
        sockets = (*target.sockets, *options.socket)
        size, gentle = options.size, options.gentle
        return await look(target, sockets=sockets, idle=idle, size=size, gentle=gentle, progress=step)

    async def one(target: Target, given: TypedUrl) -> Evidence:
        nonlocal finished
        async with gate:
            evidence = await test(target)
            if given.guessed and (reason := _no_https(evidence)):
                plain = options.target(over_http(given.url))
                print(f"{reason}, so testing {clean(plain.url)}", file=sys.stderr)
                over_plain = await test(plain)
                evidence = evidence if over_plain.route.failed else over_plain
        finished += 1
        if len(targets) > 1:
            progress(f"{finished} of {len(targets)} URLs", 0)
        return evidence

    return list(await asyncio.gather(*map(one, targets, typed)))


def _no_https(evidence: Evidence) -> str:
    """Return why a URL whose https was assumed may be one with http; empty otherwise."""
    route = evidence.route
    if evidence.other_scheme.status and route.error.endswith(NOT_TLS):
        return route.error
    if route.failed == "tcp" and not route.proxy and not has_port(evidence.url):
        return f"port 443: {route.error}"
    return ""


class _ProgressLine:
    """Show the current step.

    On a terminal, one line is overwritten. Elsewhere, each long step gets a line.
    """

    def __init__(self) -> None:
        self.display: Any = None
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self.display = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Progress:
        if not self.display:
            return self._print
        self.display.start()
        task = self.display.add_task("", total=None)
        return lambda step, _: self.display.update(task, description=clean(step, 60))

    def __exit__(self, *_: object) -> None:
        if self.display:
            self.display.stop()

    @staticmethod
    def _print(step: str, seconds: float) -> None:
        if seconds >= ANNOUNCE_AFTER_S:
            print(f"{step} ...", file=sys.stderr, flush=True)
