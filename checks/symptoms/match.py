"""Find the symptoms in the lines of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import Pattern
from typing import NamedTuple

from checks.symptoms.data import Symptom, symptoms
from checks.symptoms.regex import compiled
from checks.symptoms.text import Line, straight

SHOWS_WEBSOCKET = ("ws://", "wss://", "websocket", "/channels", "upgrade")
"""Texts, in lower case, that show that a text is about a WebSocket."""


class Joined(NamedTuple):
    """The lines of an entry as one line."""

    text: str
    ends: list[int]
    """Where each line ends."""

    def line_at(self, place: int) -> int:
        """Return the number of the line that holds a character."""
        low, high = 0, len(self.ends) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if place < self.ends[middle] else (middle + 1, high)
        return low


class Entry(NamedTuple):
    """Lines that may be one line, broken."""

    lines: list[Line]
    joined: list[Joined]
    """The lines as one, in each way in which it may have been broken; the last one restores most."""


class Match(NamedTuple):
    """A symptom in one or more lines."""

    symptom: Symptom
    first: int
    last: int
    """The numbers of its lines."""
    length: int
    """Characters that match."""

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Sort the best match first."""
        return (not self.symptom.harmless, -self.symptom.weight, -self.length, self.first)


def entry(lines: list[Line]) -> Entry:
    """Return the lines with the ways to join them."""
    joined = [_join(lines, 0)]
    widest = max(len(line.pasted) for line in lines)
    if any(len(line.pasted) == widest for line in lines[:-1]):
        joined.append(_join(lines, widest))
    return Entry(lines, joined)


def candidates(lowered: str, lines: int, *, about: bool) -> list[Symptom]:
    """Return the symptoms that a text in lower case can have.

    `about` is whether it mentions a WebSocket.
    """
    fitting = (symptom for symptom in symptoms() if not symptom.most_lines or lines <= symptom.most_lines)
    possible = (symptom for symptom in fitting if about or not symptom.needs_websocket)
    return [symptom for symptom in possible if symptom.possible(lowered)]


def any_literal(known: list[Symptom]) -> Pattern[str]:
    """Return a pattern that finds a literal of any symptom in lower case."""
    if all(symptom.literals for symptom in known):
        return re.compile("|".join(re.escape(part) for symptom in known for part in symptom.literals))
    return re.compile("")


def find(each: Entry, known: list[Symptom]) -> list[Match]:
    """Return the best match of each line of an entry, in the order of the lines."""
    whole = [joined.text.lower() for joined in each.joined]
    known = [symptom for symptom in known if any(symptom.possible(lowered) for lowered in whole)]
    matches = list(_within_lines(each.lines, known)) if known else []
    for joined, lowered in zip(each.joined, whole):  # Python 3.9 has no strict
        if len(each.lines) > 1:
            matches += _across_lines(joined, [symptom for symptom in known if symptom.possible(lowered)])
    best: list[Match] = []
    taken: set[int] = set()
    for match in sorted(matches, key=lambda other: other.rank):
        lines = range(match.first, match.last + 1)
        if taken.isdisjoint(lines):
            best.append(match)
            taken.update(lines)
    return sorted(best, key=lambda match: match.first)


def _within_lines(lines: list[Line], known: list[Symptom]) -> Iterator[Match]:
    for number, line in enumerate(lines):
        lowered = line.text.lower()
        for symptom in _admitted(line.text, [symptom for symptom in known if symptom.possible(lowered)]):
            if found := symptom.regex.search(line.text):
                yield Match(symptom, number, number, found.end() - found.start())


def _admitted(text: str, known: list[Symptom]) -> list[Symptom]:
    """Return the symptoms whose gate the text matches."""
    opened = {gate: bool(compiled(straight(gate)).search(text)) for gate in {symptom.gate for symptom in known}}
    return [symptom for symptom in known if opened[symptom.gate]]


def _across_lines(joined: Joined, known: list[Symptom]) -> Iterator[Match]:
    for symptom in _admitted(joined.text, known):
        for found in symptom.regex.finditer(joined.text):
            first, last = joined.line_at(found.start()), joined.line_at(max(found.start(), found.end() - 1))
            if first < last:
                yield Match(symptom, first, last, found.end() - found.start())


def _join(lines: list[Line], width: int) -> Joined:
    """Join lines that were broken at blanks and hyphens.

    A line of that width may be broken anywhere.
    """
    parts, ends, length = [], [], 0
    for line, following in zip(lines, [*lines[1:], None]):
        hyphen = line.text[-1:] == "-" and line.text[-2:-1] not in ("", " ")
        anywhere = len(line.pasted) == width and line.pasted[-1:] not in " \t"
        whole = not following or hyphen or (anywhere and following.pasted[:1] not in " \t")
        parts.append(line.text if whole else f"{line.text} ")
        ends.append(length + len(line.text))
        length += len(parts[-1])
    return Joined("".join(parts), ends)
