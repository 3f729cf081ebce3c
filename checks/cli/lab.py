"""Find recipes by name, and report errors of the lab in one line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .parser import UsageError

if TYPE_CHECKING:
    from checks.lab.recipe import Recipe

NEEDS_LAB = True


@contextlib.contextmanager
def lab_errors() -> Iterator[None]:
    """Raise UsageError for every error of the lab in this context."""
    from checks.lab.process import LabError  # noqa: PLC0415  # slow to import

    try:
        yield
    except LabError as error:
        raise UsageError(str(error)) from error


def find_recipe(name: str, known: Mapping[str, Recipe]) -> Recipe:
    """Return the recipe with this name.

    Raises UsageError with the names that exist.
    """
    if name not in known:
        raise UsageError(f"unknown recipe {name!r}; expected one of {', '.join(known)}")
    return known[name]


def write_json(path: Path, results: object) -> None:
    """Write results for the pages of the site."""
    path.write_text(json.dumps(results, indent=2) + "\n")
