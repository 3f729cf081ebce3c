"""The published configs, their broken variants, and the builds that run them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .builds import Build, Executable, numbers
from .origins import Declared
from .patch import Patch, PatchError, read_patch
from .process import LabError, NotInstalledError
from .programs import compiler
from .recipe_file import NEWER_THAN_ALL, Needs, RecipeFile
from .schema import SchemaError, load, place

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One folder of checks/recipes."""

    name: str
    folder: Path
    file: RecipeFile
    """What its recipe.toml declares."""

    @property
    def title(self) -> str:
        """The name of the proxy, for people."""
        return self.file.title

    @property
    def program(self) -> str:
        """The executable, as its packages name it."""
        return self.file.program

    @property
    def called(self) -> str:
        """The command that administrators type; usually the program itself."""
        return self.file.called or self.program

    @property
    def etc(self) -> str:
        """The folder in which administrators configure the proxy."""
        return self.file.etc

    @property
    def executable(self) -> Executable:
        """What the origins of its builds look for."""
        return Executable(self.program, self.file.builds.version_argument, self.folder, compiler)

    @property
    def origins(self) -> Mapping[str, Declared]:
        """The declared origins of its builds, by name."""
        return self.file.builds.origins

    @cached_property
    def builds(self) -> list[Build]:
        """Every build of the program on this machine, one per version, oldest first."""
        return self.file.builds.find(self.executable)

    @property
    def configs(self) -> list[Path]:
        """The configs that users copy: `http*` and `https*`."""
        return sorted(path for path in self.folder.glob("http*") if path.is_file())

    @property
    def parts(self) -> dict[Path, str]:
        """The other files that users copy, and where each is installed."""
        return {self.folder / name: place for name, place in self.file.parts.items()}

    @property
    def surroundings(self) -> list[Path]:
        """The files of a fresh installation, which the lab adds to a config."""
        return sorted(path for path in (self.folder / "lab").rglob("*") if path.is_file())

    @property
    def published(self) -> list[Path]:
        """All files that users copy."""
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
    def broken(self) -> list[Path]:
        """The broken variants: patches with one mistake, named after their findings."""
        return sorted((self.folder / "broken").glob("*.patch"))

    def variant(self, finding: str) -> Path:
        """Return the broken variant for a finding.

        Raises LabError with the names of the existing variants.
        """
        path = self.folder / "broken" / f"{finding}.patch"
        if path in self.broken:
            return path
        raise LabError(
            f"{self.name} has no broken variant {finding!r}; it has: {', '.join(path.stem for path in self.broken)}"
        )

    def patch(self, variant: Path) -> Patch:
        """Return what a broken variant changes.

        Raises PatchError when it is not a patch against a published file of this recipe.
        """
        with self._explained(variant):
            patch = read_patch(variant.read_text())
            names = [path.name for path in self.published]
            if patch.base not in names:
                raise PatchError(f"line 1: expected one of {', '.join(names)} after `--- `, got {patch.base}")
        return patch

    def changed(self, config: Path) -> Path:
        """Return the published file that a broken variant changes, or the config itself."""
        return self.folder / self.patch(config).base if config.suffix == ".patch" else config

    def text(self, config: Path) -> str:
        """Return a published file's text, or that text with a broken variant's mistake.

        Raises PatchError when the patch no longer fits the file.
        """
        if config.suffix != ".patch":
            return config.read_text()
        patch = self.patch(config)
        with self._explained(config):
            return patch.apply((self.folder / patch.base).read_text())

    def texts(self, config: Path) -> dict[Path, str]:
        """Return the text of each file that a config or broken variant needs."""
        files = (self.base(config), *self.parts)
        return {**{path: self.text(path) for path in files}, self.changed(config): self.text(config)}

    @contextlib.contextmanager
    def _explained(self, variant: Path) -> Iterator[None]:
        """Add the file and what to do to a PatchError."""
        try:
            yield
        except PatchError as error:
            name = f"{self.name}/{variant.stem}"
            file = variant.relative_to(self.folder.parent)
            raise PatchError(f"{file}: {error}; to write it again, run: make broken NAME={name}") from error

    def needs(self, config: Path) -> Needs:
        """Return what a config or broken variant needs beyond the usual.

        A variant runs where its config does, and gives its finding only on its own versions.
        """
        return self.file.needs.get(config.relative_to(self.folder).as_posix(), Needs())

    def base(self, config: Path) -> Path:
        """Return the config that a broken variant runs with, or the config itself.

        For a variant of a part, that is the config for HTTP.
        """
        changed = self.changed(config)
        return self.config(https=False) if changed in self.parts else changed

    def secure(self, config: Path) -> bool:
        """Tell whether users reach this config over HTTPS."""
        return self.base(config).stem.startswith("https")

    def exempt(self, check: str, build: Build, config: Path) -> str:
        """Return why this check does not hold there; empty if it must hold.

        An exemption may be bound to versions (`since`, `before`) and to the config of one `scheme`.
        """
        scheme = "https" if self.secure(config) else "http"
        for each in self.file.exempt:
            versions = numbers(each.since) <= build.release < numbers(each.before)
            if each.check == check and versions and each.scheme in {"", scheme}:
                return each.because
        return ""

    def suits(self, build: Build, config: Path) -> bool:
        """Tell whether a config is for this build, or a variant is broken on it."""
        since, before = self._bounds(config)
        return numbers(since) <= build.release < numbers(before)

    def between(self, since: str = "0", before: str = NEWER_THAN_ALL) -> list[Build]:
        """Return the builds here from `since` to before `before`, oldest first."""
        return [build for build in self.builds if numbers(since) <= build.release < numbers(before)]

    def newest(self, since: str = "0", before: str = NEWER_THAN_ALL) -> Build:
        """Return the newest build on this machine within these versions.

        Raises NotInstalledError if no such build is installed.
        """
        for build in reversed(self.between(since, before)):
            return build
        raise NotInstalledError(self.versions(since, before))

    def pick(self, config: Path) -> Build:
        """Return the newest build on this machine that suits the config.

        Raises NotInstalledError if no such build is installed.
        """
        return self.newest(*self._bounds(config))

    def versions(self, since: str = "0", before: str = NEWER_THAN_ALL) -> str:
        """Name the proxy with these versions, for people: "HAProxy 2.8 or newer"."""
        if before != NEWER_THAN_ALL:
            return f"{self.title} {f'{since} or newer, ' if since != '0' else ''}older than {before}"
        return f"{self.title} {since} or newer" if since != "0" else self.title

    def _bounds(self, config: Path) -> tuple[str, str]:
        """Return `since` and `before` of a config, or of a variant or its config."""
        own, base, default = self.needs(config), self.needs(self.base(config)), Needs()
        since = own.since if own.since != default.since else base.since
        return since, own.before if own.before != default.before else base.before

    @property
    def transcripts(self) -> list[Path]:
        """The commands of the pages with their output; in broken/, through that variant."""
        return sorted(self.folder.rglob("*.console"))

    def command(self, name: str) -> str:
        """Return the first command of a transcript: `check`, `reload` or `probe`."""
        first = (self.folder / f"{name}.console").read_text().splitlines()[0]
        return first.removeprefix("$ ")

    def fill(self, text: str, values: Mapping[str, object]) -> str:
        """Replace the blanks with the lab's values, and change nothing else.

        A blank is a whole word: the `80` of `listen 80`, not that of `8080`.
        """
        blanks = self.file.blanks
        words = "|".join(re.escape(word) for word in sorted(blanks, key=len, reverse=True))

        def value(found: re.Match[str]) -> str:
            return blanks[found.group()].lab.format_map(values)

        return re.sub(rf"(?<![\w.])(?:{words})(?!\w|\.\w)", value, text)


def recipes(folder: Path = RECIPES) -> dict[str, Recipe]:
    """Return every recipe by the name of its folder.

    Raises SchemaError when a recipe.toml is not as RecipeFile describes, or names a file that does not exist.
    """
    found = {}
    for declaration in sorted(folder.glob("*/recipe.toml")):
        place = declaration.parent
        file = load(RecipeFile, declaration)
        _confirm_files(file, declaration)
        found[place.name] = Recipe(place.name, place, file)
    return found


def _confirm_files(file: RecipeFile, declaration: Path) -> None:
    """Raise SchemaError if a key names a file that does not exist."""
    named = {"needs": file.needs, "parts": file.parts, "kept": [line.partition(": ")[0] for line in file.kept]}
    for key, names in named.items():
        for name in names:
            if not (declaration.parent / name).is_file():
                raise SchemaError(f"{place(declaration, key, name)}: expected a file in {declaration.parent.name}/")
