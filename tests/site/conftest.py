"""The built site, for all tests that look at it."""

import fcntl
import os
from subprocess import CompletedProcess

import pytest
from support.site import sphinx


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build the site once for all workers; return its folder and the process."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    printed = folder / "site.txt"
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            result = sphinx("docs", folder / "site")
            printed.write_text(f"{result.returncode}\n{result.stdout}", encoding="utf-8")
    code, _, output = printed.read_text(encoding="utf-8").partition("\n")
    return folder / "site", CompletedProcess("sphinx", int(code), output)


@pytest.fixture(scope="session")
def site(built):
    """Return the folder of the built site."""
    out, result = built
    if not (out / "index.html").exists():
        pytest.fail(f"Sphinx built no site: fix what it reports:\n{result.stdout}", pytrace=False)
    return out
