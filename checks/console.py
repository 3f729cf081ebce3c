"""Read what a browser's console says about a WebSocket: which causes the line names, or cannot tell apart."""

from __future__ import annotations

import functools
import json
import pkgutil
import re
from dataclasses import dataclass
from re import Pattern
from typing import Any

BREAKS = re.compile("[\r\n\u2028\u2029]")
"""Where JavaScript, too, thinks that a line ends."""

BLANKS = " \t\u00a0"


@dataclass(frozen=True)
class Reading:
    """What one line of a console means."""

    line: str
    """The line, without what stands in its addresses, which may be secret."""
    means: str
    """One sentence."""
    ids: tuple[str, ...]
    """The findings it comes of: one is named, between several it does not decide, none follows from it."""
    next: str
    """The one thing to try."""


@dataclass(frozen=True)
class Line:
    """A line that browsers write."""

    browser: str
    shown: tuple[str, ...]
    """What a reader sees of it: one of these, without addresses."""
    pattern: str
    ids: tuple[str, ...]
    means: str
    next: str
    source: str
    """Where it was seen."""
    examples: tuple[str, ...]
    reported: bool = False
    """Whether it counts only where a WebSocket is said to have failed."""


@functools.cache
def data() -> dict[str, Any]:
    """Return console.json, which the page of the site is made from too."""
    text = pkgutil.get_data("checks", "console.json")  # also where the package lies in a single file
    found: dict[str, Any] = json.loads(text or b"")
    return found


@functools.cache
def lines() -> tuple[Line, ...]:
    """Return the lines that are known, in the order in which they are tried."""
    many = ("shown", "ids", "examples")
    return tuple(Line(**{**each, **{name: tuple(each[name]) for name in many}}) for each in data()["lines"])


@functools.cache
def _compiled(pattern: str) -> Pattern[str]:
    return re.compile(pattern)


def read(text: str) -> Reading | None:
    """Return what the line that says most means; None when there is none about a WebSocket."""
    pasted = [each[: data()["line"]].strip(BLANKS) for each in BREAKS.split(text[: data()["text"]])]
    known = [(each, line) for each, line in ((each, _known(each)) for each in pasted if each) if line]
    if not known:
        return None
    # One cause says more than several, and several say more than none.
    said, line = min(known, key=lambda pair: len(pair[1].ids) or len(lines()))
    return Reading(_compiled(data()["address"]).sub(r"\1...", said), line.means, line.ids, line.next)


def _known(said: str) -> Line | None:
    """Return the first line that fits what stands behind the address, or all where there is none."""
    report = _compiled(data()["reported"]).search(said)
    rest = said[report.end() :] if report else said
    fitting = (line for line in lines() if (report or not line.reported) and _compiled(line.pattern).search(rest))
    return next(fitting, None)
