"""diagnose: one URL or many, saved evidence, JSON, and the form of its output."""

import cProfile
import json
import os
import pstats
import pty
import select
import socket
import subprocess
import sys
from contextlib import closing
from typing import get_args

import pytest
from support.machine import RECIPES
from support.proof import ROOT
from support.reader import Reader
from support.web_sites import Ordinary, serving

from checks.cli import main
from checks.evidence import Evidence, Variant
from checks.lab import bench_diagnose
from checks.lab.process import free_port
from checks.lab.proxy import proxy
from checks.report.terminal import VARIANTS

WRONG = [
    (["diagnose"], "missing URL, such as https://dss.example.com; see `diagnose --help`"),
    (["diagnose", "http://h:99999"], "http://h:99999"),
    (
        ["diagnose", "ws://h/a b"],
        "'ws://h/a b' contains a space or a control character; in a path, write a space as %20",
    ),
    (["diagnose", "  "], "invalid URL ''"),
    (["diagnose", "http://h", "--load", "x.json"], "--load: cannot be combined with a URL"),
    (["diagnose", "http://h", "http://i", "--save", "x.json"], "--save: expected one URL; for several, --json prints"),
    (["diagnose", "--load", "/nowhere.json"], "cannot read the evidence from /nowhere.json: no such file"),
    (["diagnose", "--targets", "/nowhere.txt"], "cannot read the URLs from /nowhere.txt: no such file"),
]

CALLS = 16_000
"""Calls of functions that the test of one healthy URL may take; their number hardly depends on the load."""


def test_each_variant_of_a_handshake_has_a_label():
    assert set(VARIANTS) == set(get_args(Variant)) - {"again"}


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_wrong_usage_is_one_line(argv, message, capsys):
    assert main(argv) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""
    assert output.err.count("\n") == 1


def test_nothing_that_listens_is_unreachable(capsys):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["diagnose", f"http://127.0.0.1:{taken.getsockname()[1]}"]) == 2
    output = capsys.readouterr().out
    assert "\nThe server cannot be reached (unreachable)\n  Proof: no connection to 127.0.0.1" in output


def test_output_is_complete_when_the_evidence_cannot_be_saved(tmp_path, capsys):
    assert main(["diagnose", "http://127.0.0.1:1", "--save", str(tmp_path / "none" / "evidence.json")]) == 2
    output = capsys.readouterr()
    assert "(unreachable)" in output.out
    assert "cannot write" in output.err


@pytest.fixture
def ordinary():
    with serving(Ordinary) as server:
        yield server.url


def test_a_site_that_is_not_dss_gets_candidates(ordinary, capsys):
    assert main(["diagnose", ordinary]) == 1
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Not proven, but possible:")
    assert lines[start + 1] == "  There is no WebSocket at this URL (wrong-path)"
    assert lines[start + 2].startswith("  Next:  ")


def test_json_has_candidates_with_titles(ordinary, capsys):
    assert main(["diagnose", ordinary, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["findings"] == []
    assert result["candidates"] == [{"id": "wrong-path", "title": "There is no WebSocket at this URL"}]
    assert result["next_step"]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "JSON"])
def test_output_has_no_escape_sequence_and_no_cookie(form, ordinary, capsys):
    main(["diagnose", ordinary, *form])
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "planted-secret" not in output


