"""What people ask of diagnose and note: many addresses, evidence kept, cookies, certificates, and a terminal."""

import json
import os
import pty
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import trustme
from machine import RECIPES
from proof import ROOT

from checks.__main__ import main
from checks.evidence import Evidence
from checks.lab import bench_diagnose
from checks.lab.process import MachineError, free_port
from checks.lab.proxy import proxy

WRONG = [
    (["diagnose"], "an address is missing, such as https://dss.example.com"),
    (["diagnose", "http://h", "--load", "x.json"], "--load takes the place of an address: give one of them"),
    (["diagnose", "http://h", "http://i", "--save", "x.json"], "--save keeps the evidence of one address"),
    (["diagnose", "--load", "/nowhere.json"], "cannot read the evidence"),
    (["diagnose", "--targets", "/nowhere.txt"], "cannot read the addresses"),
    (["diagnose", "http://h", "--header", "no colon"], "--header takes 'Name: value'"),
    (["diagnose", "http://h", "--header", "Upgrade: h2c"], "--header cannot set Upgrade"),
    (["diagnose", "http://h", "--header", "A: b\r\nHost: evil"], "--header cannot set A: the handshake needs its own"),
    (["diagnose", "http://h", "--ca", "/nowhere.pem"], "--ca takes a certificate in PEM, and /nowhere.pem is none"),
    (["diagnose", "http://h", "--cert", "/nowhere.pem"], "--cert takes a certificate and its key"),
    (["diagnose", "http://h", "--key", "/nowhere.pem"], "--key goes with --cert"),
    (["diagnose", "http://h", "--timeout", "0"], "--timeout takes 0.01 to 3600 seconds, got 0"),
    (["diagnose", "http://h", "--size", "2000000000"], "--size takes 0 to 1073741824 bytes, got 2000000000"),
    (["diagnose", "http://h", "-4", "-6"], "argument -6: not allowed with argument -4"),
    (["diagnose", "http://h", "--proxy", "x://y"], "x://y"),
    (["diagnose", "http://user:planted-secret@h"], "the URL contains a user name; remove it"),
    (["diagnose", "http://h/#planted-secret"], "contains #"),
    (["note"], "note takes one address, or --load FILE"),
    (["note", "http://h", "http://i"], "note takes one address"),
    (["echo", "--port", "70000"], "--port takes 0 to 65535 as a port, got 70000"),
]


@pytest.mark.parametrize(
    ("argv", "sentence"), WRONG, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_wrong_usage_gets_one_sentence_and_exit_code_2(argv, sentence, capsys):
    assert main(argv) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "planted-secret" not in said.err or "#planted" in said.err


@pytest.mark.proves("saved-evidence-gives-the-same")
def test_evidence_that_was_kept_gives_the_same_again(dss, tmp_path, capsys):
    kept = tmp_path / "evidence.json"
    address = f"http://127.0.0.1:{dss.port}"
    assert main(["diagnose", address, "--save", str(kept)]) == 0
    said = capsys.readouterr().out
    assert main(["diagnose", "--load", str(kept)]) == 0
    assert capsys.readouterr().out == said
    assert Evidence.from_json(kept.read_text()).url == address


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"url": "x", "page": 3, "health_check": {}}'])
def test_what_is_no_evidence_is_refused_in_one_sentence(text, tmp_path, capsys):
    (tmp_path / "x.json").write_text(text)
    assert main(["diagnose", "--load", str(tmp_path / "x.json")]) == 2
    assert "x.json holds no evidence that --save kept" in capsys.readouterr().err


