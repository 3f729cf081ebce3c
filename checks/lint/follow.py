"""Find the files on this machine that a configuration includes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .includes import key, lines_with_files
from .tree import Node

MAX_FILES = 1000
"""How many files `follow` reads; a pattern such as `/*` can match far more."""


def follow(
    trees: dict[str, Node], kind: str, paths: Iterable[str], read: Callable[[str, str], Node]
) -> dict[str, list[str]]:
    """Add included files to `trees`, and return their paths for `Options.followed`.

    `paths` are the files that were read from disk, and `read` takes a text and its path. A line whose files cannot be
    read is left out, so that it counts as unknown.
    """
    own = [path for path in paths if path in trees]
    known = {os.path.realpath(path): path for path in own}
    waiting = [(path, Path(path).parent) for path in own]
    followed: dict[str, list[str]] = {}
    while waiting:
        path, root = waiting.pop()
        for node in lines_with_files(trees[path], kind):
            files = _files(node.words[1], [Path(path).parent, root], optional=node.words[0] == "includeoptional")
            names = []
            for file in files or []:
                name = known.get(os.path.realpath(file))
                if name is None and len(known) < MAX_FILES:
                    text = _text(file)
                    if text is None:
                        continue
                    name = known[os.path.realpath(file)] = str(file)
                    trees[name] = read(text, name)
                    waiting.append((name, root))
                if name is not None:
                    names.append(name)
            if files is not None and len(names) == len(files):
                followed[key(node)] = names
    return followed


def _files(pattern: str, folders: list[Path], *, optional: bool) -> list[Path] | None:
    """Return the files for a pattern, or None if it is not known which they are."""
    for place in _places(pattern, folders):
        found = sorted(_matching(place))
        files = [each for one in found for each in (sorted(one.rglob("*")) if one.is_dir() else [one])]
        files = [each for each in files if each.is_file()]
        if files:
            return files
    for place in [Path(pattern)] if Path(pattern).is_absolute() else [folder / pattern for folder in folders]:
        if (optional or "*" in pattern) and place.parent.is_dir() and os.access(place.parent, os.R_OK | os.X_OK):
            return []
    return None


def _matching(place: Path) -> list[Path]:
    """Return the files that a path names, or a pattern with *."""
    fixed = Path(place.anchor)
    parts = list(place.relative_to(fixed).parts if place.is_absolute() else place.parts)
    while parts and not re.search(r"[*?\[]", parts[0]):
        fixed = fixed / parts.pop(0)
    if not parts:
        return [fixed] if fixed.exists() else []
    return list(fixed.glob(str(Path(*parts))))


def _places(pattern: str, folders: list[Path]) -> Iterator[Path]:
    """Yield where the files of a pattern may be, the likeliest first.

    A copy of /etc/nginx may be in any folder, so the last parts of an absolute path count before the path itself.
    """
    parts = [part for part in Path(pattern).parts if part != Path(pattern).anchor]
    for start in range(len(parts)):
        rest = parts[start:]
        if not start or len(rest) > 1 or "*" not in rest[0]:
            yield from (folder.joinpath(*rest) for folder in folders)
    if Path(pattern).is_absolute():
        yield Path(pattern)


def _text(file: Path) -> str | None:
    """Return the text of a file, or None if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return None