def test_json_has_findings_with_titles(dss, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.variant("upgrade-not-forwarded"), dss) as site:
        assert main(["diagnose", site.origin, "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["id"] == "upgrade-not-forwarded"
    assert finding["title"] == "The proxy drops Upgrade or Connection"


def test_a_signed_in_user_gets_host_not_preserved(dss, tmp_path, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.variant("host-not-preserved"), dss) as site:
        reader = Reader(site)
        reader.log_in()
        kernel = reader.start_kernel()
        cookies = tmp_path / "cookies.txt"
        cookies.write_text(f"Cookie: {reader.cookie_header()}\n")
        code = main(["diagnose", site.origin, "--cookies", str(cookies), "--socket", kernel])
        reader.stop_kernel(kernel)
    output = capsys.readouterr().out
    assert code == 1
    assert "The proxy does not preserve the Host header (host-not-preserved)" in output
    assert not [value for value in reader.cookies.values() if value in output], "a cookie was printed"


@pytest.mark.proves("saved-evidence-gives-the-same")
def test_saved_evidence_gives_the_same_output(dss, tmp_path, capsys):
    """Saved evidence gives the same output."""
    saved = tmp_path / "evidence.json"
    url = f"http://127.0.0.1:{dss.port}"
    assert main(["diagnose", url, "--save", str(saved)]) == 0
    live = capsys.readouterr().out
    assert main(["diagnose", "--load", str(saved)]) == 0
    assert capsys.readouterr().out == live
    assert Evidence.from_json(saved.read_text()).url == url


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"url": "x", "page": 3, "health_check": {}}'])
def test_a_file_without_evidence_is_refused_in_one_line(text, tmp_path, capsys):
    (tmp_path / "x.json").write_text(text)
    assert main(["diagnose", "--load", str(tmp_path / "x.json")]) == 2
    error = capsys.readouterr().err
    assert "x.json: expected evidence from --save: " in error
    assert error.count("\n") == 1


def test_many_urls_get_a_line_each_then_details_of_failures(dss, tmp_path, capsys):
    good, unreachable = f"http://127.0.0.1:{dss.port}", f"http://127.0.0.1:{free_port()}"
    targets = tmp_path / "targets.txt"
    targets.write_text(f"\ufeff# ours\n{unreachable}\n\n{good}\n")  # as Notepad writes it
    assert main(["diagnose", good, "--targets", str(targets)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines[:3]] == [
        f"{good} WebSocket works (works)",
        f"{unreachable} The server cannot be reached (unreachable)",
        f"{good} WebSocket works (works)",
    ]
    assert [line for line in lines[3:] if line.startswith("http")] == [unreachable]


def test_many_urls_as_json_are_a_list_in_order(dss, capsys):
    good, unreachable = f"http://127.0.0.1:{dss.port}", f"http://127.0.0.1:{free_port()}"
    assert main(["diagnose", unreachable, good, "--json"]) == 2
    results = json.loads(capsys.readouterr().out)
    assert [[finding["id"] for finding in result["findings"]] for result in results] == [["unreachable"], ["works"]]
    assert Evidence.from_json(json.dumps(results[1]["evidence"])).url == good


def in_terminal(*argv):
    """Run the command in a terminal; return what it shows there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "checks", *argv]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        output = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            output += data
        process.wait(30)
    os.close(ours)
    return output.decode()


def test_only_a_terminal_gets_colour(dss, capsys):
    url = f"http://127.0.0.1:{dss.port}"
    assert "\x1b[1;32mWebSocket works" in in_terminal("diagnose", url)
    assert main(["diagnose", url]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_no_line_is_wider_than_80_columns(dss, capsys):
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.variant("upgrade-not-forwarded"), dss) as site:
        main(["diagnose", site.origin])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_a_healthy_diagnose_and_help_stay_within_their_budgets():
    cost = bench_diagnose.measure(5, url_counts=(), cpu_time=True)
    assert cost.time_ratio < 2, "times a bare handshake and echo"
    assert cost.help_time_ratio < 2, "times `import asyncio, ssl`"


def test_each_of_many_healthy_urls_stays_within_its_calls(dss):
    command = ["diagnose", "--no-proxy", *[f"http://127.0.0.1:{dss.port}"] * 20]
    assert main(command) == 0  # imports what it needs
    profile = cProfile.Profile()
    assert profile.runcall(main, command) == 0
    assert pstats.Stats(profile).total_calls / 20 < CALLS
