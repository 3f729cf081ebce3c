"""A release is reproducible, and a mistake is reported in one line."""

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tomllib

import pytest
from support.proof import ROOT

from checks import __version__
from checks.cli import main
from checks.lab import release
from checks.lab.process import LabError

CHANGELOG = f"""# Changelog

## Unreleased

- Not yet.

## {__version__} - 2027-01-31

### Added

- The site.

## 0.0.1

- The first.
"""


@pytest.fixture
def html(tmp_path):
    """A folder like one that Sphinx writes."""
    folder = tmp_path / "html"
    for name in ("index.html", "_static/site.css", ".doctrees/index.doctree", ".buildinfo"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return folder


def entries(packed):
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        return tar.getmembers()


def test_a_release_that_cannot_be_built_leaves_the_former_one(tmp_path, monkeypatch):
    def pack(_path):
        raise LabError("no network")

    monkeypatch.setattr(release, "pack", pack)
    (tmp_path / "SHA256SUMS").write_text("former")
    with pytest.raises(LabError, match="no network"):
        release.build(tmp_path, CHANGELOG)
    assert (tmp_path / "SHA256SUMS").read_text() == "former"


def test_an_archive_depends_only_on_the_content(html):
    packed = release.archive(html, "site-1")
    for path in html.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    (html / ".buildinfo").write_text("another day\n", encoding="utf-8")
    assert release.archive(html, "site-1") == packed
    (html / "index.html").write_text("another page\n", encoding="utf-8")
    assert release.archive(html, "site-1") != packed


def test_an_archive_has_no_traces_of_the_machine(html):
    found = entries(release.archive(html, "site-1"))
    assert [entry.name for entry in found] == ["site-1/_static/site.css", "site-1/index.html"]
    expected = {"uid": 0, "gid": 0, "uname": "", "gname": "", "mtime": 0, "mode": 0o644}
    for entry in found:
        assert {name: getattr(entry, name) for name in expected} == expected


def test_a_release_has_the_site_websocket_doctor_sums_and_notes(html, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "PACKED", tmp_path / "websocket-doctor.pyz")
    monkeypatch.setattr(release, "pack", lambda path: path.write_bytes(b"#!python\n"))
    monkeypatch.setattr(release, "_sphinx", html.rename)
    target = tmp_path / "release"
    target.mkdir()
    (target / "site-0.0.0.tar.gz").write_bytes(b"from an older version")
    sums = release.build(target, CHANGELOG)
    site = f"site-{__version__}.tar.gz"
    assert sorted(path.name for path in target.iterdir()) == sorted(
        ["SHA256SUMS", "notes.md", site, "websocket-doctor.pyz"]
    )
    assert (target / "notes.md").read_text(encoding="utf-8") == "### Added\n\n- The site.\n"
    assert (target / "SHA256SUMS").read_text(encoding="utf-8") == sums
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest
    assert [line.split("  ")[1] for line in sums.splitlines()] == [site, "websocket-doctor.pyz"]


@pytest.mark.parametrize("tag", [__version__, "v0.0.1", f"v{__version__}-rc1", ""])
def test_a_tag_of_another_version_is_rejected(tag, capsys):
    assert release.main([tag]) == 2
    assert capsys.readouterr().err == (
        f"release: expected the tag v{__version__}, the version in checks/__init__.py, got {tag!r}\n"
    )


def test_the_tag_of_this_version_is_accepted():
    release.check([f"v{__version__}"])


@pytest.mark.parametrize("changelog", ["# Changelog\n\n## Unreleased\n\n- All.\n", f"## {__version__}\n\n## 0.0.1\n"])
def test_a_version_without_a_section_is_rejected(changelog, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "CHANGELOG", tmp_path / "CHANGELOG.md")
    release.CHANGELOG.write_text(changelog, encoding="utf-8")
    assert release.main([]) == 2
    assert capsys.readouterr().err == (
        f"release: CHANGELOG.md has no section {__version__}: rename its section Unreleased\n"
    )


def test_a_longer_version_does_not_match():
    with pytest.raises(LabError, match="no section 1"):
        release.notes("## 1.0\n\n- This is 1.0.\n", "1")


@pytest.mark.parametrize("file", ["checks/__main__.py", "websocket-doctor.pyz"], ids=["module", "pyz"])
def test_both_commands_print_the_version(file, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [file])
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"websocket-doctor {__version__}\n")


def test_the_version_is_only_in_checks_init():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "checks.__version__"}
    assert "version" not in project["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_module_rejects_two_tags():
    command = [sys.executable, "-m", "checks.lab.release", "v0", "v1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "release: expected one tag at most, got 2\n"
