"""Measure how long each proxy keeps a silent WebSocket open.

Each proxy runs twice at the same time: with the published config, and with the proxy's own idle timeout.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from .bench import bench_server, open_websocket
from .process import ROOT, Progress
from .proxy import proxy
from .recipe import Recipe

RESULTS = ROOT / "checks" / "idle.json"


@dataclass(frozen=True)
class Silence:
    """How long silent WebSockets through one proxy stayed open."""

    proxy: str
    """Its title and version."""
    default: float | None
    """Seconds with the proxy's own idle timeout; None if the WebSocket was still open at the end."""
    config: float | None
    """The same with the published config."""


def measure(recipes: list[Recipe], seconds: float, progress: Progress) -> dict[str, Silence]:
    """Return the result for each recipe, by name; hold each WebSocket for this long."""
    opened, versions = {}, {}
    with bench_server() as direct, selectors.DefaultSelector() as select, contextlib.ExitStack() as stack:
        for recipe in recipes:
            for config in (recipe.config(https=False), without_timeout(recipe)):
                if config and (recipe.name, config) not in opened:
                    site = stack.enter_context(proxy(recipe, recipe.pick(config), config, direct))
                    versions[recipe.name] = f"{recipe.title} {site.build.version}"
                    connection = stack.enter_context(open_websocket(site.port))
                    opened[recipe.name, config] = time.monotonic()
                    select.register(connection, selectors.EVENT_READ, (recipe.name, config))
        progress(f"{len(opened)} silent WebSockets are open for {seconds:g} s")
        closed = _wait(select, opened, seconds)
    result = {}
    for recipe in recipes:
        ours = recipe.config(https=False)
        default = without_timeout(recipe) or ours
        result[recipe.name] = Silence(
            versions[recipe.name], closed.get((recipe.name, default)), closed.get((recipe.name, ours))
        )
    return result


def without_timeout(recipe: Recipe) -> Path | None:
    """Return the broken example that only lacks the idle timeout, if there is one."""
    for variant in recipe.broken:
        if variant.stem == "idle-timeout":
            hunks = recipe.patch(variant).hunks
            only_removes = all(
                {line.rstrip(" \\") for line in hunk.new} <= {line.rstrip(" \\") for line in hunk.old} for hunk in hunks
            )
            return variant if only_removes else None
    return None


def _wait(
    select: selectors.BaseSelector, opened: dict[tuple[str, Path], float], seconds: float
) -> dict[tuple[str, Path], float]:
    """Return how long each WebSocket stayed open that was closed in time."""
    closed: dict[tuple[str, Path], float] = {}
    end = time.monotonic() + seconds
    while select.get_map() and (rest := end - time.monotonic()) > 0:
        for key, _ in select.select(rest):
            assert isinstance(key.fileobj, socket.socket)
            with contextlib.suppress(ConnectionError):
                if key.fileobj.recv(4096):
                    continue  # a close frame, which the end of the connection follows
            closed[key.data] = round(time.monotonic() - opened[key.data], 1)
            select.unregister(key.fileobj)
    return closed