def test_many_addresses_get_a_line_each_then_the_details_of_those_that_fail(dss, tmp_path, capsys):
    good, nowhere = f"http://127.0.0.1:{dss.port}", f"http://127.0.0.1:{free_port()}"
    listed = tmp_path / "targets.txt"
    listed.write_text(f"# ours\n{nowhere}\n\n{good}\n")
    assert main(["diagnose", good, "--targets", str(listed)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [[good, "works"], [nowhere, "unreachable"], [good, "works"]]
    assert [line for line in lines[3:] if line.startswith("http")] == [nowhere]


def test_many_addresses_as_json_are_a_list_in_their_order(dss, capsys):
    good, nowhere = f"http://127.0.0.1:{dss.port}", f"http://127.0.0.1:{free_port()}"
    assert main(["diagnose", nowhere, good, "--json"]) == 2
    results = json.loads(capsys.readouterr().out)
    assert [[finding["id"] for finding in result["findings"]] for result in results] == [["unreachable"], ["works"]]
    assert Evidence.from_json(json.dumps(results[1]["evidence"])).url == good


def test_a_note_has_host_port_proof_and_the_command_in_markdown_and_in_plain_text(dss, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.twin("upgrade-not-forwarded"), dss) as site:
        assert main(["note", site.origin]) == 1
        markdown = capsys.readouterr().out
        assert main(["note", site.origin, "--plain"]) == 1
        plain = capsys.readouterr().out
    for part in ("**upgrade-not-forwarded**", f"- Host and port: localhost:{site.port}, no TLS", "```text"):
        assert part in markdown
    assert f"python -m checks diagnose {site.origin}" in markdown
    assert "Proof: expected 101 Switching Protocols, got 426 Upgrade Required" in plain
    assert not re.search(r"(?m)^#|```|\*\*", plain)


class Writing(BaseHTTPRequestHandler):
    """A web site that writes Markdown into whatever a note repeats of it."""

    def do_GET(self):
        self.send_response_only(500, "<img src=x> [click](http://x) ``` **")
        self.send_header("Via", "1.1 [here](http://x)<b>")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_what_a_server_writes_is_no_markdown_in_the_note_and_stands_as_it_is_in_plain_text(capsys):
    with ThreadingHTTPServer(("127.0.0.1", 0), Writing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert main(["note", url]) == 1
        markdown = capsys.readouterr().out
        main(["note", url, "--plain"])
        plain = capsys.readouterr().out
        server.shutdown()
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", markdown)
    assert "(Via)" in outside
    assert not re.search(r"(?<!\\)[<\[`]", outside)
    assert "500 <img src=x> [click](http://x) ``` **" in plain


class Repeating(BaseHTTPRequestHandler):
    """A web site that repeats what it was sent."""

    seen: ClassVar = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        Repeating.seen.append(dict(self.headers.items()))
        self.send_response(404)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers}".encode())


@pytest.fixture
def repeating():
    Repeating.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Repeating) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


COOKIES = {
    "a header": "Cookie: session=planted-secret; other=1\n",
    "a value": "session=planted-secret; other=1",
    "cookies.txt": "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tplanted-secret\n",
}


@pytest.mark.proves("secrets-are-never-shown")
@pytest.mark.parametrize("form", COOKIES)
def test_cookies_are_sent_and_never_shown(form, repeating, tmp_path, capsys):
    (tmp_path / "cookies").write_text(COOKIES[form])
    kept = tmp_path / "kept.json"
    main(["diagnose", repeating, "--cookies", str(tmp_path / "cookies"), "--save", str(kept), "--json"])
    assert "session=planted-secret" in Repeating.seen[0]["Cookie"]
    said = capsys.readouterr()
    assert "planted-secret" not in said.out + said.err + kept.read_text()


@pytest.mark.proves("secrets-are-never-shown")
def test_headers_tokens_and_passwords_are_sent_and_never_shown(repeating, tmp_path, capsys):
    kept = tmp_path / "kept.json"
    socket = "/api?token=planted-secret-1&plain=yes"
    header = "Authorization: Bearer planted-secret-2"
    main(["diagnose", repeating, "--socket", socket, "--header", header, "--save", str(kept)])
    main(["note", repeating, "--socket", socket, "--header", header])
    assert Repeating.seen[0]["Authorization"] == "Bearer planted-secret-2"
    said = capsys.readouterr()
    assert "/api?token=***&plain=yes" in said.out
    assert "planted-secret" not in said.out + said.err + kept.read_text()


class OnSix(ThreadingHTTPServer):
    """A web site that has IPv6 alone."""

    address_family = socket.AF_INET6


def test_the_family_of_addresses_is_the_one_that_was_asked_for(capsys):
    try:
        server = OnSix(("::1", 0), Repeating)
    except OSError as error:
        raise MachineError(
            f"no IPv6 on loopback ({error.strerror}); on Linux, allow it with: sysctl net.ipv6.conf.lo.disable_ipv6=0"
        ) from error
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://[::1]:{server.server_address[1]}"
        assert main(["diagnose", "-6", url]) == 1
        assert "[::1]" in capsys.readouterr().out
        Repeating.seen.clear()
        assert main(["diagnose", "-4", url]) == 2
        server.shutdown()
    assert "unreachable" in capsys.readouterr().out
    assert Repeating.seen == []


def test_a_python_that_knows_no_authority_judges_no_certificate(tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    nobody = {"SSL_CERT_FILE": str(tmp_path / "none"), "SSL_CERT_DIR": str(tmp_path)}
    with ThreadingHTTPServer(("127.0.0.1", 0), Repeating) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, "-m", "checks", "diagnose", f"https://127.0.0.1:{server.server_address[1]}"]
        said = {
            name: subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False).stdout
            for name, env in {"usual": {}, "nobody": nobody}.items()
        }
        server.shutdown()
    assert "\ncert-untrusted: " in said["usual"]
    assert "\ncert-untrusted: " not in said["nobody"]
    assert "this Python has no trusted certificates" in " ".join(said["nobody"].split())


