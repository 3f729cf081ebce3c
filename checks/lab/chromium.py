"""Run headless Chromium with Playwright."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, sync_playwright

from .builds import library_path, version_of
from .process import NotInstalledError, workspace, writing_to
from .programs import BIN, DRIVER_LIBRARIES, program

NO_OWN_REQUESTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Options that keep Chromium from sending its own requests."""


def chromium() -> Path:
    """Return the path of Chromium; raises NotInstalledError if it is not installed."""
    return program("chromium")


@functools.cache
def chromium_version() -> str:
    """Return the name and version; raise NotInstalledError if it is not installed."""
    command = [str(chromium()), "--version"]
    with workspace() as home:
        done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=True, timeout=60)
    number = re.search(r"\d+(\.\d+)+", done.stdout)
    return f"Chromium {number.group() if number else 0}"  # also for Google Chrome


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which the browser writes its files to `home`."""
    return {**os.environ, **writing_to(home)}


@functools.cache
def _driver_environment() -> dict[str, str]:
    """Return the environment variables that Playwright's driver needs to run here.

    The driver is the Node.js in Playwright's wheel.

    Raises NotInstalledError if a library that it needs is missing.
    """
    node = Path(compute_driver_executable()[0])
    for libraries in (None, DRIVER_LIBRARIES):
        if version_of(node, "--version", libraries):
            return library_path(libraries)
    raise NotInstalledError("a library that Playwright needs, libatomic")


@contextlib.contextmanager
def _variables(added: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables of this process for the length of the block."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def no_sandbox() -> list[str]:
    """Return the option that turns the sandbox off where it cannot work.

    As root, Chromium does not start with its sandbox; the sandbox needs a helper that root has installed.
    """
    return ["--no-sandbox"] if os.geteuid() == 0 or BIN in chromium().parents else []


@contextlib.contextmanager
def launch(*arguments: str, **options: Any) -> Iterator[Browser]:
    """Run Chromium for the length of the block.

    `arguments` are options of Chromium, and `options` those of Playwright's `launch`.

    Raises NotInstalledError if Chromium is not installed, or Playwright's driver does not run on this machine.
    """
    path = chromium()
    with workspace() as home, _variables(_driver_environment()), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[*NO_OWN_REQUESTS, *no_sandbox(), *arguments],
            env={**environment(home)},
            **options,
        )
        try:
            yield browser
        finally:
            browser.close()
