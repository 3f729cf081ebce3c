"""Run child processes: wait until ready, capture output, always clean up."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

Started = TypeVar("Started")

Progress = Callable[[str], object]
"""Receives one line of progress at a time."""

ROOT = Path(__file__).resolve().parents[2]

PORTS = range(10240, 32768)
"""Ports below those that Linux assigns itself, to clients and for port 0 (net.ipv4.ip_local_port_range)."""

BLOCK = 256
"""How many ports a process takes for itself. It uses fewer at a time, and fewer processes run than there are blocks."""

STOP_TIMEOUT = 0.3
"""Seconds until a proxy is killed: some wait for their clients before they end, and here the clients are gone."""

SCALE = float(os.environ.get("CHECKS_TIME_SCALE", "1"))
"""Factor for every timeout of the lab: set CHECKS_TIME_SCALE higher on a slow machine."""


class LabError(Exception):
    """The lab cannot do what was asked; the message is for the person who asked."""


class MachineError(LabError):
    """The machine lacks something that cannot be downloaded, such as a permission."""


class NotInstalledError(LabError):
    """A program is not installed, and `make builds` may be able to download it.

    `what` is its name for people, with the versions that are needed: "HAProxy 2.8 or newer".
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not installed; add it with: make builds")
        self.what = what


class OptionalError(LabError):
    """A program is not installed, and `make builds` cannot install it.

    What needs it is left out.
    """


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Create a folder in the checkout for the length of the block."""
    base = ROOT / "_build" / "lab"
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def writing_to(home: Path) -> dict[str, str]:
    """Return an environment in which a program writes its own files to `home`."""
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    return dict.fromkeys(names, str(home))


def free_port() -> int:
    """Return a TCP port on loopback that nothing listens on.

    Until a program listens on it, neither the kernel nor another process of the lab takes it. Otherwise the program of
    another test could answer there. Raises LabError if this process uses all of its ports.
    """
    own = _own_ports()
    for _ in range(BLOCK):
        port = next(own)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not matter
            probe.bind(("127.0.0.1", port))
            return port
    raise LabError(f"all {BLOCK - 1} ports of this process are in use; end some of its programs")


@functools.cache
def _own_ports() -> Iterator[int]:
    """Return the ports of a block again and again.

    The first port of the block stays bound, which keeps other processes out.
    """
    blocks = list(range(PORTS.start, PORTS.stop, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        owner = socket.socket()
        try:
            owner.bind(("127.0.0.1", first))
        except OSError:
            owner.close()
            continue
        atexit.register(owner.close)
        return itertools.cycle(range(first + 1, first + BLOCK))
    raise LabError(f"all ports from {PORTS.start} to {PORTS.stop - 1} are in use; end some programs")


def on_free_ports(count: int, start: Callable[..., Started]) -> Started:
    """Call `start` with `count` free ports, and with others if one was taken.

    No two of them are the same.
    """
    for left in reversed(range(5)):
        ports: set[int] = set()
        while len(ports) < count:
            ports.add(free_port())
        try:
            return start(*ports)
        except LabError as error:
            if not left or "in use" not in str(error):
                raise
    raise AssertionError


class Process:
    """A program in its own process group, with its output in a file.

    The kernel ends it if this process is killed, so that nothing keeps running even then. That needs
    `setpriv --pdeathsig`, which some machines lack.
    """

    def __init__(
        self, command: Sequence[str | Path], folder: Path, name: str, env: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.output"
        # Servers that root starts switch to another user, and must still reach a checkout below /root.
        keeping = ["--securebits", "+no_setuid_fixup"] if is_closed(folder) else []
        guard = ["setpriv", "--pdeathsig", "TERM", *keeping] if shutil.which("setpriv") else []
        with self._log.open("wb") as sink:
            self._popen = subprocess.Popen(
                [*guard, *map(str, command)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._popen.pid

    def output(self) -> str:
        """Return what the program has printed so far."""
        return self._log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], object], seconds: float = 20) -> None:
        """Return when `ready` returns true.

        Raises LabError with the program's output if it ends first, or after `seconds` (scaled).
        """
        deadline = time.monotonic() + seconds * SCALE
        while not ready():
            if self._popen.poll() is not None:
                raise LabError(
                    f"{self.name} ended with exit code {self._popen.returncode} before it was ready:\n{self.output()}"
                )
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} was not ready in {seconds * SCALE:.0f} s; its output:\n{self.output()}")
            time.sleep(0.01)  # a loop without a pause would take the core that the program needs to start

    def wait_for(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Return where the output matches a regular expression, as soon as it does.

        Raises LabError as `wait_until` does.
        """
        self.wait_until(lambda: re.search(pattern, self.output()), seconds)
        found = re.search(pattern, self.output())
        assert found
        return found

    def ends_within(self, seconds: float) -> bool:
        """Wait up to `seconds`, and return whether the program has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self._popen.poll() is not None

    def stop(self, timeout: float = 5) -> None:
        """End the program and all its children; kill them after `timeout` seconds."""
        for number, seconds in ((signal.SIGTERM, timeout), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):  # children that the program did not end itself
            os.killpg(self._popen.pid, signal.SIGKILL)


def is_closed(folder: Path) -> bool:
    """Return whether only root can enter this folder, such as one below /root.

    A server that drops root privileges cannot read its files there.
    """
    return not os.geteuid() and not all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)


def unprivileged(folder: Path) -> list[str]:
    """Return a command prefix for programs that refuse to run as root.

    For root, it switches to the user `nobody`, which becomes the owner of `folder`; for other users, it is empty.

    Raises MachineError if the machine lacks setpriv.
    """
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        raise MachineError("setpriv is not on PATH; root needs it to start a program as another user")
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, "nobody")
    passing = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"] if is_closed(folder) else []
    # A change of the user clears the signal that Process set.
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *passing, "--pdeathsig=TERM"]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    name: str,
    env: dict[str, str] | None = None,
    stop_timeout: float = 5,
) -> Iterator[Process]:
    """Run a program for the length of the block, then stop it.

    It is killed if it has not ended `stop_timeout` seconds after the block.
    """
    process = Process(command, folder, name, env)
    try:
        yield process
    finally:
        process.stop(stop_timeout)


@contextlib.contextmanager
def serving(folder: Path, name: str, *options: str) -> Iterator[tuple[int, Process]]:
    """Run a command that serves, such as `echo`, for the length of the block.

    It is that of this checkout. Yields the port that it prints, and the process.
    """
    command = [sys.executable, "-u", "-m", "checks", name, *options]
    with running(command, folder, name, {"PYTHONPATH": str(ROOT)}) as process:
        yield int(process.wait_for(r"listening on \S+:(\d+);")[1]), process


def is_listening(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether something accepts connections on this port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
