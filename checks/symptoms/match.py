"""Find the symptoms in the lines of a text."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from checks.symptoms.data import Symptom, symptoms
from checks.symptoms.prefilter import possible
from checks.symptoms.regex import compiled
from checks.symptoms.text import Line, straight

ABOUT = compiled(
    r"wss?://|(?:^|[^a-z0-9-])wss(?![a-z0-9-])|web ?socket|/channels(?![\w.-])|/wss?(?:[/? ']|$)"
    r"|(?:^|\n)(?![^\n]*transport=polling)[^\n]*socket\.io(?![\w-])"
    r"|_stcore/stream|signalr|101 switching protocols|connection'?: ?'?upgrade"
    r"|upgrade_failed|upgraded connection|'upgrade'"
)
"""What shows that a text is about a WebSocket. Many other things are upgraded too."""

FOREIGN = compiled(
    r"^npm (?:err!|warn|error)|^(?:pip3?|yum|dnf|apt|apt-get|conda|brew) (?:install|upgrade|update)"
    r"|could not fetch url|retrying \(retry\(|httpsconnectionpool\(|urllib3\.connection|caused by (?:ssl|proxy)error\("
    r"|you are using pip version|fatal: unable to access|rpc failed; |^e: failed to fetch|yum[a-z ]*: \[errno"
    r"|error response from daemon|kubectl: |unable to upgrade connection: (?:pod|container)"
    r"|kex_exchange_identification|client_loop: send|^ssh: |smtp[a-z]*\.|psql: |sqlexception|tunnelerror:could not"
    r"|failed to connect to (?:github|gitlab|bitbucket)|oserror\('tunnel connection failed"
    r"|cross-origin request blocked|cross-origin-resource-policy"
)
"""What other programs print whose connections fail for similar reasons."""

SURELY = compiled(r"wss?://")
"""What shows that even the line of such a program is about a WebSocket."""

BEGUN = compiled("^[^ '\"]+")
"""The rest of a word."""

WINDOW = 40
"""Lines that are searched as one line, at most. An entry with more is searched in windows that overlap by half."""


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
    widest: int
    """Characters of its longest line."""

    @property
    def foreign(self) -> bool:
        """Whether another program printed it, and it is not about a WebSocket."""
        text = self.joined[-1].text
        return bool(FOREIGN.search(text)) and not SURELY.search(text)


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
    widest = max(len(line.pasted) for line in lines)
    return Entry(lines, _joined(lines, widest), widest)


def _joined(lines: list[Line], widest: int) -> list[Joined]:
    joined = [_join(lines, 0)]
    if any(len(line.pasted) == widest for line in lines[:-1]):
        joined.append(_join(lines, widest))
    return joined


def windows(each: Entry) -> Iterator[tuple[int, Joined]]:
    """Yield parts of the entry as one line, with the numbers of their first lines."""
    if len(each.lines) <= WINDOW:
        yield from ((0, joined) for joined in each.joined)
        return
    for start in range(0, len(each.lines) - WINDOW // 2, WINDOW // 2):
        yield from ((start, joined) for joined in _joined(each.lines[start : start + WINDOW], each.widest))


@functools.lru_cache(maxsize=64)
def allowed(lines: int, *, about: bool) -> frozenset[int]:
    """Return the numbers of the symptoms that a text of so many lines can have.

    `about` is whether it mentions a WebSocket.
    """
    return frozenset(
        number
        for number, symptom in enumerate(symptoms())
        if (not symptom.most_lines or lines <= symptom.most_lines) and (about or not symptom.needs_websocket)
    )


def find(each: Entry, known: frozenset[int]) -> list[Match]:
    """Return the best match of each line of an entry, in the order of the lines."""
    matches = list(_within_lines(each.lines, known))
    if len(each.lines) > 1:
        for start, joined in windows(each):
            matches += _across_lines(start, joined, known)
    best: list[Match] = []
    taken: set[int] = set()
    for match in sorted(matches, key=lambda other: other.rank):
        lines = range(match.first, match.last + 1)
        if taken.isdisjoint(lines):
            best.append(match)
            taken.update(lines)
    return sorted(best, key=lambda match: match.first)


def _within_lines(lines: list[Line], known: frozenset[int]) -> Iterator[Match]:
    for number, line in enumerate(lines):
        for symptom in _admitted(line.text, known):
            if found := symptom.regex.search(line.text):
                yield Match(symptom, number, number, found.end() - found.start())


def _admitted(text: str, known: frozenset[int]) -> list[Symptom]:
    """Return the symptoms that the text can have, and whose gate it matches."""
    listed = [symptoms()[number] for number in sorted(possible(text.lower()) & known)]
    likely = [each for each in listed if not each.number or compiled(each.number).search(text)]
    opened = {gate: bool(compiled(straight(gate)).search(text)) for gate in {symptom.gate for symptom in likely}}
    return [symptom for symptom in likely if opened[symptom.gate]]


def _across_lines(start: int, joined: Joined, known: frozenset[int]) -> Iterator[Match]:
    for symptom in _admitted(joined.text, known):
        for found in symptom.regex.finditer(joined.text):
            first, last = joined.line_at(found.start()), joined.line_at(max(found.start(), found.end() - 1))
            if first < last:
                yield Match(symptom, start + first, start + last, found.end() - found.start())


def _join(lines: list[Line], width: int) -> Joined:
    """Join lines that were broken at blanks and hyphens.

    A line of that width may be broken anywhere.
    """
    parts, ends, length = [], [], 0
    for line, following in zip(lines, [*lines[1:], None]):
        hyphen = line.text[-1:] == "-" and line.text[-2:-1] not in ("", " ")
        whole = not following or hyphen or _cut(line, following, width)
        parts.append(line.text if whole else f"{line.text} ")
        ends.append(length + len(line.text))
        length += len(parts[-1])
    return Joined("".join(parts), ends)


def _cut(line: Line, following: Line, width: int) -> bool:
    """Return whether a line was broken at that width within a word."""
    return len(line.pasted) == width and line.pasted[-1:] not in " \t" and following.pasted[:1] not in " \t"


def as_pasted(each: Entry, first: int, last: int) -> str:
    """Return lines as pasted, as one.

    The rest of a word that the line before begins may be a secret, so it is not in it.
    """
    lines = each.lines[first : last + 1]
    parts = [
        line.pasted.strip() + ("" if following and _cut(line, following, each.widest) else " ")
        for line, following in zip(lines, [*lines[1:], None])
    ]
    rest = first > 0 and _cut(each.lines[first - 1], lines[0], each.widest)
    text = "".join(parts).strip()
    return BEGUN.sub("...", text) if rest else text
