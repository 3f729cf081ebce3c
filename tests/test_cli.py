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
from itertools import chain
from pathlib import Path
from threading import Thread

import pytest
from conftest import BUILDS, RECIPES
from proof import ROOT
from reader import Reader

from checks.__main__ import main
from checks.evidence import Answer, Evidence, Handshake, Hold
from checks.findings import diagnose, ids
from checks.lab import fetch
from checks.lab.process import workspace
from checks.lab.proxy import proxy
from checks.probe import NOTIFICATIONS, Target

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
    (["run", "nginy"], "there is no recipe 'nginy'; there are: "),
    (["run", "nginx", "--broken", "x"], "nginx has no broken twin 'x'; it has: backend-down, h"),
    (["bench", "nginy"], "there is no recipe 'nginy'"),
    (["bench", "--rounds", "0"], "--rounds takes 1 or more, got 0"),
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


PAGE = Answer(200, "OK", body="<html>the page of DSS")
PONG = Answer(200, "OK", body="pong")
OPEN = Answer(101, headers=(("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "x")))
SILENT = Answer(error="no answer within 10 s")
KERNEL = "/jupyter/api/kernels/1/channels"
LOGIN = Answer(200, body="<html>Who are you?")
NO_ORIGIN = "Cross origin websockets not allowed"
NO_UPGRADE = 'Can "Upgrade" only to "WebSocket".'


def says(status, body="", reason="", **headers):
    return Answer(status, reason, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


UPGRADE = says(426)


def shakes(asked, plain=UPGRADE, *, path=NOTIFICATIONS, no_origin=None, no_cookies=None):
    """Return the handshakes on one path; without Origin the answer is the same unless it is given."""
    flips = {"": asked, "no-upgrade": plain, "no-origin": no_origin or asked, "no-cookies": no_cookies}
    return [
        Handshake(path, flip, answer, "" if answer == OPEN else "no 101") for flip, answer in flips.items() if answer
    ]


def seen(*sockets, page=PAGE, ping=PONG, holds=()):
    return Evidence("http://dss.example.com", page, ping, tuple(chain.from_iterable(sockets)), holds)


def held(silent, pinged):
    return seen(shakes(OPEN), holds=(silent, pinged))


def everywhere(answer):
    return seen(shakes(answer, answer), page=answer, ping=answer)


def to(address, status=301, **headers):
    return says(status, Location=address, **headers)


DENIED = says(403, Date="now", Server="envoy", Connection="close", Content_Length="0")
PASSED_ON = says(403, Server="envoy", Date="now", Content_Length="0", Connection="close")
LARGE = says(400, "<h1>400 Bad Request</h1>Request Header Or Cookie Too Large")
DROPPED = Hold(NOTIFICATIONS, 0, 60.0, dropped=True)
STAYED = Hold(NOTIFICATIONS, 15, 75.0, dropped=False)

FIRES = {
    "backend-down": {
        "502 to everything": everywhere(says(502)),
        "503 of HAProxy": everywhere(says(503, "No server is available to handle this request.")),
        "503 of Varnish": everywhere(says(503, "Guru Meditation", "Backend fetch failed", Retry_After="5")),
        "a bare close instead of a 504": seen(shakes(Answer(error="EOF"), says(504)), page=says(504), ping=says(504)),
        "behind the nginx of DSS, which has the page": seen(shakes(says(502), says(502)), ping=says(502)),
    },
    "handshake-header-mangled": {
        f"101 without {name}": seen(
            shakes(Answer(101, headers=tuple(pair for pair in OPEN.headers if name not in pair)))
        )
        for name, _ in OPEN.headers
    },
    "handshake-unanswered": {
        "silence": seen(shakes(SILENT)),
        "silence on both sockets": seen(shakes(SILENT), shakes(SILENT, says(400, NO_UPGRADE), path=KERNEL)),
    },
    "header-too-large": {
        "400 of nginx to a reader who is logged in": seen(
            shakes(LARGE, LARGE, no_cookies=says(401)), page=LARGE, ping=LARGE
        ),
        "400 of nginx, where the page is just small enough": seen(shakes(LARGE, no_cookies=says(403))),
        "400 of nginx, where only the page and the health check are small enough": seen(
            shakes(LARGE, LARGE, no_cookies=OPEN)
        ),
        "400 of Apache": seen(
            shakes(says(400, "Size of a request header field exceeds server limit."), no_cookies=says(401))
        ),
        "431": seen(shakes(says(431), says(431), no_cookies=says(302))),
        "400 without a word, to everything but a socket without cookies": seen(
            shakes(says(400), says(400), no_cookies=OPEN), page=says(400), ping=says(400)
        ),
    },
    "host-not-preserved": {
        "403 in the words of Jupyter": seen(
            shakes(says(401)), shakes(says(403, NO_ORIGIN), path=KERNEL, no_origin=OPEN)
        ),
        "403 while notifications open": seen(shakes(OPEN), shakes(says(403), path=KERNEL, no_origin=OPEN)),
    },
    "http-1-0-upstream": {"505": seen(shakes(says(505), says(505)))},
    "idle-timeout": {"silence drops": held(DROPPED, STAYED)},
    "redirect-on-handshake": {
        "a slash more": seen(shakes(to("http://dss.example.com/dip/websocket/?sessionId=diagnose00"))),
        "a slash more, relative": seen(shakes(to("/dip/websocket/?sessionId=diagnose00", 308))),
        "HTTPS for sockets only": seen(shakes(to("https://dss.example.com" + NOTIFICATIONS, 302))),
        "one of two": seen(shakes(to("/DIP/websocket?sessionId=diagnose00")), shakes(OPEN, path=KERNEL)),
    },
    "upgrade-denied": {
        "both sockets": seen(shakes(DENIED), shakes(DENIED, says(400, NO_UPGRADE), path=KERNEL)),
        "without a login": seen(shakes(DENIED, says(405)), shakes(DENIED, says(403, "log in"), path=KERNEL)),
    },
    "upgrade-not-forwarded": {
        "426": seen(shakes(says(426), says(426))),
        "405": seen(shakes(says(405), says(405))),
        "400 of Jupyter": seen(
            shakes(says(401), says(401)), shakes(says(400, NO_UPGRADE), says(400, NO_UPGRADE), path=KERNEL)
        ),
        "a page": seen(shakes(says(200, "no handshake"), says(200, "no handshake"))),
    },
    "upgrade-wrong-location": {
        "notebooks": seen(shakes(OPEN), shakes(says(400, NO_UPGRADE), says(400, NO_UPGRADE), path=KERNEL)),
        "notifications": seen(shakes(says(426)), shakes(OPEN, says(400, NO_UPGRADE), path=KERNEL)),
    },
}

QUIET = {
    "backend-down": {
        "a limit of nginx": everywhere(says(503, "<center>nginx</center>")),
        "a pause that was planned": everywhere(says(503, "Back at noon.", Retry_After="3600")),
        "the page only": seen(shakes(OPEN), page=says(502)),
        "the health check only": seen(shakes(OPEN), ping=says(502)),
        "an error of DSS": everywhere(says(500)),
    },
    "handshake-header-mangled": {
        "no subprotocol": seen([Handshake(NOTIFICATIONS, "", OPEN, "no subprotocol came back, and browsers insist")]),
        "another Accept": seen([Handshake(NOTIFICATIONS, "", OPEN, "invalid Sec-WebSocket-Accept header: y")]),
    },
    "handshake-unanswered": {
        "the kernel of a notebook that computes": seen(shakes(OPEN), shakes(SILENT, path=KERNEL)),
        "nothing is answered": seen(shakes(SILENT, SILENT), page=SILENT, ping=SILENT),
        "refused at once": seen(shakes(Answer(error="Connection refused"))),
        "slow with Origin only": seen(shakes(SILENT, no_origin=OPEN)),
        "never asked": seen(),
    },
    "header-too-large": {
        "400 with cookies, but the page has none of it": seen(shakes(says(400), says(400), no_cookies=OPEN)),
        "400 with cookies, a login without": seen(
            shakes(says(400), says(400), no_cookies=to("/login", 302)), page=says(400), ping=says(400)
        ),
        "400 with and without cookies": seen(shakes(says(400), no_cookies=says(400))),
        "nobody is logged in": seen(shakes(LARGE)),
        "403 with cookies": seen(shakes(says(403), no_cookies=OPEN)),
    },
    "host-not-preserved": {
        "a gate that minds Origin": seen(
            shakes(says(403), no_origin=OPEN), shakes(says(403), path=KERNEL, no_origin=OPEN)
        ),
        "a web application with a list of its own": seen(
            shakes(OPEN), shakes(says(403, NO_ORIGIN), path="/web-apps-backends/A/b/ws", no_origin=OPEN)
        ),
        "no login": seen(shakes(OPEN), shakes(says(403, "log in"), path=KERNEL)),
    },
    "http-1-0-upstream": {"505 to the page as well": everywhere(says(505))},
    "idle-timeout": {
        "closed politely": held(Hold(NOTIFICATIONS, 0, 60.0, dropped=True, close_code=1001), STAYED),
        "both drop": held(DROPPED, Hold(NOTIFICATIONS, 15, 60.0, dropped=True)),
        "both stay": held(Hold(NOTIFICATIONS, 0, 75.0, dropped=False), STAYED),
        "never opened": held(Hold(NOTIFICATIONS, 0, 0.0, dropped=True), STAYED),
        "dropped before the first ping": held(Hold(NOTIFICATIONS, 0, 3.0, dropped=True), STAYED),
    },
    "redirect-on-handshake": {
        "to a login": seen(shakes(to("/login/?to=%2Fdip%2Fwebsocket", 302))),
        "to the login of another host": seen(shakes(to("https://sso.example.com" + NOTIFICATIONS, 302))),
        "to the same address, with a cookie": seen(shakes(to(NOTIFICATIONS, 302, Set_Cookie="seen"))),
        "the page too": everywhere(to("https://dss.example.com/")),
        "to nowhere": seen(shakes(says(302))),
        "to no address": seen(shakes(to("http://[half"))),
    },
    "upgrade-denied": {
        "a 403 that Envoy passes on": seen(shakes(PASSED_ON, says(405))),
        "a 403 of Envoy's other rules": seen(shakes(says(403, "RBAC: access denied", Server="envoy"))),
        "everything is forbidden": seen(shakes(DENIED, DENIED)),
        "the other socket opens": seen(shakes(DENIED), shakes(OPEN, path=KERNEL)),
        "the same from somebody else": seen(
            shakes(says(403, Date="now", Server="x", Connection="close", Content_Length="0"))
        ),
    },
    "upgrade-not-forwarded": {
        "no socket there": seen(shakes(says(404), says(404))),
        "no socket there, and no login": seen(shakes(says(401), says(401)), shakes(says(404), says(404), path="/typo")),
        "a page there": seen(
            shakes(says(401), says(401)), shakes(says(200, "a"), says(200, "a"), path="/jupyter/tree")
        ),
        "400 to both, for reasons of their own": seen(shakes(says(400, "no key"), says(400, "no upgrade"))),
        "400 to both, for any reason": seen(shakes(says(400, "Bad Request"), says(400, "Bad Request"))),
        "a login in place of every page": seen(shakes(LOGIN, LOGIN), page=LOGIN),
        "a site that shows the same everywhere": everywhere(says(200, "<html>not DSS")),
        "a site that is not DSS": seen(shakes(says(426), says(426)), ping=says(404)),
    },
    "upgrade-wrong-location": {
        "a kernel that has ended": seen(shakes(OPEN), shakes(says(404, "none"), says(404, "none"), path=KERNEL)),
        "a page given as a socket": seen(shakes(OPEN), shakes(says(200, "a"), says(200, "a"), path="/jupyter/tree")),
        "notebooks want a login": seen(shakes(OPEN), shakes(says(403), says(403), path=KERNEL)),
    },
}


def cases(of):
    return [pytest.param(name, case, id=f"{name}: {why}") for name, whys in of.items() for why, case in whys.items()]


@pytest.mark.parametrize(("finding", "evidence"), cases(FIRES))
def test_a_finding_fires_on_its_evidence_and_no_other_does(finding, evidence):
    assert [found.id for found in diagnose(evidence)] == [finding]


@pytest.mark.parametrize(("finding", "evidence"), cases(QUIET))
def test_no_finding_fires_on_the_near_misses_of_one(finding, evidence):
    assert diagnose(evidence) == [], f"near miss of {finding}"


def test_every_finding_has_evidence_and_near_misses():
    assert set(FIRES) == set(QUIET) == set(ids())


@pytest.mark.parametrize("server", ["nginx", "Apache", "envoy", "istio-envoy"])
@pytest.mark.parametrize("plain", [200, 302, 400, 401, 403, 404, 405, 500], ids="without Upgrade {}".format)
@pytest.mark.parametrize("asked", [302, 400, 401, 403, 404, 500], ids="handshake {}".format)
def test_who_is_not_logged_in_is_told_no_cause(asked, plain, server):
    answers = [says(status, Server=server, Location="/login", Content_Length="0") for status in (asked, plain)]
    assert diagnose(seen(shakes(*answers), shakes(*answers, path=KERNEL))) == []


def test_two_mistakes_are_two_findings():
    lost = says(400, NO_UPGRADE)
    evidence = seen(shakes(to("/dip/websocket/?sessionId=diagnose00")), shakes(lost, lost, path=KERNEL))
    assert [found.id for found in diagnose(evidence)] == ["redirect-on-handshake", "upgrade-not-forwarded"]


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


def test_zoo_lists_every_build_and_where_it_is_from(capsys):
    assert main(["zoo"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    everything = [[build.version, build.origin] for here in BUILDS.values() for build in here]
    assert [line[-2:] for line in table] == everything


def test_what_cannot_be_fetched_is_named_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "ZOO", tmp_path)
    monkeypatch.setattr(fetch, "_tools", lambda: "")  # a machine without apt
    said = []
    missing = fetch.fetch("nginx", {"ask": "-v", "trixie": ["usr/sbin/nginx", "nginx"]}, said.append)
    assert missing == {"trixie": "it takes apt-get, which is not on this machine"}
    assert said == ["nginx from trixie: cannot be had: it takes apt-get, which is not on this machine"]


def test_bench_compares_with_no_proxy_in_the_same_run(capsys):
    assert main(["bench", "nginx", "--rounds", "1"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("as a multiple of no proxy")
    title, version, *costs = row.split()
    assert (title, version) == ("nginx", BUILDS["nginx"][-1].version)
    assert all(0 < float(cost.rstrip("x")) < 1000 for cost in costs)
