"""The exporter as a process: hostile targets and clients, secrets, reloads."""

import base64
import concurrent.futures
import contextlib
import os
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.certificates import TLS
from support.server import (
    BINARY,
    PAGE,
    accept_uncompressed,
    always,
    bomb,
    endlessly,
    fake_dss,
    forward_proxy,
    frame,
    reset,
    response,
    scripted_server,
    silent,
    slowly,
)

from checks.cli import main
from checks.findings import ids
from checks.lab.process import SCALE, free_port
from checks.lab.prometheus import exporter

SECRETS = {"cookies": "session=planted-cookie", "token": "Bearer planted-token", "password": "planted-password"}
MEMORY = 60
"""MB that hostile targets may cost."""

HOSTILE = {
    "silence": silent,
    "one byte a second": slowly(b"HTTP/1.1 101 " + b"x" * 100),
    "a reset": reset,
    "endless headers": endlessly(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000),
    "endless body": endlessly(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65536),
    "garbage": bytes(range(255, 0, -1)) * 100,
    "hostile text": response('200 "}\n evil{x="1"} 1\n', b'websocket_probe_success{a="b"} 1\n', 'Server: "}\x1b[31m'),
    "endless frames": None,
    "a bomb": None,
}
"""What a hostile target responds to everything, or None for those that open the WebSocket first."""

SCRIPTS = {
    **{name: always(step) for name, step in HOSTILE.items() if step},
    "endless frames": fake_dss(handshake=accept_uncompressed(endlessly(frame(BINARY, b"x" * 100) * 600))),
    "a bomb": fake_dss(frames=endlessly(bomb())),
}


def modules(**given):
    """Return a file of modules, each with its targets and other keys."""
    lines = ["modules:"]
    for name, (targets, *others) in given.items():
        lines += [f"  {name.replace('_', '-')}:", f"    targets: [{', '.join(targets)}]"]
        lines += ['    networks: [127.0.0.0/8, "::1/128"]', *(f"    {line}" for line in ["hold: 0", *others])]
    return "\n".join(lines) + "\n"


def ask(server, target, module="", seconds=5.0, **more):
    """Request a probe; return status and body, also of an error."""
    query = urllib.parse.urlencode({"target": target, **({"module": module} if module else {}), **more})
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)} if seconds else {}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/probe?{query}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def values(text):
    """Return the samples of a page, by name and values of labels."""
    samples = [sample for family in parsed(text) for sample in family.samples]
    return {(each.name, *each.labels.values()): each.value for each in samples}


def open_files(server):
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def memory(server):
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def test_hostile_targets_stop_neither_it_nor_each_other(tmp_path):
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(scripted_server(script)) for name, script in SCRIPTS.items()}
        good = f"http://localhost:{stack.enter_context(scripted_server(fake_dss()))}"
        hostile = {name: f"http://localhost:{port}" for name, port in ports.items()}
        text = modules(dss=([good, *hostile.values()], "timeout: 1"))
        server = stack.enter_context(exporter(tmp_path, text))
        assert ask(server, good)[0] == 200
        files, before = open_files(server), memory(server)
        limit = 3 * SCALE
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            asked = {name: pool.submit(ask, server, url, seconds=limit) for name, url in hostile.items()}
            healthy = [pool.submit(ask, server, good, seconds=30) for _ in range(5)]
            for name, answer in asked.items():
                status, body = answer.result()
                assert status == 200, f"{name}: {body}"
                found = values(body)
                assert found["websocket_probe_success",] == 0, name
                assert found["websocket_probe_duration_seconds",] < limit, name
                named = {key[1] for key in found if key[0] in {"websocket_probe_cause", "websocket_probe_candidate"}}
                assert named <= {*ids(), "undecided"}, name
                assert "evil" not in body
            assert time.monotonic() - began < limit + 20 * SCALE
            assert [values(each.result()[1])["websocket_probe_success",] for each in healthy] == [1] * 5
        server.process.wait_until(lambda: open_files(server) <= files, seconds=10)
        assert memory(server) < before + MEMORY
        own = values(server.get("/metrics").decode())
        assert own["websocket_exporter_probes_in_flight",] == 0
        assert sum(value for key, value in own.items() if key[0] == "websocket_exporter_probes_total") == 15
        assert server.process.output().count("\n") == 1, "expected no line but the first in the log"


