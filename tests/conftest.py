"""Fixtures and hooks for all tests: the stand-in, shards, the record of a run."""

import contextlib
import os
import platform
import secrets
import socket
import ssl
import tempfile
import zlib
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
import trustme
from support.compare import compare, merged
from support.machine import (
    BUILDS,
    SHARDS,
    NotInstalled,
    NotRun,
    builds_of,
    every,
    files_of,
    is_declared,
    lines_about,
    require,
    shard_of,
    versions_here,
)
from support.proof import (
    DRAFT,
    NO_PROXY,
    PROOF,
    ROOT,
    Outcome,
    Run,
    as_text,
    id_of,
    id_without_group,
    name_of,
    renewed,
    text_of,
)

from checks.lab.chromium import chromium_version, launch
from checks.lab.process import LabError, MachineError
from checks.lab.standin import stand_in

# A run writes only inside the checkout, including the temporary files of libraries and browsers.
os.environ["TMPDIR"] = str(ROOT / "_build" / "tmp")
(ROOT / "_build" / "tmp").mkdir(parents=True, exist_ok=True)
tempfile.tempdir = os.environ["TMPDIR"]

# Tests connect to loopback, which a proxy for the internet cannot reach.
for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(name, None)

# Every run tries the same examples, and no example has a deadline: a busy machine is slow.
hypothesis.settings.register_profile("suite", max_examples=100, derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")

RUN = pytest.StashKey[Run]()
SUMMARY = pytest.StashKey[list[str]]()


def pytest_addoption(parser):
    group = parser.getgroup("record", "the record of results, checks/proof.json")
    group.addoption("--prove", action="store_true", help="write the record from this run of the whole suite")
    group.addoption("--record", type=Path, default=PROOF, metavar="FILE", help="compare this run with FILE")
    group.addoption("--shard", choices=SHARDS, help="run the tests of one recipe, or the rest")
    group.addoption("--merge", metavar="PATTERN", help="only compare the results of all shards, in these files")


def is_worker(config):
    return hasattr(config, "workerinput")


def is_whole(config):
    """Tell whether all tests are selected, or all of a shard."""
    option = config.option
    narrowed = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob", "stepwise")
    return config.args == config.getini("testpaths") and not any(getattr(option, name, None) for name in narrowed)


def pytest_configure(config):
    config.pluginmanager.register(NotRun())
    if is_worker(config):
        return
    if config.option.prove and (config.option.shard or not is_whole(config)):
        raise pytest.UsageError("--prove needs the whole suite: run `make prove`")
    config.stash[RUN] = Run({}, whole=is_whole(config), shard=config.option.shard or "")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """With --merge, only compare."""
    if not config.option.merge:
        return None
    try:
        run = merged(list(map(Run.read, matching(config.option.merge))), SHARDS)
    except ValueError as error:
        raise pytest.UsageError(f"--merge: {error}") from error
    found = compare(text_of(config.option.record), run)
    print("\n".join(found.lines() or [f"{len(run.tests)} tests match checks/proof.json"]))
    return pytest.ExitCode.TESTS_FAILED if found.differences else pytest.ExitCode.OK


def matching(pattern):
    """Return the files that match a pattern such as _build/seen-*.json."""
    path = Path(pattern).absolute()
    return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def pytest_ignore_collect(collection_path, config):
    """For `make check`, import only files that have quick tests."""
    if config.option.markexpr == "quick" and collection_path.match("test_*.py"):
        return "mark.quick" not in collection_path.read_text() or None
    return None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    for item in items:
        if not item.get_closest_marker("xdist_group") and uses_what_a_module_shares(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if config.option.prove:
        items[:] = [item for item in items if not item.get_closest_marker("reads_proof")]
    if config.option.shard:
        items[:] = [item for item in items if shard_of(item) == config.option.shard]
    if is_worker(config):
        # A long group starts early, so that no worker runs it alone at the end.
        # The tests of one file often all compute, or all wait, so they are mixed with others.
        groups = Counter(map(group_of, items))
        items.sort(key=lambda item: order(group_of(item), groups))


def order(group, groups):
    """Return the place of a group among all groups, the same in every run."""
    return group != "silence", -groups[group], zlib.crc32(group.encode())


def uses_what_a_module_shares(item):
    """Tell whether a test has a fixture of its module.

    Each worker would set it up again.
    """
    definitions = getattr(item, "_fixtureinfo", None)
    return any(found[-1].scope == "module" for found in definitions.name2fixturedefs.values()) if definitions else False


def group_of(item):
    """Return the group of tests that xdist runs in one worker, or the test's id."""
    names = sorted({str(marker.args[0]) for marker in item.iter_markers("xdist_group")})
    return "_".join(names) or item.nodeid


def pytest_collection_finish(session):
    if is_worker(session.config):
        session.config.workeroutput["planned"] = len(session.items)
    else:
        session.config.stash[RUN].planned = len(session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Store how many tests a worker of xdist selected: the main process selects none."""
    node.config.stash[RUN].planned = getattr(node, "workeroutput", {}).get("planned", 0)


def pytest_report_header():
    builds = [build for known in BUILDS.values() for build in known if not isinstance(build, NotInstalled)]
    libraries = ("jupyter_server", "ipykernel", "websockets", "sphinx", "playwright")
    lines = [f"real: {build}" for build in builds]
    lines.append("real: " + ", ".join(f"{name} {version(name)}" for name in libraries))
    return [*lines, f"real: {', '.join(filter(None, [browser_here(), f'Python {platform.python_version()}']))}"]


def browser_here():
    """Return the name and version of the browser on this machine, or None."""
    with contextlib.suppress(LabError):
        return chromium_version()
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    note = item.user_properties.append
    for marker in item.iter_markers("proves"):
        note(("proves", marker.args[0]))
    for build in filter(is_declared, builds_of(item)):
        note(("on", id_of(build)))
    if "record_property" in item.fixturenames:
        for path in files_of(item):
            note(("file", name_of(path)))
    if "verdict" in item.fixturenames:
        note(("judges", True))
    require(*builds_of(item))


def pytest_runtest_logreport(report):
    if report.when == "call" or (report.when == "setup" and not report.passed):
        name = id_without_group(report.nodeid)
        _outcomes[name] = Outcome(name.split("[")[0], report.passed, [list(pair) for pair in report.user_properties])


_outcomes = {}
"""The outcome of each test so far, by its id."""


def pytest_sessionfinish(session, exitstatus):
    config = session.config
    if is_worker(config) or RUN not in config.stash or config.option.collectonly:
        return
    run = config.stash[RUN]
    run.tests, run.builds = dict(_outcomes), versions_here(browser_here())
    if run.shard:
        run.write(ROOT / "_build" / f"seen-{run.shard}.json")
    if config.option.prove:
        config.stash[SUMMARY] = prove(run, exitstatus)
        return
    found = compare(text_of(config.option.record), run)
    config.stash[SUMMARY] = found.lines()
    if found.differences and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def prove(run, exitstatus):
    """Write the record of a run, if every test passed; return what to print."""
    text = as_text(renewed(run))
    DRAFT.write_text(text)
    skipped = sum(bool(test.values("lacks")) for test in run.tests.values())
    if exitstatus or skipped or not run.complete:
        why = f"{skipped} tests did not run" if skipped and not exitstatus else "a test failed, or the run ended early"
        return [f"did not write checks/proof.json: {why}"]
    PROOF.write_text(text)
    return ["wrote checks/proof.json: read the changes, and commit it"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter, config):
    result = yield
    # Last, so that it is visible below any number of failures.
    lacking = [tuple(missing) for test in _outcomes.values() for missing in test.values("lacks")]
    for line in [*lines_about(lacking), *config.stash.get(SUMMARY, [])]:
        terminalreporter.write_line(line)
    return result


@pytest.fixture(scope="session")
def dss():
    """A running stand-in for DSS."""
    with stand_in() as standin:
        yield standin


@pytest.fixture(scope="session")
def bare():
    """A stand-in without its nginx and without Jupyter."""
    with stand_in(bare=True) as standin:
        yield standin


@pytest.fixture(scope="module")
def browser():
    """A running Chromium."""
    with launch() as browser:
        yield browser


@pytest.fixture(params=every("squid"), ids=str)
def squid(request):
    """Each build of Squid."""
    return request.param


@pytest.fixture
def own_address():
    """A loopback address that no other test uses, with port 443 free to listen on."""
    address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
    try:
        socket.create_server((address, 443)).close()
    except OSError as error:
        raise MachineError(
            f"no permission to listen on port 443 ({error.strerror});"
            " on Linux, allow it with: sysctl net.ipv4.ip_unprivileged_port_start=443"
        ) from error
    return address


@pytest.fixture
def verdict(request, record_property):
    """Return a function that records what diagnose named for a known cause."""
    builds = builds_of(request.node)

    def judge(kind, truth, named):
        if not builds or is_declared(builds[0]):
            record_property("verdict", [kind, truth, named, id_of(builds[0]) if builds else NO_PROXY])

    return judge


@pytest.fixture
def identity(tmp_path):
    """A folder with a certificate and its key, and a context that trusts them.

    The files are chain.pem (with the intermediate), leaf.pem (without it) and key.pem.
    """
    authority = trustme.CA()
    leaf = authority.create_child_ca().issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "leaf.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    return SimpleNamespace(folder=tmp_path, tls=tls)
