"""The fix for each broken example: what to look for, and the lines to write.

`fixes.toml` in the folder of a recipe says what to look for. The lines come from the patch of the broken example, or
from `changes` where readers need other lines than our config has. A test applies each fix and runs the result.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import dedent

from pydantic import RootModel

from .patch import Hunk
from .process import LabError
from .recipe import Recipe
from .schema import Table, load


class FixError(LabError):
    """A fix does not fit its broken example."""


class Change(Table):
    """One place to change in a config."""

    remove: str = ""
    """The lines of the mistake."""
    below: str = ""
    """The line below which to add lines; without it and `above`, they go to the end of the file."""
    above: str = ""
    """The line above which to add lines."""
    write: str = ""
    """The lines to add, in place of those that `remove` has."""
    once: bool = False
    """Whether to add the lines only if the config does not have them yet."""


class Fix(Table):
    """What to do about one cause in the config of one proxy."""

    look: str
    """What to look for in one's own config, in Markdown."""
    below: str = ""
    """The place for added lines, if it is not the block that they are in."""
    write: str = ""
    """What to write in place of the mistake, if it is not only removed."""
    first: Sequence[Change] = ()
    """Changes that the others need."""
    changes: Sequence[Change] = ()
    """All changes; by default those that turn the broken example into our config."""


class _Fixes(RootModel[Mapping[str, Fix]]):
    """The file: fixes by the id of their cause."""


def fixes(recipe: Recipe) -> Mapping[str, Fix]:
    """Return the fixes for a recipe, by cause.

    Raises SchemaError if the file is wrong.
    """
    file = source(recipe)
    return _read(file, file.stat().st_mtime_ns)


@functools.cache
def _read(file: Path, _changed: int) -> Mapping[str, Fix]:
    """Read a file once for each change of it."""
    return load(_Fixes, file).root


def source(recipe: Recipe) -> Path:
    """Return the file with the fixes for a recipe."""
    return recipe.folder / "fixes.toml"


def fix_for(recipe: Recipe, variant: Path) -> Fix:
    """Return the fix for a broken example, with all its changes.

    Raises FixError if fixes.toml has no entry for the example.
    """
    fix = fixes(recipe).get(variant.stem)
    if not fix:
        raise FixError(f"{recipe.name}/fixes.toml: expected [{variant.stem}], with what to look for")
    changes = fix.changes or list(_from_patch(recipe, variant, fix))
    if fix.write and len(changes) != 1:
        raise FixError(f"{recipe.name}/fixes.toml: [{variant.stem}]: `write` needs one place, got {len(changes)}")
    return fix.model_copy(update={"changes": [*fix.first, *changes]})


def apply(fix: Fix, text: str) -> str:
    """Return a config with a fix, its lines added where the page names.

    Raises FixError if the config does not have the lines that the fix names.
    """
    lines = text.splitlines()
    for change in fix.changes:
        if not (change.once and _places(settings(change.write), lines)):
            lines = _changed(lines, change)
    return "\n".join([*lines, ""])


def settings(text: str) -> str:
    """Return the lines of a config that are more than comments."""
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def without(lines: str, text: str) -> str:
    """Return a config without some lines.

    Raises FixError if they are not there exactly once.
    """
    return apply(Fix(look="", changes=[Change(remove=lines)]), text)


def _changed(lines: list[str], change: Change) -> list[str]:
    """Make one change."""
    written = dedent(change.write).strip("\n").splitlines()
    where = change.remove or change.below or change.above
    if not where:
        return [*lines, "", *written]
    places = _places(where, lines)
    if len(places) != 1:
        raise FixError(f"expected these lines once, found them {len(places)} times:\n{where.strip()}")
    first, last = places[0]
    if change.remove or change.above:
        end = last if change.remove else first
        return [*lines[:first], *_indented(written, _margin(lines[first])), *lines[end:]]
    after = next((line for line in lines[last:] if line.strip()), "")
    margin = max(_margin(lines[first]), _margin(after), key=len)
    return [*lines[:last], *_indented(written, margin), *lines[last:]]


def _places(wanted: str, lines: Sequence[str]) -> list[tuple[int, int]]:
    """Return the range of these lines at each place.

    Margins and blank lines do not count.
    """
    old = [line.strip() for line in wanted.splitlines() if line.strip()]
    numbered = [(number, line.strip()) for number, line in enumerate(lines) if line.strip()]
    return [
        (numbered[at][0], numbered[at + len(old) - 1][0] + 1)
        for at in range(len(numbered) - len(old) + 1)
        if [line for _, line in numbered[at : at + len(old)]] == old
    ]


def _indented(lines: Sequence[str], margin: str) -> list[str]:
    return [f"{margin}{line}".rstrip() for line in lines]


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _from_patch(recipe: Recipe, variant: Path, fix: Fix) -> Iterator[Change]:
    """Yield the changes from a broken example to our config."""
    ours = recipe.changed(variant).read_text().splitlines()
    for hunk in recipe.patch(variant).hunks:
        for removed, added, at in _segments(hunk, ours):
            if removed:
                yield Change(remove=removed, write=added or fix.write)
            else:
                yield Change(below=fix.below or _block(ours, at), write=added)


def _segments(hunk: Hunk, ours: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield for each place the lines to remove, those to add, and where they go."""
    start = hunk.place(ours, "the config")
    for tag, from_broken, to_broken, from_ours, to_ours in SequenceMatcher(None, hunk.new, hunk.old).get_opcodes():
        removed, added = (
            dedent("\n".join(part)).strip("\n")
            for part in (hunk.new[from_broken:to_broken], hunk.old[from_ours:to_ours])
        )
        if tag != "equal" and (removed or added):
            yield removed, added, start + from_ours


def _block(lines: Sequence[str], at: int) -> str:
    """Return the line that opens the block around a line; nothing at the top level."""
    inner = next(line for line in lines[at:] if line.strip())
    for line in reversed(lines[:at]):
        if line.strip() and not line.strip().startswith("#") and len(_margin(line)) < len(_margin(inner)):
            return line.strip()
    return ""
