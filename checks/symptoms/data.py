"""The known symptoms, from the data files in this folder."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from re import Pattern
from typing import Any

from checks.symptoms.literals import Clauses, clauses, leading_conditions
from checks.symptoms.regex import compiled
from checks.symptoms.text import straight

NUMBERS = ("status", "close")
"""Kinds of numbers: status codes of a response to the handshake, and codes that a WebSocket was closed with."""

ONLY_IN_BROWSER = {"mixed-content": "An HTTPS page asks for an unencrypted WebSocket"}
"""The title of each cause that only a browser can detect, so `diagnose` has no rule for it."""

MOST_CAUSES = 4
"""A list of causes is never longer."""


@dataclass(frozen=True)
class Symptom:
    """A text that a program prints or a person writes, and what it means."""

    family: str
    shown: tuple[str, ...]
    """The text, shortened, for lists."""
    pattern: str
    """Searched for in one line; means the same in Python and JavaScript."""
    causes: tuple[str, ...]
    """Ids of causes, likeliest first; empty if the text does not show the cause."""
    means: str
    next: str
    """What to look at or do first."""
    source: str
    examples: tuple[str, ...]
    needs_websocket: bool = False
    """Whether it counts only where the same text mentions a WebSocket."""
    weight: int = 0
    """The symptom with the greatest weight wins on a line; then the one with the longest match."""
    when: str = ""
    """The evidence that it needs beside its text; see `sockets.evidence`."""
    most_lines: int = 0
    """It counts only in a text of at most so many lines, unless 0: people's own words are short."""
    gate: str = ""
    """A pattern that its line must match too. Many symptoms share one, so it is tried once for a line."""
    number: str = ""
    """A pattern for the number in the text, if there must be one; it costs less than the gate."""
    case: bool = False
    """Whether its pattern distinguishes upper and lower case."""
    harmless: bool = False
    """Whether it breaks nothing. Shown only if nothing else is understood, and it hides the rest of its line."""

    @functools.cached_property
    def regex(self) -> Pattern[str]:
        """The compiled pattern, for text from `text.normal`."""
        return compiled(straight(self.pattern), case=self.case)

    @functools.cached_property
    def clauses(self) -> tuple[Clauses, ...]:
        """What matches of each alternative contain; nothing if any text may match."""
        gate = clauses(straight(self.gate)) if self.gate else ()
        more = gate[0] if len(gate) == 1 else ()
        found = clauses(straight(self.pattern))
        return tuple(tuple(dict.fromkeys([*each, *more])) for each in found) or gate


@functools.cache
def files() -> dict[str, dict[str, Any]]:
    """Return the content of each data file by name.

    This works inside websocket-doctor.pyz too.
    """
    folder = resources.files("checks.symptoms")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    return {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in names}


@functools.cache
def symptoms() -> tuple[Symptom, ...]:
    """Return all known symptoms."""
    return tuple(_symptom(content, entry) for content in files().values() for entry in content.get("symptoms", ()))


@functools.cache
def steps() -> dict[str, str]:
    """Return what several symptoms share as their first step, by its name."""
    return {each["name"]: each["next"] for content in files().values() for each in content.get("steps", ())}


def _symptom(content: dict[str, Any], entry: dict[str, Any]) -> Symptom:
    """Return a symptom of a file.

    `not` of the file is what no line of its symptoms may contain, and `requires` the conditions that each line must
    meet. A pattern that begins with conditions has only those. `do` names one of the `steps`.
    """
    entry = dict(entry)
    if name := entry.pop("do", ""):
        entry["next"] = steps()[name]
    for kind in NUMBERS:
        if number := entry.pop(kind, ""):
            entry["number"] = f"(?:{number})(?![0-9])"
            entry["gate"] = f"(?:{'|'.join(before(kind))})[0-9]"
            entry["pattern"] = f"(?:{'|'.join(before(kind))})(?:{number})(?![0-9])"
    conditions = "".join(leading_conditions(entry["pattern"]))
    if conditions:
        entry["pattern"] = f"^{entry['pattern'][1 + len(conditions) :]}"
    elif content.get("requires"):
        conditions = "".join(content["requires"])
        entry["pattern"] = f"^{entry['pattern']}"
    if excluded := content.get("not"):
        conditions += f"(?!.*(?:{excluded}))"
    if conditions:
        entry["gate"] = f"^{conditions}"
    if entry.get("weight", 0) >= 0:  # a general symptom stays general
        entry["weight"] = entry.get("weight", 0) + content.get("weight", 0)
    entry["most_lines"] = content.get("most_lines", 0)
    many = {key: tuple(entry[key]) for key in ("shown", "causes", "examples")}
    return Symptom(family=content["family"], **{**entry, **many})


@functools.cache
def before(kind: str) -> tuple[str, ...]:
    """Return patterns for what programs print before the number of a kind."""
    return tuple(each["before"] for content in files().values() for each in content.get(f"before_{kind}", ()))


def families() -> list[str]:
    """Return the families, in the order of their files."""
    return list(dict.fromkeys(symptom.family for symptom in symptoms()))
