"""Interpret the console error of a browser about a WebSocket."""

from __future__ import annotations

import functools
import json
import pkgutil
import re
from dataclasses import dataclass
from re import Pattern
from typing import Any

LINE_BREAKS = re.compile("[\r\n\u2028\u2029]")
"""Where a line ends, in JavaScript too."""

BLANKS = " \t\u00a0"


@dataclass(frozen=True)
class Reading:
    """What one console error means."""

    line: str
    """The error, without the rest of its URLs, which may contain a secret."""
    means: str
    """One sentence."""
    ids: tuple[str, ...]
    """The causes that it can have; a single one is the cause, none means that it does not show the cause."""
    next: str
    """What to try next."""


@dataclass(frozen=True)
class Line:
    """An error that browsers write to their console."""

    browser: str
    shown: tuple[str, ...]
    """Its text, without URLs; one of these."""
    pattern: str
    ids: tuple[str, ...]
    means: str
    next: str
    source: str
    """Where its text comes from."""
    examples: tuple[str, ...]
    reported: bool = False
    """Whether it counts only in an error about a WebSocket that failed."""


@functools.cache
def data() -> dict[str, Any]:
    """Return console.json, which the page of the site uses too."""
    text = pkgutil.get_data("checks", "console.json")  # works inside websocket-doctor.pyz too
    content: dict[str, Any] = json.loads(text or b"")
    return content


@functools.cache
def lines() -> tuple[Line, ...]:
    """Return the known errors, in the order in which they are tried."""
    many = ("shown", "ids", "examples")
    return tuple(Line(**{**entry, **{name: tuple(entry[name]) for name in many}}) for entry in data()["lines"])


@functools.cache
def _compiled(pattern: str) -> Pattern[str]:
    return re.compile(pattern)


def read(text: str) -> Reading | None:
    """Return the reading of the most specific line, or None.

    The result is None if no line is about a WebSocket.
    """
    pasted = [line[: data()["line"]].strip(BLANKS) for line in LINE_BREAKS.split(text[: data()["text"]])]
    known = [(line, match) for line, match in ((line, _match(line)) for line in pasted if line) if match]
    if not known:
        return None
    # A single cause is more specific than several, and several are more specific than none.
    line, match = min(known, key=lambda pair: len(pair[1].ids) or len(lines()))
    return Reading(_compiled(data()["address"]).sub(r"\1...", line), match.means, match.ids, match.next)


def _match(line: str) -> Line | None:
    """Return the first known error that matches the line, without its URL."""
    report = _compiled(data()["reported"]).search(line)
    rest = line[report.end() :] if report else line
    tried = (known for known in lines() if report or not known.reported)
    return next((known for known in tried if _compiled(known.pattern).search(rest)), None)
