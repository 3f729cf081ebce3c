"""The built site, for all tests that look at it."""

import pytest
from support.site import sphinx


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Build the site; return its folder and the finished process."""
    out = tmp_path_factory.mktemp("site")
    return out, sphinx("docs", out)


@pytest.fixture(scope="session")
def site(build):
    """Return the folder of the built site."""
    out, result = build
    if not (out / "index.html").exists():
        pytest.fail(f"Sphinx built no site: fix what it reports:\n{result.stdout}", pytrace=False)
    return out
