"""Collect the evidence for many URLs at a time, and show the progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from checks.evidence import Evidence
from checks.report.text import clean

from .options import ProbeOptions

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

    targets = [options.target(_with_scheme(url)) for url in urls]
    with _ProgressLine() as progress:
        return asyncio.run(_collect(targets, options, progress))


def _with_scheme(url: str) -> str:
    """Return the URL, stripped, with https:// in front if it has no scheme."""
    url = url.strip()
    if "://" in url or not url:
        return url
    from checks.probe.target import shown  # noqa: PLC0415  # slow to import

    url = f"https://{url}"
    print(f"no scheme given, so testing {clean(shown(url))}", file=sys.stderr)
    return url


async def _collect(targets: Sequence[Target], options: ProbeOptions, progress: Progress) -> list[Evidence]:
    import asyncio  # noqa: PLC0415

    from checks.probe import look  # noqa: PLC0415

    gate, finished = asyncio.Semaphore(MAX_CONCURRENT), 0

    async def one(target: Target) -> Evidence:
        nonlocal finished
        sockets = (*target.sockets, *options.socket)
        step = progress if len(targets) == 1 else lambda _, __: None
        async with gate:
            evidence = await look(target, sockets=sockets, idle=options.idle, size=options.size, progress=step)
        finished += 1
        if len(targets) > 1:
            progress(f"{finished} of {len(targets)} URLs", 0)
        return evidence

    return list(await asyncio.gather(*map(one, targets)))


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
