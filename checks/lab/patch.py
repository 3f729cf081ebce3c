"""Unified diffs with little context: write, read, and apply strictly.

The lines of a hunk decide where it applies, not its numbers: they must be in the file exactly once. So a patch survives
edits elsewhere in the file, and never applies in a wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from .process import LabError

HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class PatchError(LabError):
    """A patch cannot be read, or does not apply."""


@dataclass(frozen=True)
class Hunk:
    """A place that a patch changes: the lines before and after, with their context."""

    number: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def place(self, lines: Sequence[str], name: str) -> int:
        """Return the index of the first old line in a file.

        Raises PatchError with the line that is missing where the old lines are not there exactly once.
        """
        found = _places(self.old, lines)
        if len(found) == 1:
            return found[0]
        wrong = f"hunk {self.number} does not apply to {name}"
        if found:
            lines_found = " and ".join(str(place + 1) for place in found)
            raise PatchError(f"{wrong}: expected its lines once, found them at lines {lines_found}")
        missing = next((line for line in self.old if line not in lines), None)
        if missing is not None:
            raise PatchError(f"{wrong}: expected the line {missing.strip()!r}, which is not there")
        raise PatchError(f"{wrong}: expected {len(self.old)} lines in a row from {self.old[0].strip()!r}")


@dataclass(frozen=True)
class Patch:
    """The changes to one file."""

    base: str
    """The name of the file, from the line that begins with `---`."""
    hunks: tuple[Hunk, ...]

    def apply(self, text: str) -> str:
        """Return the changed text; raises PatchError if a hunk does not apply."""
        lines = text.splitlines()
        result, done = [], 0
        for hunk in self.hunks:
            place = hunk.place(lines, self.base)
            if place < done:
                raise PatchError(f"hunk {hunk.number} is not below the one before it in {self.base}")
            result += [*lines[done:place], *hunk.new]
            done = place + len(hunk.old)
        return "\n".join([*result, *lines[done:], ""])


def read_patch(text: str) -> Patch:
    """Read a patch; raises PatchError with the number of the wrong line."""
    lines = text.splitlines()
    if len(lines) < 3 or not lines[0].startswith("--- ") or not lines[1].startswith("+++ "):  # the header
        raise PatchError("line 1: expected a header, `--- <file>` and `+++ <file>`, and a hunk")
    hunks: list[Hunk] = []
    at = 2
    while at < len(lines):
        head = HEAD.fullmatch(lines[at])
        if not head:
            raise PatchError(f"line {at + 1}: expected the head of a hunk, `@@ -1,3 +1,2 @@`, got {lines[at]!r}")
        end = next((number for number in range(at + 1, len(lines)) if lines[number].startswith("@@")), len(lines))
        hunks.append(_hunk(len(hunks) + 1, head, lines[at + 1 : end], at + 2))
        at = end
    return Patch(lines[0].removeprefix("--- "), tuple(hunks))


def write_patch(base_name: str, base: str, new_name: str, new: str) -> str:
    """Return the patch from one text to another.

    Each hunk has the least context, one line or more, with which its lines are in the base only once.
    Raises PatchError when the texts are the same, or do not end with a newline.
    """
    for name, text in ((base_name, base), (new_name, new)):
        if not text.endswith("\n"):
            raise PatchError(f"{name}: expected a newline at the end of the file")
    old, changed = base.splitlines(), new.splitlines()
    blocks = SequenceMatcher(None, old, changed, autojunk=False).get_opcodes()
    spans = _merged(_span(old, first, last) for tag, first, last, _, _ in blocks if tag != "equal")
    if not spans:
        raise PatchError(f"{new_name} is the same as {base_name}: expected one mistake")
    lines, shift = [f"--- {base_name}", f"+++ {new_name}"], 0
    for first, last in spans:
        body = list(_body(old, changed, blocks, first, last))
        before, after = (sum(line[0] != sign for line in body) for sign in "+-")
        lines += [f"@@ -{first + 1},{before} +{first + 1 + shift},{after} @@", *body]
        shift += after - before
    return "\n".join([*lines, ""])


def _hunk(number: int, head: re.Match[str], body: Sequence[str], first: int) -> Hunk:
    """Return one hunk; an empty line of its body is an empty line of context."""
    for offset, line in enumerate(body):
        if line[:1] not in {"", " ", "+", "-"}:
            raise PatchError(f"line {first + offset}: expected a line that begins with a space, + or -, got {line!r}")
    old = tuple(line[1:] for line in body if not line.startswith("+"))
    new = tuple(line[1:] for line in body if not line.startswith("-"))
    for kind, lines, count in (("old", old, head[2] or "1"), ("new", new, head[3] or "1")):
        if len(lines) != int(count):
            raise PatchError(f"hunk {number}: expected {count} {kind} lines, as its head says, got {len(lines)}")
    return Hunk(number, old, new)


def _places(old: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Return every index at which these lines are."""
    return [at for at in range(len(lines) - len(old) + 1) if list(lines[at : at + len(old)]) == list(old)]


def _span(lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """Return the range of a change with the least context that is unique."""
    for context in range(1, len(lines) + 1):
        start, end = max(0, first - context), min(len(lines), last + context)
        if len(_places(lines[start:end], lines)) == 1:
            break
    return start, end


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges with those joined that touch."""
    found: list[tuple[int, int]] = []
    for first, last in spans:
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _body(
    old: Sequence[str], new: Sequence[str], blocks: Sequence[tuple[str, int, int, int, int]], first: int, last: int
) -> Iterator[str]:
    """Yield the lines of a hunk for the old lines from `first` to before `last`."""
    for tag, from_old, to_old, from_new, to_new in blocks:
        if tag == "equal":
            yield from (f" {line}" for line in old[max(from_old, first) : min(to_old, last)])
        elif first <= from_old and to_old <= last:
            yield from (f"-{line}" for line in old[from_old:to_old])
            yield from (f"+{line}" for line in new[from_new:to_new])
