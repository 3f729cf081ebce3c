"""Start programs, know when they answer, show what they said, and leave none behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

Started = TypeVar("Started")

ROOT = Path(__file__).resolve().parents[2]

PORTS = range(10240, 32768)
"""Below what Linux takes for connections and for port 0 (net.ipv4.ip_local_port_range)."""

BRIEF = 0.3
"""Seconds for the farewell of a proxy: some wait for readers of whom the lab knows that they have gone."""

SCALE = float(os.environ.get("CHECKS_TIME_SCALE", "1"))
"""Every deadline of the lab, in seconds, is multiplied by this: raise it on a slow machine."""


class LabError(Exception):
    """The lab could not do what was asked; the message is for the person who asked."""


class MachineError(LabError):
    """The machine lacks something that cannot be downloaded: an apt, a mirror, a permission."""


class NotInstalledError(LabError):
    """A program that the lab runs is not on this machine, and `make builds` may be able to download it.

    `what` names it for people, with the versions that would do: "HAProxy 2.8 or newer".
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not installed; add it with: make builds")
        self.what = what


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Give a folder inside the checkout and take it away again."""
    base = ROOT / "_build" / "lab"
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a TCP port that nothing on loopback listens on now, and that the kernel gives to nobody by itself.

    A port of the kernel's own range may be somebody else's by the time our program wants it; then it is the other
    one that answers.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def on_free_ports(count: int, start: Callable[..., Started]) -> Started:
    """Call `start` with `count` free ports; again with others when somebody took one meanwhile."""
    for left in reversed(range(5)):
        try:
            return start(*(free_port() for _ in range(count)))
        except LabError as error:
            if not left or "in use" not in str(error):
                raise
    raise AssertionError


class Process:
    """One program in a process group of its own, its output in a file.

    The kernel ends it when we are killed ourselves (`setpriv --pdeathsig`, where the machine has it),
    so that nothing stays behind even then.
    """

    def __init__(
        self, command: Sequence[str | Path], folder: Path, name: str, env: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.output"
        # Servers that root starts become another user, and must still reach a checkout below /root.
        keeping = ["--securebits", "+no_setuid_fixup"] if is_closed(folder) else []
        guard = ["setpriv", "--pdeathsig", "TERM", *keeping] if shutil.which("setpriv") else []
        with self.output.open("wb") as sink:
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
        """The id of the process, and of its group."""
        return self._popen.pid

    def said(self) -> str:
        """Return what the program has printed so far."""
        return self.output.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], object], seconds: float = 20) -> None:
        """Return when `ready` answers true.

        Raises LabError with the program's own words when it ends first, or after `seconds` (scaled).
        """
        deadline = time.monotonic() + seconds * SCALE
        while not ready():
            if self._popen.poll() is not None:
                raise LabError(
                    f"{self.name} ended with exit code {self._popen.returncode} before it answered:\n{self.said()}"
                )
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not answer within {seconds * SCALE:.0f} s; it said:\n{self.said()}")
            time.sleep(0.01)  # between two polls: what counts is `ready`, not the time

    def ends_within(self, seconds: float) -> bool:
        """Tell whether the program ends by itself within this time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self._popen.poll() is not None

    def stop(self, patience: float = 5) -> None:
        """End the program and all it started, by force after `patience` seconds."""
        for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):  # what it started and did not end itself
            os.killpg(self._popen.pid, signal.SIGKILL)


def is_closed(folder: Path) -> bool:
    """Tell whether only root reaches this folder, as below /root, so that a server that gives up root would not."""
    return not os.geteuid() and not all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)


def unprivileged(folder: Path) -> list[str]:
    """Return what makes a command not root's, for a program that refuses to be, and give it the folder.

    Raises MachineError when the machine lacks setpriv.
    """
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        raise MachineError("no setpriv, with which root starts a program as another user")
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, "nobody")
    passing = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"] if is_closed(folder) else []
    # Changing the user loses the signal that Process asked for.
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *passing, "--pdeathsig=TERM"]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    name: str,
    env: dict[str, str] | None = None,
    patience: float = 5,
) -> Iterator[Process]:
    """Start a program and end it when the block ends, however it ends; by force after `patience` seconds."""
    process = Process(command, folder, name, env)
    try:
        yield process
    finally:
        process.stop(patience)


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """Tell whether something accepts connections on this port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
