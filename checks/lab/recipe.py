"""The published configs, read from their folders: what a reader changes in them, how they are run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .process import LabError, NotInstalledError
from .zoo import Build, builds, numbers

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One folder of checks/recipes, as its recipe.toml declares it."""

    name: str
    folder: Path
    declared: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What people call the proxy."""
        title: str = self.declared["title"]
        return title

    @property
    def program(self) -> str:
        """The executable, as its packages name it."""
        program: str = self.declared["program"]
        return program

    @property
    def called(self) -> str:
        """What a reader types to call it; most often the program itself."""
        called: str = self.declared.get("called", self.program)
        return called

    @property
    def etc(self) -> str:
        """The folder of a reader's machine in which the proxy is configured."""
        etc: str = self.declared["etc"]
        return etc

    @cached_property
    def builds(self) -> list[Build]:
        """Every build of the program on this machine, one a version, oldest first."""
        return builds(self.program, self.declared["builds"])

    @property
    def configs(self) -> list[Path]:
        """The files a reader copies: `http*` and `https*`, and the parts that go with each of them."""
        return sorted(path for path in self.folder.glob("http*") if path.is_file())

    @property
    def parts(self) -> dict[Path, str]:
        """The other files a reader copies, needed by every config, and where each is installed."""
        return {self.folder / name: place for name, place in self.declared.get("parts", {}).items()}

    @property
    def surroundings(self) -> list[Path]:
        """The files of a fresh installation, which stand around a config in the lab."""
        return sorted(path for path in (self.folder / "lab").rglob("*") if path.is_file())

    @property
    def published(self) -> list[Path]:
        """All that a reader copies."""
        return [*self.configs, *self.parts]

    def config(self, *, https: bool) -> Path:
        """Return the config for HTTP or for HTTPS.

        Raises LabError when the recipe has none.
        """
        for path in self.configs:
            if path.stem == ("https" if https else "http"):
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

    def needs(self, config: Path) -> Mapping[str, Any]:
        """Return what this config or twin needs beyond the recipe's own surroundings; most need nothing.

        `since` and `before` are versions of the proxy: a config runs only on those; a twin runs where the config it
        is a copy of does, and gives its finding only on those. `bare` is a stand-in without its own nginx, `https` a
        twin of the config for HTTPS, `part` the name of the part that a twin stands in for.
        """
        name = config.relative_to(self.folder).as_posix()
        needs: Mapping[str, Any] = self.declared.get("needs", {}).get(name, {})
        return needs

    def base(self, config: Path) -> Path:
        """Return the config that a twin is a broken copy of, or goes with; a config itself is its own."""
        return self.config(https=self.secure(config)) if config in self.twins else config

    def secure(self, config: Path) -> bool:
        """Tell whether readers reach this config over HTTPS."""
        return config.stem.startswith("https") or bool(self.needs(config).get("https"))

    def exempt(self, check: str, build: Build, config: Path) -> str:
        """Return why this check does not hold there; nothing where it must hold.

        An exemption may be bound to versions (`since`, `before`) and to the config of one `scheme`.
        """
        for exemption in self.declared.get("exempt", []):
            scheme = "https" if self.secure(config) else "http"
            there = numbers(exemption.get("since", "0")) <= build.release < numbers(exemption.get("before", "9999"))
            if exemption["check"] == check and there and exemption.get("scheme", scheme) == scheme:
                because: str = exemption["because"]
                return because
        return ""

    def suits(self, build: Build, config: Path) -> bool:
        """Tell whether this build is one that the config is for, or that makes the twin's mistake a mistake."""
        needs = self._bounds(config)
        since, before = needs.get("since", "0"), needs.get("before", "9999")
        return numbers(since) <= build.release < numbers(before)

    def between(self, since: str = "0", before: str = "9999") -> list[Build]:
        """Return the builds on this machine from version `since` up to, not including, `before`, oldest first."""
        return [build for build in self.builds if numbers(since) <= build.release < numbers(before)]

    def newest(self, since: str = "0", before: str = "9999") -> Build:
        """Return the newest build on this machine within these versions.

        Raises NotInstalledError if none is installed.
        """
        for build in reversed(self.between(since, before)):
            return build
        raise NotInstalledError(self.versions(since, before))

    def pick(self, config: Path) -> Build:
        """Return the newest build on this machine that suits the config.

        Raises NotInstalledError if none is installed.
        """
        return self.newest(**self._bounds(config))

    def versions(self, since: str = "0", before: str = "9999") -> str:
        """Name the proxy with these versions, for people: "HAProxy 2.8 or newer"."""
        if before != "9999":
            return f"{self.title} {f'{since} or newer, ' if since != '0' else ''}older than {before}"
        return f"{self.title} {since} or newer" if since != "0" else self.title

    def _bounds(self, config: Path) -> Mapping[str, str]:
        """Return the versions that a config is for: those of the config that a twin is a copy of, but for its own."""
        needs = {**self.needs(self.base(config)), **self.needs(config)}
        return {word: needs[word] for word in ("since", "before") if word in needs}

    @property
    def transcripts(self) -> list[Path]:
        """The commands a reader types, each with the output it gave; in broken/, in front of that twin."""
        return sorted(self.folder.rglob("*.console"))

    def command(self, name: str) -> str:
        """Return the first command of a transcript: `check`, `reload` or `probe`."""
        first = (self.folder / f"{name}.console").read_text().splitlines()[0]
        return first.removeprefix("$ ")

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
