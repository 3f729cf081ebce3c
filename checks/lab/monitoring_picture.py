"""Draw what a real Prometheus recorded while a proxy broke and was repaired.

Run it as a module: it writes _images/monitoring.svg and _images/monitoring-wide.svg.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from .process import ROOT, workspace
from .prometheus import FILES, Server, exporter, prometheus, scrape_config
from .proxy import Proxy, proxy
from .recipe import recipes
from .standin import stand_in

IMAGES = ROOT / "_images"

MISTAKE = "upgrade-not-forwarded"

NAMES = ("design.example.com", "api.example.com", "dss.example.com")
"""What the three URLs are called in the picture; the proxy of the last one breaks."""

MODULES = "modules: {{dss: {{targets: {targets}, networks: [127.0.0.0/8, '::1/128'], hold: 0.1}}}}"

SCRAPES = 8
"""Scrapes of each part: all work, one fails, all work again."""

LABEL = 50
"""The width of the word pending, which is left out of a shorter span."""

Spans = list[tuple[str, int, int]]
"""A value, the second in which it begins, and the one in which it ends."""


def record(folder: Path) -> dict[str, Spans]:
    """Break a proxy and repair it; return what Prometheus recorded, by row."""
    nginx = recipes()["nginx"]
    build, config = nginx.newest(), nginx.config(https=False)
    alerts = (FILES / "websocket-alerts.yml").read_text().replace("for: 3m", "for: 3s")
    (folder / "websocket-alerts.yml").write_text(alerts)
    with (
        stand_in(bare=True) as dss,
        proxy(nginx, build, config, dss) as first,
        proxy(nginx, build, config, dss) as second,
        proxy(nginx, build, config, dss) as third,
        proxy(nginx, build, nginx.variant(MISTAKE), dss) as broken,
    ):
        urls = [first.origin, second.origin, third.origin]
        with (
            exporter(folder, MODULES.format(targets=json.dumps(urls))) as exporting,
            prometheus(folder, scrape_config(urls, exporting.port)) as server,
        ):
            began = time.time()
            _wait(server, f"min(count_over_time(websocket_probe_success[1m])) >= {SCRAPES}")
            take_config(third, broken)
            _wait(server, f"max(count_over_time(websocket_probe_cause[1m])) >= {SCRAPES}")
            take_config(third, first)
            _wait(server, f"min(sum_over_time(websocket_probe_success[{SCRAPES}s])) >= {SCRAPES}")
            return _rows(server, urls, began)


def take_config(running: Proxy, other: Proxy) -> None:
    """Give a running nginx the config of another one, on its own port, and reload it."""
    name = os.path.relpath(running.recipe.file.installed_as, running.recipe.etc)
    text = (other.folder / name).read_text()
    text = text.replace(str(other.http), str(running.http)).replace(str(other.folder), str(running.folder))
    (running.folder / name).write_text(text)
    os.kill(running.process.pid, signal.SIGHUP)


def _wait(server: Server, expression: str) -> None:
    server.process.wait_until(lambda: server.query(expression), seconds=60)


def _rows(server: Server, urls: Sequence[str], began: float) -> dict[str, Spans]:
    """Return the spans of each URL and of the alert, in seconds since the beginning."""
    rows = {}
    for name, url in zip(NAMES, urls, strict=True):
        cause = _points(server, f'websocket_probe_cause{{instance="{url}"}}', began, "cause")
        works = _points(server, f'websocket_probe_success{{instance="{url}"}} == 1', began, "job")
        rows[name] = _spans({**dict.fromkeys(works, "works"), **cause})
    firing = _points(server, 'ALERTS{alertname="WebSocketFails"}', began, "alertstate")
    rows["WebSocketFails"] = _spans(firing)
    first = min(start for spans in rows.values() for _, start, _ in spans)
    return {name: [(value, start - first, stop - first) for value, start, stop in rows[name]] for name in rows}


def _points(server: Server, expression: str, began: float, label: str) -> dict[int, str]:
    """Return the value of a label in each second in which there is a sample."""
    path = {"query": expression, "start": f"{began:.0f}", "end": f"{time.time():.0f}", "step": "1"}
    found = json.loads(server.get("/api/v1/query_range", **path))["data"]["result"]
    return {int(at - began): series["metric"].get(label, "") for series in found for at, _ in series["values"]}


def _spans(points: dict[int, str]) -> Spans:
    """Return runs of seconds with one value."""
    spans = []
    for value, run in groupby(sorted(points), points.__getitem__):
        seconds = list(run)
        spans.append((value, seconds[0], seconds[-1] + 1))
    return spans


def draw(rows: dict[str, Spans], width: int) -> str:
    """Return the drawing: a line for each row, on one axis of seconds."""
    left, top = (170, 10) if width > 400 else (1, 26)  # on a phone, names are above the lines
    end = max(stop for spans in rows.values() for _, _, stop in spans)
    scale = (width - left - 10) / end
    parts = []
    for number, (name, spans) in enumerate(rows.items()):
        y = top + number * 44
        parts.append(f'<text class="name" x="1" y="{y + 5 if left > 1 else y - 12}">{name}</text>')
        for value, start, stop in spans:
            kind = "ok" if value == "works" else "thin" if value == "pending" else "bad"
            begins, ends = left + start * scale, left + stop * scale
            parts.append(f'<path class="{kind}" d="M{begins:.1f} {y}H{ends:.1f}"/>')
            if kind == "bad":
                parts.append(f'<path class="cross" d="M{begins - 4:.1f} {y - 4}l8 8m0-8-8 8"/>')
            if kind == "bad" or (kind == "thin" and ends - begins > LABEL):
                parts.append(
                    f'<text class="soft" x="{begins + (6 if kind == "bad" else 0):.1f}" y="{y + 18}">{value}</text>'
                )
    bottom = top + len(rows) * 44
    for second in range(0, end + 1, 10):
        x = left + second * scale
        parts.append(f'<text class="soft{" mid" if second else ""}" x="{x:.1f}" y="{bottom + 6}">{second} s</text>')
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 12}">\n{body}\n</svg>\n'


def main() -> None:
    """Record, and write both drawings."""
    with workspace() as folder:
        rows = record(folder)
    for name, width in (("monitoring", 328), ("monitoring-wide", 736)):
        path = IMAGES / f"{name}.svg"
        path.write_text(draw(rows, width))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