@pytest.mark.proves("secrets-go-to-trusted-servers-only")
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
def test_secrets_go_only_to_a_server_whose_certificate_is_trusted(trusted, tmp_path, capsys):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "cookies").write_text("session=planted-secret")
    Repeating.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Repeating) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        trust = ["--ca", str(tmp_path / "ca.pem")] if trusted else []
        main(
            [
                "diagnose",
                f"https://127.0.0.1:{server.server_address[1]}",
                "--cookies",
                str(tmp_path / "cookies"),
                *trust,
            ]
        )
        server.shutdown()
    assert Repeating.seen
    assert any("Cookie" in seen for seen in Repeating.seen) == trusted
    if not trusted:
        assert "cookies and headers: not sent, because the" in capsys.readouterr().out


def test_a_client_certificate_opens_what_asks_for_one(tmp_path, capsys):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(tmp_path / "me.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Repeating) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://127.0.0.1:{server.server_address[1]}"
        main(["diagnose", address, "--ca", str(tmp_path / "ca.pem")])
        without = capsys.readouterr().out
        main(["diagnose", address, "--ca", str(tmp_path / "ca.pem"), "--cert", str(tmp_path / "me.pem")])
        server.shutdown()
    assert "page                 404 Not Found" in capsys.readouterr().out
    assert "404 Not Found" not in without


def in_terminal(*argv):
    """Run the command in a terminal; return what it shows there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "checks", *argv]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            said += data
        process.wait(30)
    os.close(ours)
    return said.decode()


def test_a_terminal_gets_colour_and_a_file_does_not(dss, capsys):
    address = f"http://127.0.0.1:{dss.port}"
    assert "\x1b[1;32mworks:" in in_terminal("diagnose", address)
    assert main(["diagnose", address]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_no_line_is_wider_than_80_columns(dss, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.twin("upgrade-not-forwarded"), dss) as site:
        main(["diagnose", site.origin])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_a_healthy_diagnose_and_the_help_stay_within_their_budgets():
    cost = bench_diagnose.measure(5, url_counts=(), cpu_time=True)
    assert cost.time_ratio < 2, "times a bare handshake and echo"
    assert cost.help_time_ratio < 2, "times `import asyncio, ssl`"
