"""Find texts that every match of a pattern contains.

With them, most patterns need not be tried.
"""

from __future__ import annotations

from typing import NamedTuple

LEAST = 3
"""A shorter text excludes little, so it counts only where there is no longer one."""


class _Atom(NamedTuple):
    kind: str
    """`char`, `group` or `other`."""
    text: str
    """The character, or the content of the group."""
    kept: bool
    """Whether it must occur, exactly once."""


Clauses = tuple[tuple[str, ...], ...]
"""Texts in lower case: a match contains one of each."""


def clauses(pattern: str) -> tuple[Clauses, ...]:
    """Return what matches of each alternative of a pattern contain.

    It is empty if one may contain anything. The clause that excludes most comes first.
    """
    found = []
    for alternative in _alternatives(pattern):
        choices = {tuple(sorted({part.lower() for part in texts})) for texts in _choices(alternative)}
        if not choices:
            return ()
        found.append(tuple(sorted(choices, key=_weakest)))
    return tuple(dict.fromkeys(found))


def _weakest(texts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return -min(map(len, texts)), texts


def leading_conditions(pattern: str) -> list[str]:
    """Return the lookaheads after ^ at the beginning of a pattern.

    An alternative of the pattern may not begin differently, so a pattern with several has no literals.
    """
    found: list[str] = []
    place = 1
    if not pattern.startswith("^(?") or len(_alternatives(pattern)) > 1:
        return found
    while pattern[place : place + 3] in ("(?=", "(?!"):
        end = _end_of_group(pattern, place) + 1
        found.append(pattern[place:end])
        place = end
    return found


def _required(pattern: str) -> list[str]:
    """Return the best text of each alternative, or nothing if one has none."""
    found = []
    for alternative in _alternatives(pattern):
        choices = _choices(alternative)
        if not choices:
            return []
        best: list[str] = max(choices, key=_strength)
        found += best
    return found


def _strength(texts: list[str]) -> tuple[int, float]:
    return min(map(len, texts)), sum(map(len, texts)) / len(texts)


def _choices(alternative: list[_Atom]) -> list[list[str]]:
    """Return lists of texts; every match of the alternative contains one of each."""
    runs = _runs(alternative)
    choices = [[run] for run in runs if len(run) >= LEAST] or [[run] for run in runs if len(run) == LEAST - 1]
    return choices + [
        inner for atom in alternative if atom.kind == "group" and atom.kept and (inner := _group(atom.text))
    ]


def _group(text: str) -> list[str]:
    if text.startswith("?!"):
        return []
    return _required(text.removeprefix("?:").removeprefix("?="))


def _runs(atoms: list[_Atom]) -> list[str]:
    runs = [""]
    for atom in atoms:
        if atom.kind == "char" and atom.kept:
            runs[-1] += atom.text
        else:
            runs.append("")
    return runs


def _alternatives(pattern: str) -> list[list[_Atom]]:
    alternatives: list[list[_Atom]] = [[]]
    place = 0
    while place < len(pattern):
        if pattern[place] == "|":
            alternatives.append([])
            place += 1
            continue
        kind, text, place = _atom(pattern, place)
        kept, place = _quantifier(pattern, place)
        alternatives[-1].append(_Atom(kind, text, kept))
    return alternatives


def _atom(pattern: str, place: int) -> tuple[str, str, int]:
    """Return the kind and text of the atom at a place, and the place after it."""
    char = pattern[place]
    if char == "\\":
        escaped = pattern[place + 1]
        return ("other", "", place + 2) if escaped.isalnum() else ("char", escaped, place + 2)
    if char == "[":
        return "other", "", _end_of_class(pattern, place) + 1
    if char == "(":
        end = _end_of_group(pattern, place)
        return "group", pattern[place + 1 : end], end + 1
    return ("other", "", place + 1) if char in ".^$" else ("char", char, place + 1)


def _quantifier(pattern: str, place: int) -> tuple[bool, int]:
    """Return whether the atom before occurs exactly once, and the place after."""
    if place == len(pattern) or pattern[place] not in "?*+{":
        return True, place
    end = pattern.index("}", place) + 1 if pattern[place] == "{" else place + 1
    return False, end + (pattern[end : end + 1] == "?")


def _end_of_class(pattern: str, place: int) -> int:
    place += 1
    while pattern[place] != "]":
        place += 2 if pattern[place] == "\\" else 1
    return place


def _end_of_group(pattern: str, place: int) -> int:
    depth = 0
    while True:
        char = pattern[place]
        if char == "\\":
            place += 1
        elif char == "[":
            place = _end_of_class(pattern, place)
        elif char in "()":
            depth += 1 if char == "(" else -1
            if not depth:
                return place
        place += 1
