"""note: the ticket, and the command in it that repeats the test."""

import re
import shlex
from dataclasses import replace

import pytest
from support.machine import RECIPES
from support.web_sites import Markdown, serving

from checks import cli
from checks.cli import main
from checks.cli.options import ProbeOptions
from checks.evidence import Evidence, Handshake, HoldResult, Response, Route, SizeResult
from checks.lab.proxy import proxy
from checks.probe import NOTIFICATIONS

URL = "https://dss.example.com"
TESTED = Evidence(URL, Response(200), Response(200))

GIVEN = {
    "--socket": (["/api?token=planted-secret&plain=yes"], ["/api?token=***&plain=yes"]),
    "--cookies": (["cookies.txt"], ["cookies.txt"]),
    "--header": (["X-Key: planted-secret"], ["X-Key: ***"]),
    "--cert": (["me.pem"], ["me.pem"]),
    "--key": (["me.key", "--cert", "me.pem"], ["me.key"]),
    "--proxy": (["http://me:planted-secret@proxy:3128"], ["http://me@proxy:3128"]),
    "--pac": (["proxy.pac"], ["proxy.pac"]),
    "--no-proxy": ([], []),
    "--ca": (["ca.pem"], ["ca.pem"]),
    "-4": ([], []),
    "-6": ([], []),
    "--idle": (["90"], ["90"]),
    "--size": (["20000000"], ["20000000"]),
    "--timeout": (["2.5"], ["2.5"]),
    "--gentle": ([], []),
}
"""For each option, what is typed behind it, and what the ticket repeats of that."""

OTHER = {"--load", "--console", "--plain", "-h"}
"""Options that say nothing about the test."""

WRONG = [
    (["note"], "expected one URL, or --load FILE, or --console TEXT; see `note --help`"),
    (["note", "http://h", "http://i"], "expected one URL, or --load FILE"),
    (["note", "--console", " "], "--console: expected a console error or a log line, got nothing"),
]


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=["no URL", "two URLs", "no text"])
def test_wrong_usage_is_one_line(argv, message, capsys):
    assert main(argv) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def tickets(dss, capsys):
    """The ticket as Markdown and as plain text, and the proxy that it is about."""
    recipe = RECIPES["nginx"]
    with proxy(recipe, recipe.newest(), recipe.variant("upgrade-not-forwarded"), dss) as site:
        assert main(["note", site.origin]) == 1
        markdown = capsys.readouterr().out
        assert main(["note", site.origin, "--plain"]) == 1
        return markdown, capsys.readouterr().out, site


def test_a_ticket_has_cause_proof_and_command(tickets):
    markdown, _, site = tickets
    assert "**The proxy drops Upgrade or Connection** (upgrade-not-forwarded)" in markdown
    assert "Proof: expected 101 Switching Protocols, got 426 Upgrade Required" in markdown
    assert f"- Host and port: localhost:{site.port}, no TLS" in markdown
    assert f"```text\npython -m checks diagnose {site.origin}\n```" in markdown


def test_a_plain_ticket_has_no_markdown(tickets):
    _, plain, _ = tickets
    assert "The proxy drops Upgrade or Connection (upgrade-not-forwarded)" in plain
    assert not re.search(r"(?m)^#|```|\*\*", plain)


def test_markdown_from_a_server_is_escaped(capsys):
    with serving(Markdown) as server:
        assert main(["note", server.url]) == 1
        markdown = capsys.readouterr().out
        main(["note", server.url, "--plain"])
        plain = capsys.readouterr().out
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", markdown)
    assert "(Via)" in outside
    assert not re.search(r"(?<!\\)[<\[`]", outside)
    assert "500 <img src=x> [click](http://x) ``` **" in plain


def options_of_note():
    """Return every option of the command, as its help lists it."""
    text = cli.parsers(cli.commands("note"))[1]["note"].format_help()
    return re.findall(r"(?m)^  (-\w|--[a-z-]+)", text)


def command_for(*argv):
    """Return the words of the command that the ticket would have for these arguments."""
    arguments = cli.parsers(cli.commands("note"))[1]["note"].parse_args([URL, *argv])
    proxy = "http://me@proxy:3128" if arguments.proxy else ""
    return shlex.split(ProbeOptions.of(arguments).command(replace(TESTED, route=Route(proxy=proxy))))


@pytest.mark.parametrize("option", [option for option in options_of_note() if option not in OTHER])
def test_the_command_repeats_the_option_without_secrets(option):
    assert option in GIVEN, f"add {option} to GIVEN in this file, with what the ticket repeats"
    typed, repeated = GIVEN[option]
    words = command_for(option, *typed)
    assert option in words, f"add a field for {option} to ProbeOptions in checks/cli/options.py"
    assert words[:5] == ["python", "-m", "checks", "diagnose", URL]
    place = words.index(option)
    assert words[place : place + 1 + len(repeated)] == [option, *repeated]
    assert "planted-secret" not in " ".join(words)


def test_the_command_repeats_each_of_several_values():
    words = command_for("--socket", "/a", "--socket", "/b", "--header", "A: 1", "--header", "B: 2")
    assert words[5:] == ["--socket", "/a", "--socket", "/b", "--header", "A: ***", "--header", "B: ***"]


def test_the_command_names_the_proxy_of_the_environment():
    arguments = cli.parsers(cli.commands("note"))[1]["note"].parse_args([URL])
    tested = replace(TESTED, route=Route(proxy="http://proxy:3128", source="environment: https_proxy"))
    assert ProbeOptions.of(arguments).command(tested).endswith(f"diagnose {URL} --proxy http://proxy:3128")


SENT = (("Host", "dss.example.com"), ("Sec-WebSocket-Key", "x"), ("Cookie", "***"), ("X-Key", "***"))

KNOWN = {
    "nothing": (TESTED, []),
    "proxy": (replace(TESTED, route=Route(proxy="http://p:1")), ["--proxy", "http://p:1"]),
    "paths": (
        replace(TESTED, handshakes=(Handshake(NOTIFICATIONS, "", Response()), Handshake("/x?a=b", "", Response()))),
        ["--socket", "/x?a=b"],
    ),
    "headers": (
        replace(TESTED, handshakes=(Handshake(NOTIFICATIONS, "", Response(101), sent=SENT),)),
        ["--cookies", "FILE", "--header", "X-Key: ***"],
    ),
    "stayed open": (
        replace(TESTED, holds=(HoldResult("/", 0, 30.2, dropped=True), HoldResult("/", 15, 75.02, dropped=False))),
        ["--idle", "75"],
    ),
    "all closed": (replace(TESTED, holds=(HoldResult("/", 0, 60.1, dropped=True),)), ["--idle", "67"]),
    "sizes": (
        replace(TESTED, sizes=(SizeResult("/", 1024, passed=True), SizeResult("/", 2048, passed=False))),
        ["--size", "2048"],
    ),
}
"""What loaded evidence shows about the options, and how the command repeats that."""


@pytest.mark.parametrize("name", KNOWN)
def test_the_command_repeats_what_loaded_evidence_shows(name):
    evidence, expected = KNOWN[name]
    words = shlex.split(ProbeOptions.from_evidence(evidence).command(evidence))
    assert words[5:] == expected


def test_a_ticket_from_loaded_evidence_has_its_command(tmp_path, capsys):
    saved = tmp_path / "evidence.json"
    saved.write_text(KNOWN["headers"][0].to_json())
    main(["note", "--load", str(saved)])
    assert f"diagnose {URL} --cookies FILE --header 'X-Key: ***'\n" in capsys.readouterr().out
