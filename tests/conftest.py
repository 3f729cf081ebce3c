"""What the tests share: the header, the stand-in, the builds, and the writing of proof.json."""

import json
import os
import platform
import ssl
import tempfile
from collections import Counter
from importlib.metadata import version
from types import SimpleNamespace

import pytest
import trustme
from proof import DRAFT, PROOF, ROOT, collect, renewed

from checks.lab.browser import chromium_version
from checks.lab.process import LabError
from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.recipe import recipes
from checks.lab.standin import stand_in
from checks.lab.zoo import Build

# Everything that a run writes stays in the checkout, also what libraries and browsers put into "the" temp folder.
os.environ["TMPDIR"] = str(ROOT / "_build" / "tmp")
(ROOT / "_build" / "tmp").mkdir(parents=True, exist_ok=True)
tempfile.tempdir = os.environ["TMPDIR"]

# Tests talk to loopback; a proxy meant for the rest of the world is not asked.
for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(name, None)

RECIPES = recipes()
BUILDS = {name: recipe.builds for name, recipe in RECIPES.items()}
SQUIDS = BUILDS["squid"]


def recipe_of(config):
    """Return the recipe that a config, a twin or a transcript belongs to."""
    return RECIPES[config.relative_to(FOLDER).parts[0]]


SITES = [
    (build, config)
    for name, recipe in RECIPES.items()
    for config in recipe.configs
    for build in BUILDS[name]
    if recipe.suits(build, config)
]


def pytest_addoption(parser):
    parser.addoption("--prove", action="store_true", help="write what held, and on what, to checks/proof.json")


def pytest_configure(config):
    whole = not (config.option.keyword or config.option.markexpr) and config.args == config.getini("testpaths")
    if config.getoption("prove") and not whole and not hasattr(config, "workerinput"):
        raise pytest.UsageError("--prove writes the record of the whole suite: run `make prove`")


def pytest_collection_modifyitems(config, items):
    if config.getoption("prove"):
        items[:] = [item for item in items if not item.get_closest_marker("reads_proof")]


def pytest_report_header():
    lines = [f"real: {build}" for all_builds in BUILDS.values() for build in all_builds]
    libraries = ("jupyter_server", "ipykernel", "websockets", "sphinx", "playwright")
    lines.append("real: " + ", ".join(f"{name} {version(name)}" for name in libraries))
    return [*lines, f"real: {_chromium()}, Python {platform.python_version()}"]


def _chromium():
    try:
        return chromium_version()
    except LabError as error:
        return str(error)


def pytest_runtest_setup(item):
    for marker in item.iter_markers("proves"):
        item.user_properties.append(("proves", marker.args[0]))
    for value in (getattr(item, "callspec", None) and item.callspec.params.values()) or ():
        build = value[0] if isinstance(value, tuple) else value
        if isinstance(build, Build):
            item.user_properties.append(("on", f"{build.program} {build.version}"))


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        collect(report.nodeid, report.user_properties)


def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workerinput") or not session.config.getoption("prove"):
        return
    for path in [DRAFT, *([PROOF] if exitstatus == 0 else [])]:
        path.write_text(json.dumps(renewed(), indent=2, ensure_ascii=False) + "\n")


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped"))
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"not run: {tests} tests, because {reason}")
    if config.getoption("prove"):
        said = "written" if exitstatus == 0 else "left as it was, because not everything held"
        terminalreporter.write_line(f"checks/proof.json is {said}")


@pytest.fixture(scope="session")
def dss():
    """A stand-in of DSS; on failure of its start, its own words."""
    with stand_in() as standin:
        yield standin


@pytest.fixture(scope="session")
def bare():
    """A stand-in without its own nginx and without Jupyter."""
    with stand_in(bare=True) as standin:
        yield standin


@pytest.fixture
def identity(tmp_path):
    """A certificate with its chain, without it, and its key, as files; and what trusts their authority."""
    authority = trustme.CA()
    leaf = authority.create_child_ca().issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "leaf.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return SimpleNamespace(folder=tmp_path, tls=tls)
