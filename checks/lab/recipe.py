"""The published configs, read from their folders: what a reader changes in them, how they are run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import LabError
from .zoo import Build

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One folder of checks/recipes, as its recipe.toml declares it."""

    name: str
    folder: Path
    declared: Mapping[str, Any]

    @property
    def program(self) -> str:
        """The executable a reader calls."""
        program: str = self.declared["program"]
        return program

    @property
    def configs(self) -> list[Path]:
        """The files a reader copies."""
        return sorted(path for path in self.folder.glob("http*") if path.is_file())

    def config(self, *, https: bool) -> Path:
        """Return the config for HTTP or for HTTPS.

        Raises LabError when the recipe has none.
        """
        for path in self.configs:
            if (path.stem == "https") == https:
                return path
        raise LabError(f"{self.name} has no config for {'HTTPS' if https else 'HTTP'}")

    @property
    def twins(self) -> list[Path]:
        """The broken copies, each named after the finding it gives."""
        return sorted(path for path in (self.folder / "broken").glob("*.*") if path.suffix != ".console")

    def twin(self, finding: str) -> Path:
        """Return the twin for this finding.

        Raises LabError that names the ones there are.
        """
        for path in self.twins:
            if path.stem == finding:
                return path
        there = ", ".join(path.stem for path in self.twins)
        raise LabError(f"{self.name} has no broken twin {finding!r}; it has: {there}")

    @property
    def transcripts(self) -> list[Path]:
        """The commands a reader types, each with the output it gave; in broken/, in front of that twin."""
        return sorted(self.folder.rglob("*.console"))

    def command(self, name: str) -> str:
        """Return the first command of a transcript: `check`, `reload` or `probe`."""
        first = (self.folder / f"{name}.console").read_text().splitlines()[0]
        return first.removeprefix("$ ")

    def needs(self, config: Path) -> Mapping[str, Any]:
        """Return what this twin needs beyond the recipe's own surroundings; nothing for the recipe itself."""
        needs: Mapping[str, Any] = self.declared.get("broken", {}).get(config.stem, {})
        return needs if config.parent.name == "broken" else {}

    def suits(self, build: Build, config: Path) -> bool:
        """Tell whether this build makes the twin's mistake a mistake; it always suits the recipe itself."""
        before = self.needs(config).get("before")
        return not before or build.release < tuple(map(int, before.split(".")))

    def pick(self, here: Sequence[Build], config: Path) -> Build:
        """Return the newest build that suits the config.

        Raises LabError that says which build is missing.
        """
        for build in reversed(here):
            if self.suits(build, config):
                return build
        before = self.needs(config).get("before")
        there = ", ".join(map(str, here)) or "none"
        raise LabError(
            f"{config.name} needs {self.program}{f' before {before}' if before else ''}; there is here: {there}"
        )

    def fill(self, text: str, values: Mapping[str, object]) -> str:
        """Put the lab's values where a reader puts his own, and change nothing else.

        A blank counts where it stands as a word of its own: the `80` of `listen 80`, not that of `8080`.
        """
        blanks = self.declared["blanks"]
        words = "|".join(re.escape(word) for word in sorted(blanks, key=len, reverse=True))

        def value(found: re.Match[str]) -> str:
            lab: str = blanks[found.group()]["lab"]
            return lab.format_map(values)

        return re.sub(rf"(?<![\w.])(?:{words})(?!\w|\.\w)", value, text)


def recipes() -> dict[str, Recipe]:
    """Return every recipe by the name of its folder."""
    found = {}
    for declaration in sorted(RECIPES.glob("*/recipe.toml")):
        folder = declaration.parent
        found[folder.name] = Recipe(folder.name, folder, tomllib.loads(declaration.read_text()))
    return found
