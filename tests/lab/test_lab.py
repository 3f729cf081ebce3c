"""The lab reports a start only if a proxy keeps running, and isolates tests."""

import contextlib
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from support.proof import ROOT

from checks.lab import loopback, process
from checks.lab.process import LabError, on_free_ports, running
from checks.lab.proxy import confirm_start

OPENS = "import socket; server = socket.create_server(('127.0.0.1', 0)); print(server.getsockname()[1], flush=True); "
ENDS = OPENS + "server.accept(); raise SystemExit('no certificate')"
NEVER_RESPONDS = OPENS + "held = [server.accept() for _ in range(9)]"
CLOSES = OPENS + "\nwhile True: server.accept()[0].close()"


def confirm(program, folder):
    """Run a Python program as if it were a proxy, and confirm that it started."""
    with running([sys.executable, "-c", program], folder, "proxy") as process:
        process.wait_until(lambda: process.output().endswith("\n"))
        confirm_start(SimpleNamespace(address="127.0.0.1", port=int(process.output()), tls=None, process=process))


def test_a_proxy_that_ends_soon_did_not_start(tmp_path):
    with pytest.raises(LabError, match="no certificate"):
        confirm(ENDS, tmp_path)


@pytest.mark.parametrize("program", [NEVER_RESPONDS, CLOSES], ids=["never responds", "closes"])
def test_a_proxy_that_keeps_running_did_start(program, tmp_path):
    confirm(program, tmp_path)


def test_in_the_namespace_of_the_tests_nothing_else_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        command = [sys.executable, "-m", "checks.lab.loopback", sys.executable, "-c", connect]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ("ConnectionRefusedError" in done.stderr) == bool(loopback.prefix())


def test_a_program_gets_different_ports(monkeypatch):
    drawn = iter([7, 7, 8])
    monkeypatch.setattr(process, "free_port", lambda: next(drawn))
    assert on_free_ports(2, lambda *ports: sorted(ports)) == [7, 8]


def test_processes_never_get_the_same_port():
    draw = "from checks.lab.process import free_port; print(*{free_port() for _ in range(300)}); input()"
    command = [sys.executable, "-c", draw]
    with contextlib.ExitStack() as all_running:
        started = [
            all_running.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(3)
        ]
        drawn = [set(each.stdout.readline().split()) for each in started]
        for each in started:
            each.communicate("\n")
    assert all(drawn)
    assert len(set.union(*drawn)) == sum(map(len, drawn))


@pytest.mark.parametrize("path", ["/", "/dip/api/ping", "/dip/websocket", "/missing"])
def test_the_backend_announces_the_end_of_a_connection(path, bare):
    """Otherwise a proxy may send its next request on a connection that ends."""
    with socket.create_connection(("127.0.0.1", bare.port), timeout=20) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with client.makefile("rb") as received:
            head, _, _ = received.read().partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower().split(b"\r\n")
