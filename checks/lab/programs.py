"""The programs that programs.toml declares: what the lab runs besides proxies."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, RootModel

from .apt import install
from .builds import DOWNLOADS, Executable, Place
from .origins import Builds, Debian
from .process import NotInstalledError, Progress
from .schema import ByName, Named, load

FILE = Path(__file__).with_name("programs.toml")

BIN = DOWNLOADS / "bin"
"""Starts the programs of programs.toml that were downloaded; the last folder on the PATH of what the lab runs."""

DRIVER_LIBRARIES = DOWNLOADS / "playwright" / "bookworm" / "libraries"
"""Shared libraries that Playwright's driver needs, where the machine does not have them."""

HEADERS = "#include <openssl/ssl.h>\n#include <expat.h>\n#include <pcre.h>\n#include <zlib.h>\n"
"""What a compiler on PATH must be able to find before it is used to build httpd."""


class Program(Named):
    """One table of programs.toml."""

    title: str = Field(examples=['"a C compiler"'])
    """The name of the program, for people."""
    names: Sequence[str] = Field(examples=['["cc", "gcc"]'])
    """What it is called on PATH, where one is used first."""
    builds: Builds = Field(examples=['{ version_argument = "-v", debian.trixie = { … } }'])
    """Where it is downloaded from."""
    run: str = Field(default="exec {program}", examples=['"exec {program} --sysroot={root}"'])
    """The shell command that starts a downloaded one, with `{program}`, `{root}` and `{folder}` put in."""
    paths: Sequence[str] = Field(default=(), examples=['["cc", "gcc"]'])
    """More names for it in `.zoo/bin`."""
    files: Mapping[str, str] = Field(default={}, examples=['"""…"""'], json_schema_extra={"each": "<file>"})
    """A file that it reads, written beside its root."""

    @property
    def executable(self) -> Executable:
        """What the origins of the program look for."""
        return Executable(self.name, self.builds.version_argument, FILE.parent)

    def fetch(self, progress: Progress) -> str:
        """Unpack the program, unless there is one on PATH, and return its version."""
        if path := on_path(self.names):
            return f"{self.executable.version(path)}, on PATH"
        return self.unpack(progress).version

    def unpack(self, progress: Progress) -> Place:
        """Unpack the program from its Debian packages; return where it is."""
        (debian,) = (origin for origin in self.builds.origins.values() if isinstance(origin, Debian))
        place = Place(self.name, debian.name, [self.model_dump_json()])
        if not place.version:
            place.clear()
            install(debian.name, debian.packages, place.root, progress)
            starter = self._write_starters(place.root / debian.path, place)
            place.keep(debian.path, self.executable.version(starter))
        return place

    def _write_starters(self, path: Path, place: Place) -> Path:
        """Write a start script under each name; return the path of the first."""
        values = {"program": shlex.quote(str(path)), "root": place.root, "folder": place.folder}
        for name, text in self.files.items():
            (place.folder / name).write_text(text.lstrip().format_map(values))
        line = self.run.format_map(values)
        BIN.mkdir(exist_ok=True)
        starters = [BIN / name for name in (self.name, *self.paths)]
        for starter in starters:
            starter.write_text(f'#!/bin/sh\n{line} "$@"\n')
            starter.chmod(0o755)
        return starters[0]


PROGRAMS = load(RootModel[ByName[Program]], FILE).root
"""The programs by name."""


def program(name: str) -> Path:
    """Return the path of a program: the one on PATH, or the downloaded one.

    Raises NotInstalledError if it is in neither place.
    """
    declared = PROGRAMS[name]
    if path := on_path(declared.names):
        return path
    if (BIN / name).exists():
        return BIN / name
    raise NotInstalledError(declared.title)


def on_path(names: Sequence[str]) -> Path | None:
    """Return the first of these programs that is on PATH."""
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def search_path(*first: str | Path) -> str:
    """Return a PATH of these folders, the machine's PATH, and downloaded programs."""
    return os.pathsep.join(map(str, [*first, os.environ["PATH"], BIN]))


_COMPILER = threading.Lock()
"""Held while the compiler is unpacked: two builds may need it."""


def compiler(progress: Progress) -> tuple[Path, Path]:
    """Return the root of a C compiler, and its path.

    The machine's own is used if it finds all headers.
    """
    if (cc := on_path(PROGRAMS["cc"].names)) and shutil.which("pcre-config"):
        command = [str(cc), "-fsyntax-only", "-x", "c", "-"]
        if not subprocess.run(command, input=HEADERS, capture_output=True, text=True, check=False).returncode:
            return Path("/"), cc
    with _COMPILER:
        place = PROGRAMS["cc"].unpack(progress)
    return place.root, BIN / "cc"
