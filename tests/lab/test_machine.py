"""What tests do on machines that lack builds, programs or permissions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.machine import RECIPES, NotInstalled, absent, every, installed, is_declared, lines_about, suiting
from support.proof import ROOT

from checks.lab.builds import Build
from checks.lab.origins import Builds
from checks.lab.process import NotInstalledError
from checks.lab.proxy import proxy
from checks.lab.recipe import Recipe

CONFTEST = """
from support.machine import NotRun

def pytest_configure(config):
    config.pluginmanager.register(NotRun())
"""

TESTS = """
import pytest
from checks.lab.process import MachineError, NotInstalledError

@pytest.fixture(scope="module")
def browser():
    raise NotInstalledError("Chromium")

def test_one(browser):
    pass

def test_another(browser):
    pass

def test_with_a_build():
    raise NotInstalledError("nginx 1.22.1 (bookworm)")

def test_with_a_permission():
    raise MachineError("no permission to listen on port 443")

def test_with_nothing():
    pass
"""


def pytest_in(folder, *arguments, **environment):
    """Run pytest in a folder, as if not on CI."""
    command = [sys.executable, "-m", "pytest", "-o", "cache_dir=_build/pytest-inner", *arguments]
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("environment", "outcomes", "code"),
    [({}, "1 passed, 4 skipped", 0), ({"CI": "true"}, "2 failed, 1 passed, 2 errors", 1)],
    ids=["not on CI", "on CI"],
)
def test_a_missing_build_skips_but_fails_on_ci(environment, outcomes, code, tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = pytest_in(tmp_path, "-c", os.devnull, "--rootdir", ".", "test_it.py", PYTHONPATH=path, **environment)
    assert outcomes in done.stdout
    assert done.returncode == code
    assert ("nginx 1.22.1 (bookworm) is not installed; add it with: make builds" in done.stdout) == bool(code)


def test_each_missing_thing_is_reported_once():
    lacking = [("Chromium", True), ("no IPv6 on loopback", False), ("Chromium", True), ("curl", True)]
    assert lines_about(lacking) == [
        "not run: 2 tests that need Chromium",
        "not run: 1 test that needs curl",
        "to add what these tests need, run: make builds",
        "not run: 1 test: no IPv6 on loopback",
    ]
    assert lines_about([]) == []


NOTHING = """
import platform, sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, "tests")
platform.system = lambda: "Unknown"  # no wheel has a program for it
import checks.lab.builds, checks.lab.programs
from support import proof

checks.lab.builds.DOWNLOADS = checks.lab.programs.BIN = proof.PROOF = proof.DRAFT = Path("nowhere")
"""


def test_every_test_is_collected_on_a_machine_with_nothing(tmp_path):
    (tmp_path / "nothing.py").write_text(NOTHING)
    done = pytest_in(ROOT, "-p", "nothing", "--collect-only", "-q", PYTHONPATH=str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "[nginx 0 (any origin)]" in done.stdout


@pytest.fixture
def haproxy(monkeypatch):
    """A function that returns a recipe with two origins, and with some builds here."""
    debian = {"path": "usr/sbin/haproxy", "packages": ["haproxy"]}
    builds = Builds(version_argument="-v", debian={"bookworm": debian, "trixie": debian})
    declared = RECIPES["haproxy"].file.model_copy(update={"builds": builds})
    proven = {"haproxy": {"bookworm": "2.6.12", "trixie": "3.0.11"}}
    monkeypatch.setattr("support.machine.RECORDED", proven)

    def on(*builds):
        recipe = Recipe("haproxy", Path(), declared)
        vars(recipe)["builds"] = [Build("haproxy", version, Path(), origin) for version, origin in builds]
        return recipe

    return on


def test_a_config_on_a_missing_build_reports_its_name(bare):
    config = RECIPES["nginx"].config(https=False)
    build = NotInstalled("nginx", "9.9.9", Path(), "wheel", what="nginx 9.9.9 (wheel)")
    missing = pytest.raises(NotInstalledError, match=r"nginx 9\.9\.9 \(wheel\) is not installed")
    with missing, proxy(RECIPES["nginx"], build, config, bare):
        pass


def test_a_missing_build_is_named_with_version_and_origin(haproxy):
    (build,) = absent(haproxy(("2.6.12", "bookworm")))
    assert build.version == "3.0.11"
    assert build.what == "HAProxy 3.0.11 (trixie)"


def test_a_build_on_path_replaces_an_equal_version(haproxy):
    recipe = haproxy(("2.6.12", "PATH"), ("2.9.0", "PATH"))
    assert {origin: build.version for origin, build in installed(recipe).items()} == {"bookworm": "2.6.12"}
    assert [build.version for build in absent(recipe)] == ["3.0.11"]


def test_a_newer_build_from_the_mirror_is_not_missing(haproxy):
    recipe = haproxy(("2.6.13", "bookworm"), ("3.0.11", "trixie"))
    assert absent(recipe) == []
    assert installed(recipe)["bookworm"].version == "2.6.13"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_config_has_a_build_even_on_an_empty_machine(recipe):
    assert every(recipe.name)
    (missing,) = every(recipe.name, since="9998")
    assert isinstance(missing, NotInstalled)
    assert is_declared(missing)
    assert all(map(suiting, [*recipe.configs, *recipe.broken]))
