"""From both ends: `checks echo` in the place of DSS, and `diagnose` before the proxy, say what the proxy changed."""

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from machine import RECIPES
from proof import ROOT

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look
from checks.view import stages


@pytest.fixture(scope="module")
def echo():
    """Run the command; return what stands in the place of DSS."""
    command = [sys.executable, "-u", "-m", "checks", "echo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            yield SimpleNamespace(port=int(said.split(";")[0].rpartition(":")[2]))
        finally:
            process.kill()


@contextmanager
def before(echo, finding=None):
    recipe = RECIPES["nginx"]
    config = recipe.twin(finding) if finding else recipe.config(https=False)
    with proxy(recipe, recipe.newest(), config, echo) as site:
        yield asyncio.run(look(Target(site.origin, {"Cookie": "session=planted-secret"})))


def test_a_sound_proxy_changes_nothing_that_matters(echo):
    with before(echo) as evidence:
        shake = evidence.handshake(evidence.paths[0])
        assert (shake.opened, shake.changed_headers) == (True, {})
        assert [finding.id for finding in diagnose(evidence).findings] == ["works"]
        assert "planted-secret" not in evidence.to_json()


@pytest.mark.proves("echo-names-the-lost-header")
def test_the_header_that_was_lost_is_named(echo):
    with before(echo, "upgrade-not-forwarded") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "upgrade-not-forwarded"
        assert finding.proof.endswith("Upgrade was sent and did not arrive")
        assert "  arrived            without Upgrade" in list(stages(evidence))


def test_a_host_that_was_replaced_is_named_though_the_socket_opens(echo):
    with before(echo, "host-not-preserved") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "host-not-preserved"
        assert finding.proof.endswith(f"got 127.0.0.1:{echo.port}")
