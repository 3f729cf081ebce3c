"""Fixtures for hostile peers."""

import pytest
from support.certificates import TLS_WITH_HTTP_2
from support.hostile import MEMORY, Case, Separate, check, diagnosed, running
from support.server import silent, then
from support.server_http2 import frame, instead_of_http2


@pytest.fixture
def survives(tmp_path, capsys):
    """Return a function that checks the report on a case."""
    return lambda case: check(case, diagnosed(case, tmp_path, capsys))


@pytest.fixture(scope="session")
def usual_memory(tmp_path_factory):
    """The peak memory in MB for a good peer with TLS."""
    diagnose = Separate()
    case = Case(instead_of_http2(then(frame(4), silent)), scheme="https", tls=TLS_WITH_HTTP_2)
    with running(case, tmp_path_factory.mktemp("usual")) as arguments:
        assert diagnose(["diagnose", *arguments]) == 0
    return diagnose.memory


@pytest.fixture
def survives_in_little_memory(usual_memory, tmp_path, capsys):
    """Return a function that checks the report on a case, and its memory."""

    def run(case):
        diagnose = Separate()
        check(case, diagnosed(case, tmp_path, capsys, diagnose))
        assert diagnose.memory < usual_memory + MEMORY

    return run
