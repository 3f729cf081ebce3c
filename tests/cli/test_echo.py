"""echo: with it, diagnose names the header that a proxy drops or changes."""

import asyncio
import json
import socket
import time
from contextlib import contextmanager
from unittest.mock import ANY

import pytest
from support.echo import CONFIGS, running_echo
from support.machine import RECIPES
from support.proof import ROOT
from websockets.asyncio.client import connect

from checks.cli import main
from checks.cli.echo import greeting
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


def test_the_page_shows_what_it_prints(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["websocket-doctor.pyz"])
    command, *shown = (ROOT / "checks" / "echo" / "start.console").read_text().splitlines()
    assert shown == greeting("127.0.0.1", int(command.rpartition(" ")[2]))
    for name, config in CONFIGS.items():
        assert main(["echo", "--config", name]) == 0
        assert capsys.readouterr().out == config.read_text()
    assert main(["echo", "--config", "iis"]) == 2
    assert f"--config: expected one of {', '.join(sorted(CONFIGS))}, got 'iis'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def echo():
    with running_echo() as server:
        yield server


def exchanged(echo, data):
    """Send bytes; return the status code and the report.

    The report is in a header and in the body.
    """
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as peer:
        peer.sendall(data)
        head, _, body = b"".join(iter(lambda: peer.recv(65536), b"")).decode().partition("\r\n\r\n")
    fields = dict(line.partition(": ")[::2] for line in head.split("\r\n")[1:])
    report = json.loads(fields["X-Arrived"])
    assert fields["X-WebSocket-Doctor"] == "echo"
    assert report.items() <= json.loads(body).items()
    return int(head.split()[1]), report


HANDSHAKE = b"Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

REFUSED = {
    "no Upgrade": (b"GET /a HTTP/1.1\r\nHost: h\r\n", 426, "GET /a HTTP/1.1"),
    "no Connection": (b"GET /a HTTP/1.1\r\nUpgrade: websocket\r\n" + KEY, 426, "GET /a HTTP/1.1"),
    "no key": (b"GET /a HTTP/1.1\r\n" + HANDSHAKE, 400, "GET /a HTTP/1.1"),
    "no version": (b"GET /a HTTP/1.1\r\n" + HANDSHAKE + KEY, 400, "GET /a HTTP/1.1"),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n" + HANDSHAKE + KEY, 505, "GET /a HTTP/1.0"),
    "POST": (b"POST /a HTTP/1.1\r\n" + HANDSHAKE, 405, "POST /a HTTP/1.1"),
    "a body": (b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n", 400, "POST /a HTTP/1.1"),
    "200 headers": (b"GET /a HTTP/1.1\r\n" + b"A: b\r\n" * 200, 400, "GET /a HTTP/1.1"),
    "a long header": (b"GET /a HTTP/1.1\r\nA: " + b"b" * 60000 + b"\r\n", 400, "GET /a HTTP/1.1"),
    "not HTTP": (b"\xff\x00\r\n", 400, "\xff\x00"),
    "the page": (b"GET / HTTP/1.1\r\nHost: h\r\n", 200, "GET / HTTP/1.1"),
    "the health check": (b"GET /dip/api/ping HTTP/1.1\r\nHost: h\r\n", 200, "GET /dip/api/ping HTTP/1.1"),
}
"""The head of a request, the status code of its response, and the request line in the report."""


@pytest.mark.parametrize("case", REFUSED)
def test_every_response_reports_what_arrived(case, echo):
    head, status, request = REFUSED[case]
    assert exchanged(echo, head + b"\r\n") == (status, {"request": request, "headers": ANY})


def test_the_headers_are_reported_in_order_and_as_they_arrived(echo):
    _, report = exchanged(echo, b"GET / HTTP/1.1\r\nhost: h\r\nX-A: 1\r\nX-A:2\r\nCookie: a=b\r\n\r\n")
    assert report["headers"] == [["host", "h"], ["X-A", "1"], ["X-A", "2"], ["Cookie", "***"]]


def test_a_report_fits_into_the_head_of_a_response(echo):
    many = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 50) for number in range(90))
    _, report = exchanged(echo, b"GET / HTTP/1.1\r\n" + many + b"Host: h\r\n\r\n")
    assert report["headers"] == [["Host", "h"], ["...", ""]]


def test_the_server_closes_after_the_close_frames(echo):
    async def client():
        async with connect(f"ws://127.0.0.1:{echo.port}/socket", close_timeout=30) as websocket:
            await websocket.send("message")
            return await websocket.recv()

    began = time.monotonic()
    assert asyncio.run(client()) == "message"
    assert time.monotonic() - began < 25


def test_tls_is_reported_on_the_terminal(echo):
    exchanged(echo, b"\x16\x03\x01")
    lines = iter(echo.process.stdout.readline, "")
    assert "received TLS, not HTTP: make the proxy use http:// for this port\n" in lines


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
    """`echo` names the header that a proxy drops."""
    with evidence_through_nginx(echo, "upgrade-not-forwarded") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "upgrade-not-forwarded"
        assert "; Upgrade was sent and did not arrive" in finding.proof
        assert "  arrived            without Upgrade" in list(stages(evidence))


def test_a_replaced_host_is_named_although_the_websocket_opens(echo):
    with evidence_through_nginx(echo, "host-not-preserved") as evidence:
        (finding,) = diagnose(evidence).findings
        assert finding.id == "host-not-preserved"
        assert finding.proof.endswith(f"got 127.0.0.1:{echo.port}")
