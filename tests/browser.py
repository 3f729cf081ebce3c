"""A real browser for the tests that need one."""

import functools
import shutil
import subprocess


@functools.cache
def chromium_version():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not path:
        return ""
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
