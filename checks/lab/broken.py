"""Write a broken example: `make broken NAME=nginx/idle-timeout`.

The first run writes a whole config to edit, below _build/broken. The next run writes the difference to
checks/recipes/<proxy>/broken/<id>.patch, prints it, and removes the copy.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .patch import PatchError, write_patch
from .process import ROOT, LabError
from .recipe import Recipe, recipes

COPIES = ROOT / "_build" / "broken"
USAGE = "expected NAME=<proxy>/<cause>, such as NAME=nginx/idle-timeout"


def main(argv: Sequence[str] | None = None) -> int:
    """Do the next step for one example; return 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="make broken", description=__doc__)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--base", default="")
    arguments = parser.parse_args(argv)
    try:
        print(step(arguments.name, arguments.base), end="")
    except LabError as error:
        print(f"broken: {error}", file=sys.stderr)
        return 2
    except UnicodeDecodeError as error:
        got = error.object[error.start : error.end]
        print(f"broken: expected UTF-8 text in the copy, its config and its patch, got {got!r}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"broken: {error.filename}: {str(error.strerror).lower()}", file=sys.stderr)
        return 2
    return 0


def step(name: str, base: str = "") -> str:
    """Write the copy, or from an edited copy the patch; return what to print.

    Raises LabError when the name or the copy is not right.
    """
    recipe, variant = _find(name)
    config = _base(recipe, variant, base)
    copy = COPIES / recipe.name / f"{variant.stem}{config.suffix}"
    origin = copy.with_name(f"{copy.name}.{config.name}")  # the published file as it was when the copy was made
    if not copy.exists():
        return _write_copy(recipe, variant, config, copy, origin)
    if not origin.exists() or origin.read_text() != config.read_text():
        raise LabError(
            f"{_shown(config)} is not the file that {_shown(copy)} is a copy of: move your copy away, run"
            f" make broken NAME={name} for a new one, and make the mistake there"
        )
    return _write_patch(recipe, variant, config, copy, origin)


def _find(name: str) -> tuple[Recipe, Path]:
    """Return the recipe and the path of the patch for a name."""
    proxy, _, cause = name.partition("/")
    if not cause:
        raise LabError(f"{USAGE}; got {name or 'no NAME'}")
    known = {name: recipe for name, recipe in recipes().items() if recipe.configs}
    if proxy not in known:
        raise LabError(f"there is no recipe {proxy!r}; expected one of: {', '.join(known)}")
    cause = cause.removesuffix(".patch")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cause):
        raise LabError(f"expected the id of a cause, such as idle-timeout; got {cause}")
    return known[proxy], known[proxy].folder / "broken" / f"{cause}.patch"


def _base(recipe: Recipe, variant: Path, wanted: str) -> Path:
    """Return the published file that the example changes, by default that for HTTP."""
    names = [path.name for path in recipe.published]
    if wanted and wanted not in names:
        raise LabError(f"BASE: expected one of {', '.join(names)}; got {wanted}")
    if wanted:
        return recipe.folder / wanted
    if variant.exists():
        with contextlib.suppress(PatchError):  # a patch that names no published file, to write again
            return recipe.changed(variant)
    return recipe.config(https=False)


def _write_copy(recipe: Recipe, variant: Path, config: Path, copy: Path, origin: Path) -> str:
    """Write the copy to edit: with the mistake, where the patch still applies."""
    text, note = config.read_text(), f"It is {_shown(config)}: make one mistake in it."
    if variant.exists():
        try:
            if recipe.changed(variant) == config:
                text, note = recipe.text(variant), f"It has the mistake of {_shown(variant)}: change it."
        except PatchError as error:
            note = f"It is {_shown(config)}, because the patch no longer fits:\n{error}\nMake its mistake again."
            note += f" The patch:\n\n{variant.read_text()}"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    origin.write_text(config.read_text())
    again = f"make broken NAME={recipe.name}/{variant.stem}"
    again += f" BASE={config.name}" if config != _base(recipe, variant, "") else ""
    return f"wrote {_shown(copy)}\n{note.rstrip()}\nThen run: {again}\n"


def _write_patch(recipe: Recipe, variant: Path, config: Path, copy: Path, origin: Path) -> str:
    """Write the patch from an edited copy, and remove the copy."""
    if copy.read_text() == config.read_text():
        raise LabError(f"{_shown(copy)} is the same as {_shown(config)}: make one mistake in it, and run this again")
    patch = write_patch(config.name, config.read_text(), f"broken/{copy.name}", copy.read_text())
    variant.parent.mkdir(exist_ok=True)
    variant.write_text(patch)
    copy.unlink()
    origin.unlink()
    test = f'make test T="tests -k {recipe.name}/broken/{variant.stem}"'
    return f"wrote {_shown(variant)}\n\n{patch}\nTo test that it gives exactly this cause, run: {test}\n"


def _shown(path: Path) -> str:
    """Return a path as seen from the checkout."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    sys.exit(main())
