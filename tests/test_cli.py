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
from conftest import BUILDS, RECIPES
from proof import ROOT
from reader import Reader

from checks.__main__ import main
from checks.evidence import Answer, Evidence, Handshake, Hold
from checks.findings import diagnose
from checks.lab.process import workspace
from checks.lab.proxy import proxy
from checks.probe import Target

WRONG = [
    ([], ""),
    (
        ["diagnose"],
        "the following arguments are required: url; `python -m checks diagnose --help` shows what is possible",
    ),
    (["diagnose", "dss.example.com"], "is not the address of a page; expected something like https://dss.example.com"),
    (["diagnose", "http://h/prefix"], "DSS cannot live below a path: leave the rest out"),
    (["diagnose", "http://h:99999"], "is not the address of a page"),
    (["diagnose", "http://h", "--idle", "-1"], "--idle takes 0 to 86400 seconds, got -1"),
    (["diagnose", "http://h", "--cookies", "/nowhere"], "cannot read the cookies"),
    (["diagnose", "http://h", "--socket", "x"], "--socket takes a path such as /dip/websocket, got 'x'"),
    (["run", "nginy"], "there is no recipe 'nginy'; there are: nginx"),
    (["run", "nginx", "--broken", "x"], "nginx has no broken twin 'x'; it has: host-not-preserved, http-1-0-upstream"),
    (["dance"], "invalid choice: 'dance'"),
]


@pytest.mark.parametrize(
    ("argv", "sentence"), WRONG, ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else ""
)
def test_wrong_usage_gets_one_sentence_and_exit_code_2(argv, sentence, capsys):
    assert main(argv) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") <= 1


def test_help_names_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "0 it works, 1 a cause was found" in capsys.readouterr().out


def test_where_nothing_listens_diagnose_could_not_look(capsys):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["diagnose", f"http://127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert "could not look: " in capsys.readouterr().out


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
    assert ("no cause that this evidence proves" in said) or json.loads(said)["findings"] == []
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
    with proxy(recipe, BUILDS["nginx"][-1], recipe.twin("host-not-preserved"), dss) as site:
        reader = Reader(site)
        reader.log_in()
        kernel = reader.start_kernel()
        cookies = tmp_path / "cookies.txt"
        cookies.write_text(f"Cookie: {reader.cookie_header()}\n")
        code = main(["diagnose", site.origin, "--cookies", str(cookies), "--socket", kernel])
        reader.stop_kernel(kernel)
    said = capsys.readouterr().out
    assert code == 1
    assert "host-not-preserved: answered 403 Forbidden to the page's own Origin" in said
    assert not [value for value in reader.cookies.values() if value in said], "a cookie was printed"


def test_evidence_comes_back_from_json_as_it_was():
    answer = Answer(404, "Not Found", (("Server", "x"),), "body", "", 0.5)
    evidence = Evidence(
        "http://h",
        answer,
        answer,
        (Handshake("/a", "no-origin", answer, "no 101"),),
        (Hold("/a", 15.0, 75.0, dropped=False),),
    )
    assert Evidence.from_json(evidence.to_json()) == evidence


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": 1}'])
def test_what_is_no_evidence_is_refused(text):
    with pytest.raises(ValueError, match=r"no evidence|Expecting value"):
        Evidence.from_json(text)


def shakes(status, plain, body="", plain_body=""):
    page = Answer(200, "OK")
    asked = Handshake("/a", "", Answer(status, body=body), "no 101")
    return Evidence("http://h", page, page, (asked, Handshake("/a", "no-upgrade", Answer(plain, body=plain_body))))


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (shakes(426, 426), ["upgrade-not-forwarded"]),
        (shakes(200, 200, "<html>", "<html>"), ["upgrade-not-forwarded"]),
        (shakes(400, 404), []),
        (shakes(400, 400, "no key", "no upgrade"), []),
        (shakes(302, 302), []),
        (shakes(403, 403), []),
        (shakes(502, 502), []),
        (shakes(505, 505), ["http-1-0-upstream"]),
        (shakes(0, 0), []),
    ],
    ids=str,
)
def test_a_finding_fires_on_its_evidence_and_stays_quiet_on_its_near_misses(evidence, expected):
    assert [finding.id for finding in diagnose(evidence)] == expected


@pytest.mark.parametrize(
    ("silent", "pinged", "expected"),
    [
        (Hold("/a", 0, 60.0, dropped=True), Hold("/a", 15, 75.0, dropped=False), ["idle-timeout"]),
        (Hold("/a", 0, 60.0, dropped=True, close_code=1001), Hold("/a", 15, 75.0, dropped=False), []),
        (Hold("/a", 0, 60.0, dropped=True), Hold("/a", 15, 60.0, dropped=True), []),
        (Hold("/a", 0, 75.0, dropped=False), Hold("/a", 15, 75.0, dropped=False), []),
    ],
    ids=["silence drops", "closed politely", "both drop", "both stay"],
)
def test_idle_timeout_needs_silence_to_be_the_reason(silent, pinged, expected):
    page = Answer(200, "OK")
    evidence = Evidence("http://h", page, page, (), (silent, pinged))
    assert [finding.id for finding in diagnose(evidence)] == expected


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
    with workspace() as probe:
        before = set(probe.parent.iterdir())
        with command("run", *argv) as process:
            said = ""
            while "Ctrl-C ends it" not in said and (line := process.stdout.readline()):
                said += line
            port = int(re.search(r"the page +https?://localhost:(\d+)/", said)[1])
            children = descendants(process.pid)
            assert len(children) >= 4, "nginx, its worker, the backend, Jupyter"
            process.send_signal(sign)
            assert process.wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert not [pid for pid in children if alive(pid)]
        assert not {path for path in set(probe.parent.iterdir()) - before if f"{port}" in str(list(path.rglob("*")))}


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
