"""Measure the exporter, and blackbox_exporter beside it, with a real Prometheus.

Each tests 1,000 targets on loopback, 50 of them hostile, every 30 seconds. All programs share the machine.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bench_diagnose import echo_server
from .process import ROOT, Progress, is_listening, on_free_ports, running, workspace
from .programs import program
from .prometheus import Server, exporter, prometheus

RESULTS = ROOT / "checks" / "bench_exporter.json"

HEALTHY, HOSTILE = 950, 50
"""Numbers of targets."""

INTERVAL_S = 30
"""Seconds between two probes of a target."""

PERCENTILES = (50, 90, 99, 100)

CONFIG = """
scrape_configs:
  - job_name: targets
    scrape_interval: {interval}s
    scrape_timeout: {timeout}s
    metrics_path: /probe
    params: {{module: [{module}]}}
    file_sd_configs: [{{files: [targets.json]}}]
    relabel_configs:
      - {{source_labels: [__address__], regex: "[0-9]+;(.*)", target_label: __param_target}}
      - {{source_labels: [__address__], target_label: instance}}
      - {{target_label: __address__, replacement: "127.0.0.1:{port}"}}
  - job_name: exporter
    scrape_interval: 5s
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

MODULES = """
modules:
  bench:
    targets: {targets}
    timeout: 2
    hold: 2
"""

BLACKBOX = """
modules:
  bench: {prober: http, timeout: 29s}
"""


@dataclass(frozen=True)
class ExporterCost:
    """What one exporter did in one run."""

    probes: int
    """Probes that Prometheus asked for."""
    lost: int
    """Probes without a response that Prometheus could read."""
    succeeded: int
    """Probes of healthy targets that succeeded."""
    healthy: int
    """Probes of healthy targets."""
    healthy_seconds: dict[str, float]
    """Seconds of their probes, by percentile."""
    hostile_seconds: dict[str, float]
    """Seconds of the probes of hostile targets, by percentile."""
    megabytes: tuple[float, float, float]
    """Resident memory after a quarter of the run, at the end, and the most."""
    cpu: float
    """Part of one core that it used."""


def measure(minutes: float, progress: Progress) -> dict[str, ExporterCost]:
    """Measure each exporter for so many minutes, one after the other."""
    costs = {}
    with _targets() as (healthy, hostile):
        for name, run in {"exporter": _ours, "blackbox_exporter": _blackbox}.items():
            progress(f"{name}: {minutes:g} minutes")
            with workspace() as folder, run(folder, [healthy, *hostile]) as server:
                costs[name] = _measure(folder, server, healthy, hostile, minutes * 60)
    return costs


@contextlib.contextmanager
def _targets() -> Iterator[tuple[str, list[str]]]:
    """Run the targets; yield the URL of the healthy ones, and those of the others."""
    command = [sys.executable, "-u", "-m", "checks.lab.bench_hostile"]
    here = {"PYTHONPATH": str(ROOT)}
    with workspace() as folder, echo_server() as healthy, running(command, folder, "hostile", here) as server:
        ports = json.loads(server.wait_for(r"(.+)\n")[1])
        hostile = [f"http://127.0.0.1:{port}" for port in ports.values()]
        yield f"http://127.0.0.1:{healthy}", hostile


@contextlib.contextmanager
def _ours(folder: Path, urls: list[str]) -> Iterator[Server]:
    with exporter(folder, MODULES.format(targets=json.dumps(urls)), "--max-probes", "200") as server:
        yield server


@contextlib.contextmanager
def _blackbox(folder: Path, _: list[str]) -> Iterator[Server]:
    """Run blackbox_exporter.

    Raises NotInstalledError if it is not on this machine.
    """
    path = program("blackbox")
    (folder / "blackbox.yml").write_text(BLACKBOX)
    with contextlib.ExitStack() as stack:

        def start(port: int) -> Server:
            command = [str(path), "--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"]
            process = stack.enter_context(running(command, folder, "blackbox"))
            process.wait_until(lambda: is_listening(port))
            return Server(port, process)

        yield on_free_ports(1, start)


def _measure(folder: Path, server: Server, healthy: str, hostile: list[str], seconds: float) -> ExporterCost:
    """Let Prometheus scrape for so many seconds; return what it recorded."""
    urls = [healthy] * HEALTHY + [hostile[number % len(hostile)] for number in range(HOSTILE)]
    kinds = ["healthy"] * HEALTHY + ["hostile"] * HOSTILE
    named = enumerate(zip(urls, kinds, strict=True))
    groups = [{"targets": [f"{number};{url}"], "labels": {"kind": kind}} for number, (url, kind) in named]
    (folder / "targets.json").write_text(json.dumps(groups))
    config = CONFIG.format(interval=INTERVAL_S, timeout=INTERVAL_S - 1, module="bench", port=server.port)
    with prometheus(folder, config) as recorder:
        time.sleep(seconds)  # Prometheus scrapes meanwhile, and that is what is measured
        window = f"[{seconds + 60:.0f}s]"
        up = _samples(recorder, f'up{{job="targets"}}{window}')
        success = "{__name__=~'websocket_probe_success|probe_success',kind='healthy'}"
        (memory,) = _samples(recorder, f'process_resident_memory_bytes{{job="exporter"}}{window}')
        (cpu,) = _samples(recorder, f'process_cpu_seconds_total{{job="exporter"}}{window}')
        good = [value for series in _samples(recorder, success + window) for value in series]
        return ExporterCost(
            probes=sum(map(len, up)),
            lost=sum(value == 0 for series in up for value in series),
            succeeded=int(sum(good)),
            healthy=len(good),
            healthy_seconds=_percentiles(recorder, "healthy", window),
            hostile_seconds=_percentiles(recorder, "hostile", window),
            megabytes=(memory[len(memory) // 4] / 1e6, memory[-1] / 1e6, max(memory) / 1e6),
            cpu=(cpu[-1] - cpu[0]) / (5 * (len(cpu) - 1)),
        )


def _samples(recorder: Server, expression: str) -> list[list[float]]:
    """Return the values of each series."""
    found: list[dict[str, Any]] = recorder.query(expression)
    return [[float(value) for _, value in series["values"]] for series in found]


def _percentiles(recorder: Server, kind: str, window: str) -> dict[str, float]:
    taken = sorted(
        value
        for series in _samples(recorder, f'scrape_duration_seconds{{job="targets",kind="{kind}"}}{window}')
        for value in series
    )
    return {str(each): taken[min(len(taken) * each // 100, len(taken) - 1)] for each in PERCENTILES}
