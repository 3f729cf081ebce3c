"""Run WebKitGTK's small browser on a virtual display.

It finds its own programs below /usr only, so `make builds` cannot unpack it without root.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .process import OptionalError, Process, running, workspace

FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib")
PACKAGES = "webkit2gtk-driver xvfb xauth"
"""Debian's packages; the first brings the browser too."""

DISPLAY = ("xvfb-run", "--auto-servernum")
"""Starts a program on its own virtual display: the browser needs one even to print its version."""


def _browser() -> Path:
    """Return the path of the browser.

    Raises OptionalError if it, or its display, is not installed.
    """
    found = [Path(folder, "webkit2gtk-4.1", "MiniBrowser") for folder in FOLDERS]
    path = next((path for path in found if path.exists()), None)
    if not path or not shutil.which("xvfb-run") or not shutil.which("xauth"):
        raise OptionalError(f"WebKitGTK is not installed; as root, add it with: apt-get install {PACKAGES}")
    return path


def webkit_version() -> str:
    """Return the name and version; raise OptionalError if it is not installed."""
    command: list[str | Path] = [*DISPLAY, _browser(), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return f"WebKitGTK {done.stdout.split()[1]}"


def host_name() -> str:
    """Return a name of this computer that leads to 127.0.0.1, but is not `localhost`.

    WebKit resolves names as the system does, and browsers treat `localhost` like https.

    Raises OptionalError if this computer has no such name.
    """
    name = socket.gethostname()
    with contextlib.suppress(OSError):
        if socket.gethostbyname(name) == "127.0.0.1":
            return name
    raise OptionalError(f"{name}, the name of this computer, does not lead to 127.0.0.1")


@contextlib.contextmanager
def opened_in_webkit(url: str) -> Iterator[Process]:
    """Open a page for the length of the block; the process prints the console.

    Raises OptionalError if WebKitGTK is not installed.
    """
    options = ["--ignore-tls-errors", "--enable-write-console-messages-to-stdout=true"]
    with workspace() as home:
        names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
        env = {**dict.fromkeys(names, str(home)), "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
        with running([*DISPLAY, _browser(), *options, url], home, "webkit", env) as process:
            yield process
