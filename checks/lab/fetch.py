"""Download the declared builds and programs to .zoo/, without root."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

from .apt import install
from .builds import Place, version_of
from .process import LabError, Progress
from .programs import DRIVER_LIBRARIES, PROGRAMS
from .recipe import recipes

WORKERS = 3
"""Downloads at once: one waits for the network while others unpack and compile."""

Fetch = Callable[[Progress], str]
"""Downloads one thing unless it is here, and returns its version; raises LabError if it cannot."""


def fetch_driver(progress: Progress) -> str:
    """Unpack the library that the browser's driver lacks on some machines.

    The driver is inside Playwright's wheel.
    """
    node = Path(compute_driver_executable()[0])
    if version := version_of(node, "--version"):
        return f"Node.js {version}"
    suite = DRIVER_LIBRARIES.parent.name
    place = Place(DRIVER_LIBRARIES.parents[1].name, suite, ["libatomic1"])
    if not place.version:
        place.clear()
        install(suite, ["libatomic1"], place.root, progress)
        # Alone in its folder: with the C library beside it, the driver would load two that do not fit.
        DRIVER_LIBRARIES.mkdir()
        (DRIVER_LIBRARIES / "libatomic.so.1").symlink_to(place.root / "usr/lib/x86_64-linux-gnu/libatomic.so.1")
        place.keep("libraries", version_of(node, "--version", DRIVER_LIBRARIES))
    return f"Node.js {place.version}"


def tools() -> dict[str, Fetch]:
    """Return the programs that builds may need, by their names in messages."""
    return {**{each.title: each.fetch for each in PROGRAMS.values()}, "the browser's driver": fetch_driver}


def builds() -> dict[str, Fetch]:
    """Return every declared build by its name in messages, slow ones first."""
    declared = [(recipe, origin) for recipe in recipes().values() for origin in recipe.origins.values()]
    return {
        f"{recipe.program} from {origin.name}": functools.partial(origin.fetch, recipe.executable)
        for recipe, origin in sorted(declared, key=lambda each: not each[1].slow)
    }


def fetch(parts: Sequence[Mapping[str, Fetch]], progress: Progress) -> dict[str, str]:
    """Fetch one part after the other; return the reason for each failure.

    `progress` gets a line at a time.
    """
    failed: dict[str, str] = {}
    total, done = sum(map(len, parts)), 0

    def get(title: str, fetch_one: Fetch) -> None:
        nonlocal done
        began = time.monotonic()
        try:
            outcome = f"{fetch_one(progress)}, {time.monotonic() - began:.0f} s"
        except (LabError, OSError) as error:
            failed[title] = str(error)
            outcome = f"not available: {error}"
        done += 1
        progress(f"[{done:>2}/{total}] {title}: {outcome}")

    for part in parts:
        with ThreadPoolExecutor(WORKERS) as pool:
            for waited in [pool.submit(get, *each) for each in part.items()]:
                waited.result()
    return failed
