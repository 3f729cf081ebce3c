"""Build websocket-doctor.pyz: the commands in one file, with what they need.

The file has the same bytes on every machine. Run as a module to print the path of the file and its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .process import ROOT, MachineError, workspace

WANTED = Path(__file__).with_suffix(".txt")
WHEELS = ROOT / ".zoo" / "wheels"
PACKED = ROOT / "_build" / "websocket-doctor.pyz"

DATA = ("symptoms/*.json", "lint/*.json", "echo/*.css", "echo/*.html", "echo/**/*.js")
"""The data of checks/ that the packed modules read."""

NEEDS_LAB = re.compile(r"(?m)^NEEDS_LAB = True$")
"""The line by which a command declares that it needs the lab."""

SHEBANG = b"#!/usr/bin/env python3\n"

# Any Python may start it, also one that is too old, so this is valid in all of them.
MAIN = b"""\
import signal
import sys

if sys.version_info < (3, 9):
    sys.exit("websocket-doctor needs Python 3.9 or newer; this is Python %d.%d" % sys.version_info[:2])

try:
    from checks.cli import main

    code = main()
except KeyboardInterrupt:
    sys.stderr.write("websocket-doctor: interrupted\\n")
    code = 130
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.exit(code)
"""


def pack(target: Path = PACKED) -> str:
    """Write the file, and return its SHA-256.

    Raises MachineError when the wheels cannot be downloaded.
    """
    entries = sorted([("__main__.py", MAIN), *_own(), *_others()])
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(SHEBANG)
        # Stored, not compressed: another zlib would give other bytes.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            for name, data in entries:
                packed.writestr(_entry(name), data)
    target.chmod(0o755)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that does not depend on this machine or the time."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100644 << 16
    entry.create_system = 3
    return entry


def own_files() -> list[Path]:
    """Return the modules of checks/ that do not need the lab, and their data."""
    checks = ROOT / "checks"
    modules = [path for path in checks.rglob("*.py") if path.relative_to(checks).parts[0] not in {"lab", "recipes"}]
    standalone = [path for path in modules if not NEEDS_LAB.search(path.read_text(encoding="utf-8"))]
    data = {path for pattern in DATA for path in checks.glob(pattern) if path.is_file()}
    return sorted({*standalone, *data})


def _own() -> Iterator[tuple[str, bytes]]:
    for path in own_files():
        yield path.relative_to(ROOT).as_posix(), path.read_bytes()
    for page in (ROOT / "docs" / "findings").glob("*.md"):
        yield f"checks/pages/{page.name}", page.read_bytes()
    for config in (ROOT / "checks" / "recipes").glob("*/echo.*"):
        yield f"checks/configs/{config.parent.name}", config.read_bytes()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()


def _others() -> Iterator[tuple[str, bytes]]:
    """Yield the modules of the wheels, and their licences."""
    for wheel in _wheels():
        with zipfile.ZipFile(wheel) as inside:
            for name in inside.namelist():
                folder = name.partition("/")[0]
                licence = any(word in name.upper() for word in ("LICEN", "COPYING", "NOTICE"))
                if folder.endswith(".dist-info") and licence:
                    yield f"licences/{folder.partition('-')[0]}/{Path(name).name}", inside.read(name)
                elif not folder.endswith(".dist-info") and name.endswith(".py"):
                    yield name, inside.read(name)
            for folder in {name.partition("/")[0] for name in inside.namelist() if re.search(r"/.*\.py$", name)}:
                if f"{folder}/__init__.py" not in inside.namelist():
                    yield f"{folder}/__init__.py", b""  # in a zip, Python finds no package without it


def _wheels() -> list[Path]:
    """Return the wheels; pip downloads them once, and checks their hashes every time."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pure = ["--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
    command = [*pip, *pure, "--python-version", "3.9", "--require-hashes", "-r", str(WANTED)]
    with workspace() as folder:
        for place in (["--no-index", "--find-links", str(WHEELS)], []):
            done = subprocess.run(
                [*command, *place, "-d", str(folder)], capture_output=True, text=True, check=False, timeout=300
            )
            if not done.returncode:
                break
        else:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MachineError(
                f"websocket-doctor.pyz: pip cannot download its modules ({reason}); run this again where pip can"
            )
        for wheel in folder.glob("*.whl"):
            # Replaced in one step, because another process may be reading it.
            whole = WHEELS / f"{wheel.name}.{os.getpid()}"
            whole.write_bytes(wheel.read_bytes())
            whole.replace(WHEELS / wheel.name)
        return sorted(WHEELS / wheel.name for wheel in folder.glob("*.whl"))


if __name__ == "__main__":
    try:
        print(f"{pack()}  {PACKED.relative_to(ROOT)}")
    except MachineError as error:
        sys.exit(str(error))