def repeats(head):
    """Return what arrived in each part of a response."""
    text = b" ".join(head.replace(b"\x00", b"").split())
    fields = [f"X-Echo: {text.decode('latin-1')}", f"Set-Cookie: {text.decode('latin-1')}"]
    return response("403 " + text.decode("latin-1"), head, *fields)


def test_no_page_and_no_log_has_a_secret(tmp_path):
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text + "\n")
    heads = []

    def script(sock, head):
        heads.append(head)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if head.startswith(b"CONNECT") else repeats(head))
        if head.startswith(b"CONNECT"):
            sock.sendall(repeats(head + sock.recv(65536)))

    with scripted_server(script) as port:
        keys = ["cookies_file: cookies", "header_files: {X-Token: token}", "sockets: ['/kernel?token=planted-query']"]
        proxied = ["proxy_user: planted-user", "proxy_password_file: password", f"proxy: http://localhost:{port}"]
        text = modules(direct=([f"http://localhost:{port}"], *keys), proxied=([f"ws://localhost:{port}/"], *proxied))
        with exporter(tmp_path, text) as server:
            pages = [ask(server, f"http://localhost:{port}", "direct")]
            pages += [ask(server, f"http://localhost:{port}", "direct", debug="true")]
            pages += [ask(server, f"ws://localhost:{port}/", "proxied", debug="true")]
            pages += [ask(server, f"https://planted-user:planted-password@localhost:{port}", "direct")]
            pages += [ask(server, f"https://localhost:{port}/?token=planted-token", "direct")]
            pages += [(200, server.get("/metrics").decode()), (200, server.get("/").decode())]
            everything = "\n".join(body for _, body in pages) + server.process.output()
    arrived = b"".join(heads)
    encoded = base64.b64encode(b"planted-user:planted-password")
    for secret in (b"planted-cookie", b"planted-token", b"planted-query", encoded):
        assert secret in arrived, f"expected the probe to send {secret!r}"
    for secret in ("planted-", encoded.decode()):
        assert secret not in everything.replace("planted-user", "")
    assert [status for status, _ in pages] == [200, 200, 200, 403, 403, 200, 200]


def test_credentials_go_to_the_targets_of_their_module_only(tmp_path):
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    heads = []

    def script(sock, head):
        heads.append(head)
        sock.sendall(PAGE)

    with scripted_server(script) as secret, scripted_server(script) as other:
        given = {"signed_in": ([f"http://localhost:{secret}"], "cookies_file: cookies")}
        with exporter(tmp_path, modules(**given, plain=([f"http://localhost:{other}"],))) as server:
            assert ask(server, f"http://localhost:{other}", "signed-in")[0] == 403
            assert ask(server, f"http://localhost:{secret}", "plain")[0] == 403
            assert heads == []
            assert ask(server, f"http://localhost:{other}", "plain")[0] == 200
            assert heads
            assert not [head for head in heads if b"planted" in head]


def test_a_redirect_is_not_followed(tmp_path):
    visited = []

    def elsewhere(_sock, head):
        visited.append(head)

    with scripted_server(elsewhere) as other:
        moved = response("302 Found", b"", f"Location: http://localhost:{other}/dip/websocket")
        with (
            scripted_server(always(moved)) as port,
            exporter(tmp_path, modules(dss=([f"http://localhost:{port}"],))) as server,
        ):
            status, body = ask(server, f"http://localhost:{port}")
    assert status == 200
    assert values(body)["websocket_probe_handshake_status_code", "/dip/websocket", "chromium"] == 302
    assert visited == []


