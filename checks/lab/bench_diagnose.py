"""Measure what `diagnose` costs, compared with a bare handshake in the same run.

The time for many URLs shows how it scales.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .process import ROOT, serving, workspace

RESULTS = ROOT / "checks" / "bench_diagnose.json"

URL_COUNTS = (10, 100, 1000)
"""Numbers of URLs that are tested in one run."""

BARE_CLIENT = """
import asyncio
from websockets.asyncio.client import connect

async def main():
    async with connect("ws://127.0.0.1:{port}/socket", compression=None) as websocket:
        await websocket.send("echo")
        await websocket.recv()

asyncio.run(main())
"""
"""The shortest program that opens a WebSocket and gets a message back."""

DIAGNOSE = [sys.executable, "-m", "checks", "diagnose", "--no-proxy", "--idle", "0"]
HELP = [sys.executable, "-m", "checks", "--help"]
IMPORT = [sys.executable, "-c", "import asyncio, ssl"]


@dataclass(frozen=True)
class DiagnoseCost:
    """The results of a benchmark.

    A ratio compares the best of the rounds, because other programs use the machine too.
    """

    time_ratio: float
    """Time of the whole `diagnose` command where WebSocket works, as a multiple of BARE_CLIENT's."""
    help_time_ratio: float
    """Time of `--help`, as a multiple of `import asyncio, ssl`."""
    memory_ratio: float
    """Peak memory of `diagnose` where WebSocket works, as a multiple of BARE_CLIENT's."""
    seconds: dict[str, float]
    """Seconds for each number of URLs."""
    megabytes: dict[str, float]
    """Peak memory in MB for each number of URLs."""


def measure(rounds: int, *, url_counts: tuple[int, ...] = URL_COUNTS, cpu_time: bool = False) -> DiagnoseCost:
    """Measure against a server on loopback, with the commands in turn.

    With `cpu_time`, measure the CPU time of each command instead of the elapsed time: other programs on the machine
    affect it less.
    """
    with echo_server() as port, workspace() as folder:
        url, bare_client = f"http://127.0.0.1:{port}", [sys.executable, "-c", BARE_CLIENT.format(port=port)]
        commands = [[*DIAGNOSE, url], bare_client, HELP, IMPORT]
        _run(commands[0])
        runs = [[_run(command, cpu_time=cpu_time) for command in commands] for _ in range(rounds)]
        diagnose, bare, helping, importing = (min(seconds for seconds, _ in each) for each in zip(*runs, strict=True))
        diagnose_peak, bare_peak, *_ = (min(peak for _, peak in each) for each in zip(*runs, strict=True))
        scaling = {}
        for count in url_counts:
            (folder / "targets.txt").write_text(f"{url}\n" * count)
            scaling[str(count)] = _run([*DIAGNOSE, "--targets", str(folder / "targets.txt")])
    seconds = {count: seconds for count, (seconds, _) in scaling.items()}
    megabytes = {count: peak for count, (_, peak) in scaling.items()}
    return DiagnoseCost(diagnose / bare, helping / importing, diagnose_peak / bare_peak, seconds, megabytes)


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """Run `checks echo`, which serves the health check and opens every WebSocket."""
    with workspace() as folder, serving(folder, "echo") as (port, _):
        yield port


def _run(command: list[str], *, cpu_time: bool = False) -> tuple[float, float]:
    """Return the seconds that a command takes, and its peak memory in MB."""
    start = time.perf_counter()
    # Python keeps the bytecode of modules, so only the first run of users compiles them.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0  # wait4 has reaped it
    seconds = used.ru_utime + used.ru_stime if cpu_time else time.perf_counter() - start
    return seconds, used.ru_maxrss / 1024
