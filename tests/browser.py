"""Headless Chromium for every test that needs a reader's browser."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path():
    """Find Chromium, or say how to get it: skipped on a laptop, failed in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "no Chromium on PATH: `apt-get install chromium` adds it, then these tests run"
    return pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


@contextmanager
def launch(*extra_args, **options):
    """Start a browser, close it at the end; options are those of Playwright's `launch`."""
    # Chromium refuses its sandbox to root.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*QUIET, *sandbox, *extra_args], **options
        )
        try:
            yield browser
        finally:
            browser.close()