def test_a_forward_proxy_is_asked_for_the_listed_port_only(tmp_path):
    asked = []

    def script(sock, head):
        asked.append(head.split(b"\r\n")[0])
        forward_proxy(response("403 Forbidden"))(sock, head)

    with scripted_server(script) as port:
        text = modules(dss=(["https://localhost:9443"], f"proxy: http://localhost:{port}"))
        with exporter(tmp_path, text) as server:
            status, body = ask(server, "https://localhost:9443")
            (tmp_path / "modules.yml").write_text(text.replace("127.0.0.0/8", "10.0.0.0/8").replace(', "::1/128"', ""))
            server.process.wait_until(lambda: reloaded(server, "loaded from modules.yml: dss\n"))
            assert ask(server, "https://localhost:9443")[0] == 403
    assert status == 200
    assert values(body)["websocket_probe_cause", "connect-denied", "forward proxy"] == 1
    assert {line.split()[1].rpartition(b"localhost:")[2].strip(b"/") for line in asked} == {b"9443"}


def reloaded(server, line):
    """Send SIGHUP until the exporter has logged a line about it."""
    if line in server.process.output():
        return True
    os.kill(server.process.pid, signal.SIGHUP)
    return line in server.process.output()


def test_a_bad_file_at_a_reload_keeps_the_modules(tmp_path):
    with scripted_server(fake_dss()) as port:
        good = modules(dss=([f"http://localhost:{port}"],))
        with exporter(tmp_path, good) as server:
            (tmp_path / "modules.yml").write_text("modules:\n  dss:\n    targets: [https://u:planted@h]\n")
            server.process.wait_until(lambda: reloaded(server, "kept the modules"))
            assert (
                "kept the modules in use, because the new ones have an error: modules.yml:3: modules.dss.targets:"
                " 'https://***@h': contains a user name; credentials belong in files of the module\n"
            ) in server.process.output()
            own = values(server.get("/metrics").decode())
            assert own["websocket_exporter_config_last_reload_successful",] == 0
            assert ask(server, f"http://localhost:{port}", "dss")[0] == 200

            (tmp_path / "modules.yml").write_text(good.replace("dss:", "other:"))
            server.process.wait_until(lambda: reloaded(server, "loaded from modules.yml: other\n"))
            own = values(server.get("/metrics").decode())
            assert own["websocket_exporter_config_last_reload_successful",] == 1
            assert ask(server, f"http://localhost:{port}", "dss") == (400, "unknown module; expected one of other\n")
            os.kill(server.process.pid, signal.SIGTERM)
            assert server.process.ends_within(10)
            assert "Traceback" not in server.process.output()


def test_a_probe_that_waits_too_long_is_refused(tmp_path):
    with scripted_server(silent) as port:
        text = modules(dss=([f"http://localhost:{port}"], "timeout: 30"))
        with exporter(tmp_path, text, "--max-probes", "1") as server, concurrent.futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, server, f"http://localhost:{port}", seconds=4 * SCALE)
            wanted = ("websocket_exporter_probes_in_flight",)
            server.process.wait_until(lambda: values(server.get("/metrics").decode())[wanted] == 1)
            refused = ask(server, f"http://localhost:{port}", seconds=1)
            assert refused == (503, "too many probes are running; see --max-probes\n")
            status, body = first.result()
    assert status == 200
    assert values(body)["websocket_probe_complete",] == 0
    assert not [key for key in values(body) if key[0] == "websocket_probe_cause"]


BAD = {
    b"POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n": b"405",
    b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n": b"404",
    b"GET /probe HTTP/1.1\r\nHost: h\r\n\r\n": b"400",
    b"GET /probe?target=a&target=b HTTP/1.1\r\nHost: h\r\n\r\n": b"400",
    b"GET /probe?target=a&other=b HTTP/1.1\r\nHost: h\r\n\r\n": b"400",
    b"GET /probe?" + b"a=b&" * 100 + b" HTTP/1.1\r\nHost: h\r\n\r\n": b"400",
    b"GET /probe?target=a HTTP/1.1\r\nHost: h\r\nX-Prometheus-Scrape-Timeout-Seconds: nan\r\n\r\n": b"400",
    b"GET /probe?target=a HTTP/1.1\r\nHost: h\r\nX-Prometheus-Scrape-Timeout-Seconds: -1\r\n\r\n": b"400",
    b"GET /metrics HTTP/1.1\r\nHost: h\r\nAccept: application/openmetrics-text; version=x\r\n\r\n": b"200",
    b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a: b\r\n" * 5000 + b"\r\n": b"431",
    b"\x16\x03\x01\x02\x00\x01\x00": b"400",
    b"GET /-/healthy\r\n\r\n": b"400",
    b"HEAD /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n": b"200",
}
"""Requests, and the status code of the response."""


