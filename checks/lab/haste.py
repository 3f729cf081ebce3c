"""What `diagnose` costs: against a bare handshake and echo, and how it grows with the number of addresses."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .process import ROOT, running, workspace

RESULTS = ROOT / "checks" / "haste.json"

MANY = (10, 100, 1000)
"""Numbers of addresses looked at in one run."""

BARE = """
import asyncio
from websockets.asyncio.client import connect

async def main():
    async with connect("ws://127.0.0.1:{port}/socket", compression=None) as socket:
        await socket.send("echo")
        await socket.recv()

asyncio.run(main())
"""
"""The shortest program that opens a socket and gets a message back."""

DIAGNOSE = [sys.executable, "-m", "checks", "diagnose", "--no-proxy"]
HELP = [sys.executable, "-m", "checks", "--help"]
IMPORT = [sys.executable, "-c", "import asyncio, ssl"]


@dataclass(frozen=True)
class Haste:
    """What was measured, each the best of the rounds against the best: others use the machine, too."""

    diagnose: float
    """Time of a healthy `diagnose`, the whole command, as a multiple of BARE's."""
    help: float
    """Time of `--help`, as a multiple of `import asyncio, ssl`."""
    memory: float
    """Peak memory of a healthy `diagnose`, as a multiple of BARE's."""
    many: dict[str, float]
    """Seconds for each number of addresses."""
    many_memory: dict[str, float]
    """Peak memory in MB for each number of addresses."""


def haste(rounds: int, *, many: tuple[int, ...] = MANY, processor: bool = False) -> Haste:
    """Measure against a server of ours on loopback, which runs on the same cores; the commands take turns.

    With `processor`, measure the processor time of each command instead of the time that passes: other programs on
    the machine change it little.
    """
    with _echo() as port, workspace() as folder:
        address, bare = f"http://127.0.0.1:{port}", [sys.executable, "-c", BARE.format(port=port)]
        commands = [[*DIAGNOSE, address], bare, HELP, IMPORT]
        turns = [[_run(command, processor=processor) for command in commands] for _ in range(rounds)]
        mine, its, helping, importing = (min(took for took, _ in turn) for turn in zip(*turns, strict=True))
        my_peak, its_peak, *_ = (min(peak for _, peak in turn) for turn in zip(*turns, strict=True))
        growth = {}
        for number in many:
            (folder / "targets.txt").write_text(f"{address}\n" * number)
            growth[str(number)] = _run([*DIAGNOSE, "--targets", str(folder / "targets.txt")])
    seconds = {number: took for number, (took, _) in growth.items()}
    memory = {number: peak for number, (_, peak) in growth.items()}
    return Haste(mine / its, helping / importing, my_peak / its_peak, seconds, memory)


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    """Run `checks echo`, which answers the health check and opens every socket."""
    with (
        workspace() as folder,
        running([sys.executable, "-u", "-m", "checks", "echo"], folder, "echo", _here()) as echo,
    ):
        echo.wait_until(lambda: "\n" in echo.said())
        yield int(echo.said().split(";")[0].rpartition(":")[2])


def _here() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)}


def _run(command: list[str], *, processor: bool = False) -> tuple[float, float]:
    """Return the seconds that a command takes, and its peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0  # it has been waited for
    took = used.ru_utime + used.ru_stime if processor else time.perf_counter() - began
    return took, used.ru_maxrss / 1024
