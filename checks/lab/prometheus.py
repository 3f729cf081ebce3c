"""Run a real Prometheus, and the exporter that it scrapes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .builds import DOWNLOADS
from .process import ROOT, NotInstalledError, Process, is_listening, on_free_ports, running, serving
from .programs import program

FILES = ROOT / "checks" / "exporter" / "files"
"""The files that people copy: modules, scrape configuration, alerts, dashboard and unit."""

EXPORTER = "127.0.0.1:10115"
"""Where the published scrape configuration expects the exporter."""


@dataclass(frozen=True)
class Server:
    """A running Prometheus or exporter."""

    port: int
    process: Process

    def get(self, path: str, **query: str) -> bytes:
        """Return the body of a response with status 200.

        Raises urllib.error.HTTPError for any other.
        """
        encoded = f"?{urllib.parse.urlencode(query)}" if query else ""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}{encoded}", timeout=60) as response:
            return bytes(response.read())

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of a query: samples with `metric` and `value`."""
        response = json.loads(self.get("/api/v1/query", query=expression))
        found: list[dict[str, Any]] = response["data"]["result"]
        return found

    def firing(self, alert: str) -> list[dict[str, str]]:
        """Return the labels of each alert of this name that fires."""
        return [each["metric"] for each in self.query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}')]


def promtool(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool, which comes with Prometheus, on the text `given`.

    Raises NotInstalledError if it is not on this machine.
    """
    program("prometheus")
    downloaded = DOWNLOADS / "prometheus" / "bookworm" / "root" / "usr" / "bin" / "promtool"
    tool = shutil.which("promtool") or (downloaded if downloaded.exists() else None)
    if not tool:
        raise NotInstalledError("promtool")
    return subprocess.run([tool, *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)


def scrape_config(targets: Sequence[str], port: int) -> str:
    """Return the published configuration with these targets, scraped every second."""
    text = (FILES / "prometheus.yml").read_text()
    text = re.sub(r"scrape_interval: .*", "scrape_interval: 1s", text)
    text = re.sub(r"scrape_timeout: .*", "scrape_timeout: 1s", text)
    lines = "".join(f"          - {each}\n" for each in targets)
    text = re.sub(r"(?m)^ +- https://dss\.example\.com\n +- https://design\.dss\.example\.com\n", lines, text)
    text = text.replace(EXPORTER, f"127.0.0.1:{port}")
    return f"global: {{evaluation_interval: 1s, scrape_interval: 1s}}\n{text}"


@contextlib.contextmanager
def exporter(folder: Path, modules: str, *options: str) -> Iterator[Server]:
    """Run the exporter with these modules for the length of the block."""
    (folder / "modules.yml").write_text(modules)
    with serving(folder, "exporter", "--config", "modules.yml", "--port", "0", *options) as (port, process):
        yield Server(port, process)


@contextlib.contextmanager
def prometheus(folder: Path, config: str, options: Sequence[str] = ()) -> Iterator[Server]:
    """Run Prometheus with this configuration for the length of the block.

    Raises NotInstalledError if it is not on this machine.
    """
    path = program("prometheus")
    (folder / "prometheus.yml").write_text(config)
    with contextlib.ExitStack() as stack:

        def start(port: int) -> Server:
            # Debian's default is a folder of the system.
            own = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
            command: list[str | Path] = [path, *own, *options]
            process = stack.enter_context(running(command, folder, "prometheus", {**os.environ, "GOMAXPROCS": "1"}))
            process.wait_until(lambda: is_listening(port))
            server = Server(port, process)
            process.wait_until(lambda: _ready(server))
            return server

        yield on_free_ports(1, start)


def _ready(server: Server) -> bool:
    with contextlib.suppress(OSError):
        server.get("/-/ready")
        return True
    return False