def test_bad_requests_are_answered_and_harmless(tmp_path):
    with exporter(tmp_path, modules(dss=(["https://dss.example.com"],))) as server:
        files = open_files(server)
        for request, status in BAD.items():
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(65536)
            assert answer.split()[1:2] == [status], f"{request[:60]!r}: {answer[:80]!r}"
            assert (b"\r\nallow: get, head\r\n" in answer.lower()) == (status == b"405")  # RFC 9110, section 15.5.6
        for _ in range(50):  # half a request, and gone
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                client.sendall(b"GET /metrics HT")
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            twice = b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n" * 2
            client.sendall(twice)
            received = b""
            while received.count(b"\r\nhealthy\n") + received.count(b"\r\n\r\nhealthy\n") < 2 and len(received) < 4000:
                received += client.recv(65536)
        server.process.wait_until(lambda: open_files(server) <= files, seconds=10)
        assert server.get("/-/healthy") == b"healthy\n"
        with pytest.raises(OSError, match="refused"):  # it listens on that address alone
            socket.create_connection(("127.0.0.2", server.port), timeout=5)


def test_wrong_usage_is_one_line(tmp_path, capsys):
    (tmp_path / "bad.yml").write_text("modules: {}")
    (tmp_path / "good.yml").write_text(modules(dss=(["https://dss.example.com"],)))
    (tmp_path / "long.yml").write_text(modules(dss=(["https://dss.example.com"],)) + "#" * (1 << 20))
    port = free_port()
    cases = {
        (): "missing --config; see `",
        ("--config", str(tmp_path / "none.yml")): f"--config: cannot read {tmp_path}/none.yml: no such file or dir",
        ("--config", str(tmp_path / "bad.yml")): f"--config: {tmp_path}/bad.yml:1: expected 1-100 modules, got 0",
        ("--config", str(tmp_path / "long.yml")): f"--config: cannot read {tmp_path}/long.yml: it has more than 256 KB",
        ("--config", str(tmp_path / "good.yml"), "--port", "99999"): "--port: expected 0-65535, got 99999",
        ("--config", str(tmp_path / "good.yml"), "--max-probes", "0"): "--max-probes: expected 1-10000, got 0",
        ("--config", str(tmp_path / "good.yml"), "--address", "192.0.2.1", "--port", str(port)): (
            f"cannot listen on 192.0.2.1:{port}: "
        ),
    }
    for arguments, message in cases.items():
        assert main(["exporter", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"checks: {message}"), error
        assert error.count("\n") == 1
    assert main(["bench", "--exporter", "--minutes", "0"]) == 2
    assert capsys.readouterr().err == "checks: --minutes: expected 1-1440, got 0\n"
    assert main(["exporter", "--config", str(tmp_path / "good.yml"), "--check"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/good.yml is valid: dss\n"


def test_tls_has_an_expiry_and_an_untrusted_certificate_a_cause(tmp_path):
    with (
        scripted_server(fake_dss(), TLS) as port,
        exporter(tmp_path, modules(dss=([f"https://localhost:{port}"],))) as server,
    ):
        found = values(ask(server, f"https://localhost:{port}")[1])
    assert found["websocket_probe_cause", "cert-untrusted", "TLS"] == 1
    assert found["websocket_probe_certificate_trusted",] == 0
    assert found["websocket_probe_certificate_expiry_timestamp_seconds",] > time.time()
    (tls,) = [set(key[1:]) for key in found if key[0] == "websocket_probe_tls_info"]
    assert tls == {"TLSv1.3", ""}
