"""echo: with it, diagnose names the header that a proxy drops or changes."""

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from support.machine import RECIPES
from support.proof import ROOT

from checks.cli import main
from checks.findings import diagnose
from checks.lab.process import free_port
from checks.lab.proxy import proxy
from checks.probe import Target, look
from checks.report.terminal import stages


def test_a_port_out_of_range_is_one_line(capsys):
    assert main(["echo", "--port", "99999"]) == 2
    assert capsys.readouterr().err == "checks: --port: expected 0-65535, got 99999\n"


def test_an_address_of_another_computer_is_one_line(capsys):
    port = free_port()
    assert main(["echo", "--address", "192.0.2.1", "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"checks: cannot listen on 192.0.2.1:{port}: ")
    assert error.count("\n") == 1


@pytest.fixture(scope="module")
def echo():
    """Run the command; return its port."""
    command = [sys.executable, "-u", "-m", "checks", "echo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield SimpleNamespace(port=int(line.split(";")[0].rpartition(":")[2]))
        finally:
            process.kill()


@contextmanager
def evidence_through_nginx(echo, broken=None):
    recipe = RECIPES["nginx"]
    config = recipe.variant(broken) if broken else recipe.config(https=False)
    with proxy(recipe, recipe.newest(), config, echo) as site:
        yield asyncio.run(look(Target(site.origin, {"Cookie": "session=planted-secret"})))


def test_a_working_proxy_changes_no_important_header(echo):
    with evidence_through_nginx(echo) as evidence:
        shake = evidence.handshake(evidence.paths[0])
        assert shake.opened
        assert shake.changed_headers == {}
        assert diagnose(evidence).works
        assert "planted-secret" not in evidence.to_json()


@pytest.mark.proves("echo-names-the-lost-header")
def test_the_dropped_header_is_named(echo):
    with evidence_through_nginx(echo, "upgrade-not-forwarded") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "upgrade-not-forwarded"
        assert finding.proof.endswith("Upgrade was sent and did not arrive")
        assert "  arrived            without Upgrade" in list(stages(evidence))


def test_a_replaced_host_is_named_although_the_websocket_opens(echo):
    with evidence_through_nginx(echo, "host-not-preserved") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "host-not-preserved"
        assert finding.proof.endswith(f"got 127.0.0.1:{echo.port}")
