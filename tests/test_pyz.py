"""websocket-doctor.pyz: the same bytes whoever builds it, and it runs where nothing is installed."""

import ast
import functools
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from proof import ROOT

from checks.lab import pack as packing
from checks.lab.pack import pack

NEWEST_TOO_OLD = (3, 8)


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    path = tmp_path_factory.mktemp("pyz") / "websocket-doctor.pyz"
    pack(path)
    return path


@functools.cache
def interpreters():
    """Return the Pythons of this machine by version, each once, oldest first."""
    places = [path for name in ("python3", "python2") for path in map(shutil.which, [name]) if path]
    places += map(str, Path("~/.pyenv/versions").expanduser().glob("*/bin/python"))
    places += [path for minor in range(9, 16) if (path := shutil.which(f"python3.{minor}"))]
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    found = {}
    for place in [sys.executable, *places]:
        done = subprocess.run([place, "-c", ask], capture_output=True, text=True, check=False)
        if not done.returncode:
            found.setdefault(tuple(map(int, done.stdout.split("."))), place)
    return dict(sorted(found.items()))


@pytest.fixture(params=["oldest", "newest"])
def python(request):
    """The oldest and the newest Python of this machine that the file is for."""
    able = [path for version, path in interpreters().items() if version > NEWEST_TOO_OLD]
    return able[0] if request.param == "oldest" else able[-1]


def run(python, pyz, *argv):
    """Run the file as on a machine where nothing is installed; nothing of this checkout is seen."""
    command = [python, "-I", pyz, *argv]
    return subprocess.run(command, cwd=pyz.parent, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.proves("the-single-file-is-reproducible")
def test_it_is_the_same_bytes_when_built_again_elsewhere(pyz, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()


def test_it_holds_the_licences_of_what_is_inside_and_nothing_that_is_compiled(pyz):
    with zipfile.ZipFile(pyz) as packed:
        names = packed.namelist()
    wanted = re.findall(r"(?m)^(\w+)==", packing.WANTED.read_text())
    assert {name.split("/")[1] for name in names if name.startswith("licences/")} == set(wanted)
    assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc", ".c"))]
    assert not [name for name in names if name.startswith("checks/lab")]


def test_it_looks_at_an_address(python, pyz, dss):
    done = run(python, pyz, "diagnose", f"http://127.0.0.1:{dss.port}", "--no-proxy")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("works: ")


def test_it_writes_a_note_that_names_the_file_and_not_a_checkout(python, pyz, dss):
    done = run(python, pyz, "note", f"http://127.0.0.1:{dss.port}", "--no-proxy")
    assert f"websocket-doctor.pyz diagnose http://127.0.0.1:{dss.port}" in done.stdout


def test_it_explains_without_a_checkout(python, pyz):
    done = run(python, pyz, "explain", "idle-timeout")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("An idle timeout closes the WebSocket\n")


def test_wrong_usage_gets_one_sentence(python, pyz):
    done = run(python, pyz, "diagnose", "dss.example.com")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("websocket-doctor.pyz: invalid URL 'dss.example.com'")


AS_3_8 = "import runpy, sys; sys.version_info = (3, 8, 20); runpy.run_path(sys.argv[1], run_name='__main__')"


def test_an_old_python_reports_which_one_is_needed(pyz):
    old = {".".join(map(str, version)): [path] for version, path in interpreters().items() if version <= NEWEST_TOO_OLD}
    for version, python in [("3.8", [sys.executable, "-c", AS_3_8]), *old.items()]:
        done = subprocess.run([*python, pyz, "--help"], capture_output=True, text=True, check=False)
        assert done.stderr == f"websocket-doctor needs Python 3.9 or newer; this is Python {version}\n"
        assert done.returncode == 1


def test_every_module_inside_is_valid_python_3_9():
    for pattern in packing.OWN:
        for path in (ROOT / "checks").glob(pattern):
            if path.suffix == ".py":
                ast.parse(path.read_bytes(), str(path), feature_version=(3, 9))
