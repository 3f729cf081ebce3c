"""Find the lines of a proxy's configuration that break or endanger a WebSocket.

`load` recognizes and reads configurations. `lint` follows each WebSocket through one of them, and judges what happens
to it by the rules in rules.json.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

from .detect import kind_of, split_dump, unwrapped
from .follow import follow
from .includes import included
from .judge import Finding, Report, judge
from .tree import Node, Options

__all__ = [
    "KINDS",
    "Finding",
    "Node",
    "Options",
    "Report",
    "follow",
    "included",
    "kind_of",
    "lint",
    "lint_text",
    "load",
    "rules",
]

MODULES = {each.name: importlib.import_module(f".{each.name}", __name__) for each in pkgutil.iter_modules(__path__)}

KINDS: dict[str, Any] = {name: module for name, module in sorted(MODULES.items()) if hasattr(module, "TITLES")}
"""The module of each kind of configuration, with `read`, `model` and `TITLES`."""

TITLES: dict[str, str] = {name: title for module in KINDS.values() for name, title in module.TITLES.items()}
"""What people call each proxy."""


def rules() -> list[Any]:
    """Return the rules, in the order in which people should read them."""
    found: list[Any] = json.loads(pkgutil.get_data("checks.lint", "rules.json") or b"[]")
    return found


def load(texts: Mapping[str, str], kind: str | None = None) -> tuple[dict[str, dict[str, Node]], list[str]]:
    """Return the trees by kind and path, and the paths that are not recognized."""
    trees: dict[str, dict[str, Node]] = {}
    unread: list[str] = []
    for path, text in texts.items():
        own = kind or kind_of(text, path)
        if own not in KINDS:
            unread.append(path)
            continue
        parts = split_dump(text) if own == "nginx" else {}
        for name, part in (parts or {path: unwrapped(text, own)}).items():
            trees.setdefault(own, {})[name] = KINDS[own].read(part, name)
    return trees, unread


def lint(tree: Node, file: str, kind: str, options: Options) -> Report:
    """Return a report about one configuration."""
    return judge(KINDS[kind].model(tree, options), options, rules(), file, TITLES)


def lint_text(text: str, file: str = "input", kind: str | None = None, options: Options | None = None) -> Report | None:
    """Return a report about one text, or None if it is not recognized."""
    trees, _ = load({file: text}, kind)
    for own, files in trees.items():
        name = next(iter(files))
        given = options or Options()
        return lint(
            files[name], name, own, Options(given.server, given.version, {**given.files, **files}, given.followed)
        )
    return None
