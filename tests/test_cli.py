"""The commands as people type them: what they say, and the exit code."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from machine import RECIPES
from proof import ROOT
from reader import Reader

from checks.__main__ import main
from checks.lab.fetch import fetch
from checks.lab.process import LabError
from checks.lab.proxy import proxy
from checks.probe import Target

WRONG = [
    ([], ""),
    (["diagnose", "dss.example.com"], "expected something like https://dss.example.com"),
    (["diagnose", "http://h/prefix"], "DSS cannot run below a path: remove the rest"),
    (["diagnose", "http://h:99999"], "invalid port in 'http://h:99999'; expected 1-65535"),
    (["diagnose", "http://h", "--idle=-1"], "--idle takes 0 to 86400 seconds, got -1"),
    (["diagnose", "http://h", "--idle", "-1"], "--idle takes a value after it, which does not begin with -"),
    (["diagnose", "http://h", "--size", "1.5"], "--size takes a number, got '1.5'"),
    (["diagnose", "http://h", "--cookies", "/nowhere"], "cannot read the cookies from /nowhere: no such file"),
    (["diagnose", "http://h", "--socket", "x"], "--socket takes a path such as /dip/websocket, got 'x'"),
    (["diagnose", "http://h", "--http2"], "there is no option --http2; "),
    (["diagnose", "http://h", "-xsecret"], "there is no option -x; "),
    (["run", "nginy"], "there is no recipe 'nginy'; there are: "),
    (["run", "nginx", "--broken", "x"], "nginx has no broken twin 'x'; it has: accept-mismatch, "),
    (["bench", "nginy"], "there is no recipe 'nginy'"),
    (["bench", "--rounds", "0"], "--rounds takes 1 or more, got 0"),
    (["dance"], "a command comes first, one of 'diagnose', "),
    (["https://u:secret@dss.example.com"], "checks: a command comes first, one of 'diagnose', "),
]

LAB = (ROOT / "_build" / "lab").resolve()
"""Where what runs has its folders."""


@pytest.mark.parametrize(
    ("argv", "sentence"), WRONG, ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else ""
)
def test_wrong_usage_gets_one_sentence_and_exit_code_2(argv, sentence, capsys):
    assert main(argv) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") <= 1


def test_what_was_seen_is_shown_also_where_it_cannot_be_kept(tmp_path, capsys):
    assert main(["diagnose", "http://127.0.0.1:1", "--save", str(tmp_path / "none" / "evidence.json")]) == 2
    said = capsys.readouterr()
    assert "unreachable: " in said.out
    assert "cannot write" in said.err


def test_help_names_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "0 it works, 1 a cause was found" in capsys.readouterr().out


def test_where_nothing_listens_diagnose_could_not_look(capsys):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["diagnose", f"http://127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert "unreachable: no connection to 127.0.0.1" in capsys.readouterr().out


class Ordinary(BaseHTTPRequestHandler):
    """A web site that is not DSS, and would like to steer the terminal."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(404, "Not\x1b[31mFound")
        self.send_header("Set-Cookie", "session=planted-secret; Path=/")
        self.end_headers()


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["for people", "as JSON"])
def test_a_web_site_that_is_not_dss_gets_no_cause_no_terminal_escape_and_keeps_its_cookies(form, capsys):
    with ThreadingHTTPServer(("127.0.0.1", 0), Ordinary) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert main(["diagnose", f"http://127.0.0.1:{server.server_address[1]}", *form]) == 1
        server.shutdown()
    said = capsys.readouterr().out
    between = "cannot tell between: upgrade-not-forwarded, wrong-path"
    assert between in said.splitlines() or json.loads(said)["findings"] == []
    assert "\x1b" not in said
    assert "planted-secret" not in said


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://DSS.Example.com:443/", "https://dss.example.com"),
        ("http://dss.example.com:11200", "http://dss.example.com:11200"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_origin_is_what_a_browser_sends(url, origin):
    assert Target(url).origin == origin


def test_a_logged_in_reader_gets_host_not_preserved(dss, tmp_path, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.twin("host-not-preserved"), dss) as site:
        reader = Reader(site)
        reader.log_in()
        kernel = reader.start_kernel()
        cookies = tmp_path / "cookies.txt"
        cookies.write_text(f"Cookie: {reader.cookie_header()}\n")
        code = main(["diagnose", site.origin, "--cookies", str(cookies), "--socket", kernel])
        reader.stop_kernel(kernel)
    said = capsys.readouterr().out
    assert code == 1
    assert "host-not-preserved: expected 101 Switching Protocols, got 403 Forbidden" in said
    assert not [value for value in reader.cookies.values() if value in said], "a cookie was printed"


@contextmanager
def command(*argv):
    process = subprocess.Popen(
        [sys.executable, "-m", "checks", *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("argv", [["nginx"], ["nginx", "--https"], ["nginx", "--broken", "idle-timeout"]], ids=" ".join)
def test_run_prints_an_address_that_answers_and_leaves_nothing_behind(argv, sign):
    RECIPES["nginx"].newest()
    with command("run", *argv) as process:
        said = ""
        while "Ctrl-C ends it" not in said and (line := process.stdout.readline()):
            said += line
        port = int(re.search(r"the page +https?://localhost:(\d+)/", said)[1])
        children = descendants(process.pid)
        assert len(children) >= 4, "nginx, its worker, the backend, Jupyter"
        folders = {Path(f"/proc/{pid}/cwd").readlink() for pid in children}
        assert any(folder.parent == LAB for folder in folders)
        process.send_signal(sign)
        assert process.wait(30) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert not [pid for pid in children if alive(pid)]
    assert not [folder for folder in folders if folder.parent == LAB and folder.exists()]


def descendants(pid):
    """Return the ids of all processes that a process has started, and those that these have."""
    found = []
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        found += [child, *descendants(child)]
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_builds_lists_every_build_and_its_origin(capsys):
    assert main(["builds"]) == 0
    table = [line.split()[-2:] for line in capsys.readouterr().out.splitlines()[1:]]
    everything = [[build.version, build.origin] for recipe in RECIPES.values() for build in recipe.builds]
    assert table[: len(everything)] == everything


class NoMirror:
    """An origin of builds that cannot be reached."""

    def fetch(self, _):
        raise LabError("the mirror does not answer")


def test_a_build_that_is_not_available_is_reported_with_the_reason():
    lines = []
    assert fetch({"nginx from trixie": NoMirror()}, lines.append) == {"nginx from trixie": "the mirror does not answer"}
    assert lines == ["[ 1/1] nginx from trixie: not available: the mirror does not answer"]


def test_bench_compares_with_no_proxy_in_the_same_run(capsys):
    build = RECIPES["nginx"].newest()
    assert main(["bench", "nginx", "--rounds", "1"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("as a multiple of no proxy")
    title, version, *costs = row.split()
    assert (title, version) == ("nginx", build.version)
    assert all(0 < float(cost.rstrip("x")) < 1000 for cost in costs)
