"""A real browser: headless Chromium, driven by Playwright; and the picture it takes for the site."""

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

from .process import ROOT, NotInstalledError, workspace
from .proxy import proxy
from .recipe import recipes
from .standin import stand_in
from .zoo import BIN, DRIVER_LIBRARIES, library_path, program, version_of

PICTURE = ROOT / "_images" / "websockets-1.png"

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> Path:
    """Return the path of Chromium; raises NotInstalledError if it is not installed."""
    return program("chromium")


@functools.cache
def chromium_version() -> str:
    """Return the browser's name and version; raises NotInstalledError if it is not installed."""
    command = [str(chromium()), "--version"]
    with workspace() as home:
        said = subprocess.run(command, env=_at_home(home), capture_output=True, text=True, check=True, timeout=60)
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return f"Chromium {number.group() if number else 0}"  # Google Chrome too


def _at_home(home: Path) -> dict[str, str]:
    """Return an environment in which what the browser leaves behind stays in `home`."""
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    return {**os.environ, **dict.fromkeys(names, str(home))}


@functools.cache
def driver_needs() -> dict[str, str]:
    """Return the environment in which Playwright's driver, a Node.js in its wheel, runs on this machine.

    Raises NotInstalledError when a library is missing that it needs.
    """
    node = Path(compute_driver_executable()[0])
    for libraries in (None, DRIVER_LIBRARIES):
        if version_of(node, "--version", libraries):
            return library_path(libraries)
    raise NotInstalledError("a library that Playwright needs, libatomic")


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    """Add variables to the environment of this process for the length of the block."""
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


@contextlib.contextmanager
def launch(*arguments: str, **options: Any) -> Iterator[Browser]:
    """Run a browser for the length of the block; options are those of Playwright's `launch`.

    Raises NotInstalledError if Chromium is not installed, or its driver does not run on this machine.
    """
    path = chromium()
    # Chromium refuses its sandbox to root, and cannot set it up where its helper has not been installed by root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 or BIN in path.parents else []
    with workspace() as home, _environment(driver_needs()), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*QUIET, *sandbox, *arguments], env={**_at_home(home)}, **options
        )
        try:
            yield browser
        finally:
            browser.close()


def picture() -> Path:
    """Photograph the stand-in's message behind an nginx that drops Upgrade; return the picture's path.

    Raises LabError when something real is missing.
    """
    recipe = recipes()["nginx"]
    twin = recipe.twin("upgrade-not-forwarded")
    build = recipe.pick(twin)
    with stand_in() as dss, proxy(recipe, build, twin, dss) as site, launch() as browser:
        page = browser.new_page(viewport={"width": 760, "height": 400}, device_scale_factor=2)
        page.goto(site.origin)
        page.locator("#overlay:not([hidden])").wait_for()
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
    return PICTURE
