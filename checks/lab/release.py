"""Build a release: the site, websocket-doctor.pyz, checksums, and notes.

    python -m checks.lab.release [TAG]

It writes to _build/release. The same checkout and the same Python give the same bytes, on any day and any machine.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from checks import __version__

from .pack import PACKED, pack
from .process import ROOT, LabError, workspace

RELEASE = ROOT / "_build" / "release"
CHANGELOG = ROOT / "CHANGELOG.md"

LEFT_OUT = (".buildinfo", ".doctrees")
"""Files that Sphinx writes beside the site for its own next run."""


def main(arguments: Sequence[str]) -> int:
    """Build a release and print its checksums; return 2 if that fails."""
    try:
        check(arguments)
        print(build(RELEASE, CHANGELOG.read_text(encoding="utf-8")), end="")
    except LabError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    return 0


def check(tags: Sequence[str]) -> None:
    """Raise LabError if there is more than one tag, or the tag is not this version's."""
    if len(tags) > 1:
        raise LabError(f"expected one tag at most, got {len(tags)}")
    if tags and tags[0] != f"v{__version__}":
        raise LabError(f"expected the tag v{__version__}, the version in checks/__init__.py, got {tags[0]!r}")


def build(target: Path, changelog: str) -> str:
    """Write the files of a release to the folder `target`, and return SHA256SUMS.

    Raises LabError if the changelog has no section for this version, or something does not build.
    """
    text = notes(changelog, __version__)
    pack(PACKED)  # the site has a link to it
    files = {PACKED.name: PACKED.read_bytes()}
    with workspace() as folder:
        _sphinx(folder / "html")
        files[f"site-{__version__}.tar.gz"] = archive(folder / "html", f"site-{__version__}")
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    for name, data in {**files, "SHA256SUMS": sums.encode(), "notes.md": text.encode()}.items():
        (target / name).write_bytes(data)
    return sums


def notes(changelog: str, version: str) -> str:
    """Return the section of the changelog for this version, without its heading.

    A heading is the version alone, or the version with a date: `## 1.2.0` or `## 1.2.0 - 2027-01-31`.

    Raises LabError if there is no such section, or it is empty.
    """
    heading = rf"## {re.escape(version)}(?: - \d{{4}}-\d\d-\d\d)?"
    found = re.search(rf"(?ms)^{heading}\n(.*?)(?=^## |\Z)", changelog)
    if not found or not found[1].strip():
        raise LabError(f"CHANGELOG.md has no section {version}: rename its section Unreleased")
    return found[1].strip() + "\n"


def archive(folder: Path, name: str) -> bytes:
    """Return a tar.gz of a folder, with `name` as its top folder.

    It has no owners, dates, or permissions of this machine.
    """
    with workspace() as place:
        packed = place / "archive"
        with (
            packed.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and inside.parts[0] not in LEFT_OUT:
                    entry = tarfile.TarInfo(f"{name}/{inside.as_posix()}")
                    entry.size, entry.mode = path.stat().st_size, 0o644
                    with path.open("rb") as file:
                        tar.addfile(entry, file)
        return packed.read_bytes()


def _sphinx(html: Path) -> None:
    """Build the site in an empty folder, so that it has no pages of an older build."""
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-c", ".", "docs", str(html)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise LabError(f"the site does not build:\n{done.stdout}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
