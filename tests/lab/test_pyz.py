"""websocket-doctor.pyz: reproducible, and it runs where nothing is installed."""

import ast
import functools
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from checks.cli import commands, needs_lab
from checks.lab import pack as packing
from checks.lab.pack import pack
from checks.lab.process import MachineError

NEWEST_TOO_OLD = (3, 8)


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    path = tmp_path_factory.mktemp("pyz") / "websocket-doctor.pyz"
    pack(path)
    return path


@functools.cache
def interpreters():
    """Return one Python of this machine for each version, oldest first."""
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
    """The oldest and the newest Python of this machine that can run the file."""
    able = [path for version, path in interpreters().items() if version > NEWEST_TOO_OLD]
    return able[0] if request.param == "oldest" else able[-1]


def run(python, pyz, *argv):
    """Run the file as where nothing is installed, without this checkout."""
    command = [python, "-I", pyz, *argv]
    return subprocess.run(command, cwd=pyz.parent, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.proves("the-single-file-is-reproducible")
def test_another_build_has_the_same_bytes(pyz, tmp_path, monkeypatch):
    """A second build of the single file has the same bytes."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()


def test_without_an_index_the_file_stays_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "WHEELS", tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "former.pyz").write_bytes(b"former")
    with pytest.raises(MachineError, match="run this again where pip can"):
        pack(tmp_path / "former.pyz")
    assert (tmp_path / "former.pyz").read_bytes() == b"former"


@pytest.fixture(scope="module")
def names(pyz):
    """The names of the files inside."""
    with zipfile.ZipFile(pyz) as packed:
        return packed.namelist()


def test_it_has_the_licence_of_every_library(names):
    libraries = re.findall(r"(?m)^(\w+)==", packing.WANTED.read_text())
    assert {name.split("/")[1] for name in names if name.startswith("licences/")} == set(libraries)


def test_it_has_no_compiled_file(names):
    assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc", ".c"))]


def test_it_has_nothing_of_the_lab(names):
    modules = {f"checks/cli/{name}.py": needs_lab(module) for name, module in commands().items()}
    assert {name for name in names if name in modules} == {name for name, lab in modules.items() if not lab}
    assert not [name for name in names if name.startswith(("checks/lab/", "checks/recipes/"))]


def test_it_lists_the_commands_that_it_has(python, pyz):
    done = run(python, pyz, "--help")
    listed = re.findall(r"(?m)^    ([a-z]+) ", done.stdout)
    assert listed == [name for name, module in commands().items() if not needs_lab(module)]


def test_it_diagnoses_a_url(python, pyz, dss):
    done = run(python, pyz, "diagnose", f"http://127.0.0.1:{dss.port}", "--no-proxy")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\nWebSocket works (works)\n" in done.stdout


def test_the_command_in_a_ticket_names_the_file(python, pyz, dss):
    done = run(python, pyz, "note", f"http://127.0.0.1:{dss.port}", "--no-proxy")
    assert f"python websocket-doctor.pyz diagnose http://127.0.0.1:{dss.port}" in done.stdout


def test_it_explains_a_cause(python, pyz):
    done = run(python, pyz, "explain", "idle-timeout")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("An idle timeout closes the WebSocket (idle-timeout)\n")
    assert "Why it happens" in done.stdout


def test_it_lints_a_config(python, pyz, tmp_path):
    config = tmp_path / "dss.conf"
    config.write_text("server { location / { proxy_pass http://127.0.0.1:11000; } }\n")
    done = run(python, pyz, "lint", str(config))
    assert done.returncode == 1
    assert done.stderr == ""
    assert "broken     line 1" in done.stdout


def test_it_reads_the_modules_of_the_exporter(python, pyz):
    modules = pyz.parent / "modules.yml"
    modules.write_text("modules:\n  dss:\n    targets: [https://dss.example.com]\n")
    done = run(python, pyz, "exporter", "--config", modules.name, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "modules.yml is valid: dss\n", "")


def test_wrong_usage_is_one_line(python, pyz):
    done = run(python, pyz, "diagnose", "http://h", "--idle=x")
    assert done.returncode == 2
    assert done.stderr.startswith("websocket-doctor.pyz: --idle: expected a number, got 'x'; see `python websocket-doc")
    assert done.stderr.count("\n") == 1


def test_a_pac_file_needs_a_checkout(python, pyz, tmp_path):
    (tmp_path / "proxy.pac").write_text("function FindProxyForURL() { return 'DIRECT'; }")
    done = run(python, pyz, "diagnose", "http://h", "--pac", str(tmp_path / "proxy.pac"))
    assert done.returncode == 2
    assert "the single file cannot run PAC files; with --proxy, pass the proxy that the file returns\n" in done.stderr


AS_3_8 = "import runpy, sys; sys.version_info = (3, 8, 20); runpy.run_path(sys.argv[1], run_name='__main__')"


def test_an_old_python_names_the_version_it_needs(pyz):
    old = {".".join(map(str, version)): [path] for version, path in interpreters().items() if version <= NEWEST_TOO_OLD}
    for version, python in [("3.8", [sys.executable, "-c", AS_3_8]), *old.items()]:
        done = subprocess.run([*python, pyz, "--help"], capture_output=True, text=True, check=False)
        assert done.stderr == f"websocket-doctor needs Python 3.9 or newer; this is Python {version}\n"
        assert done.returncode == 1


def test_every_module_inside_is_valid_python_3_9():
    for path in packing.own_files():
        if path.suffix == ".py":
            ast.parse(path.read_bytes(), str(path), feature_version=(3, 9))
