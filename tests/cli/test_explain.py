"""explain: a cause's page, or the meaning of a text, in plain text."""

import io
import json
import os
import re
import subprocess
import sys

import pytest
from support.proof import ROOT

from checks import findings, symptoms
from checks.cli import main
from checks.cli.explain import explain_cause, lines_of, read_page
from checks.report.page import plain
from checks.report.terminal import named

URL = "wss://dss.example.com/dip/websocket/"


@pytest.mark.parametrize("cause", [*findings.ids(), *symptoms.ONLY_IN_BROWSER])
def test_the_page_of_a_cause_is_plain_text(cause):
    text = explain_cause(cause, read_page)
    lines = text.splitlines()
    assert lines[0] == (named(cause) if cause in findings.ids() else f"{symptoms.ONLY_IN_BROWSER[cause]} ({cause})")
    assert "Cause: " not in text
    headings = [line for line in lines if line and not line.startswith((" ", "["))][1:]
    assert headings == re.findall(r"^###? (.*)", read_page(cause), re.MULTILINE)
    assert [line for line in lines if len(line) > 80 and not line.startswith("[")] == []
    assert re.findall(r"\{[a-z]+\}|```|\]\(|:::|\*\*", text) == []


def test_directives_of_a_page_become_plain_text_or_are_dropped():
    page = """---
myst: x
---
# an-id

One *word* and **two** of [RFC 1](https://x.example/1), [the other](other.md). {proven}`a-claim`
Again [RFC 1](https://x.example/1), {doc}`named <other>`.

(a-target)=

- first
- second that is long enough to need another line of the terminal, whatever its width

```{literalinclude} ../../checks/recipes/nginx/http.conf
:language: nginx
```

```{toctree}
gone
```

:::{note}
kept
:::
"""
    assert (
        plain(page)
        == """an-id

  One word and two of RFC 1 [1], the other. Again RFC 1 [1], named.

  - first
  - second that is long enough to need another line of the terminal, whatever
    its width

    [checks/recipes/nginx/http.conf]

  kept

[1] https://x.example/1"""
    )


def explained(text):
    """Return what is printed for a text, on one line."""
    return " ".join(" ".join(lines_of(symptoms.read(text))).split())


def test_a_console_error_gets_causes_and_next_step():
    error = f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: Unexpected response code: 405"
    symptom = symptoms.read(error).readings[0].symptom
    text = explained(error)
    assert (
        f"{symptom.means} Possible causes, the likeliest first: - The proxy drops Upgrade or Connection (upgrade-"
        in text
    )
    assert f"Next: {symptom.next} More: python -m checks explain upgrade-not-forwarded, or one of the others" in text


def test_an_explanation_has_no_secret_and_no_escape_sequence(capsys):
    error = f"WebSocket connection to '{URL}?token=s3cret' failed: Unexpected response code: 405\x1b[31m"
    for options in ([], ["--json"]):
        assert main(["explain", *options, error]) == 0
        text = capsys.readouterr().out
        assert "s3cret" not in text
        assert "\x1b" not in text


def test_each_websocket_is_explained_the_one_of_dss_first():
    other = "WebSocket connection to 'ws://localhost:8097/' failed: net::ERR_CONNECTION_REFUSED"
    own = f"WebSocket connection to '{URL}' failed: Proxy authentication failed"
    text = explained(f"{other}\n{own}\n{own}")
    assert text.startswith(f"[wss://dss.example.com] WebSocket connection to '{URL}' failed: Proxy authent")
    assert "(2 times)" in text
    assert "[ws://localhost:8097]" in text


@pytest.mark.parametrize("argv", [["explain", "-"], ["explain"]])
def test_it_reads_standard_input(argv, monkeypatch, capsys):
    error = (
        f"Refused to connect to '{URL}' because it violates the following Content Security Policy directive: \"x 'y'\"."
    )
    for data in (error.encode(), error.encode("utf-8-sig"), error.encode("utf-16")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        assert main(argv) == 0
        assert "(csp-blocks)" in capsys.readouterr().out


def test_json_has_every_reading(capsys):
    assert main(["explain", "--json", "WebSocket closed with code 1009"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["readings"]
    [reading] = found["readings"]
    assert list(reading) == ["line", "causes", "means", "next"]
    assert reading["line"] == "WebSocket closed with code 1009"
    assert reading["causes"] == ["message-size-limit"]
    assert reading["means"]
    assert reading["next"]


@pytest.mark.parametrize("text", ["what?", "../findings/index", "WebSocket says something new"])
def test_text_that_is_not_understood_gets_three_questions(text, capsys):
    assert main(["explain", text]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "1. Does DSS work on another network" in output
    assert "3. How long did the connection last?" in output
    assert output.endswith("diagnose https://dss.example.com")
    assert main(["explain", "--json", text]) == 1
    assert json.loads(capsys.readouterr().out) == {"readings": []}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_can_show_any_language(encoding):
    command = [sys.executable, "-m", "checks", "explain", f"{URL} のサーバーへの接続を確立できませんでした。"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert result.returncode == 0
    assert result.stderr == b""
    assert b"Firefox shows the same text for every cause." in result.stdout


UNKNOWN = {
    "no-such-id": "checks: unknown cause 'no-such-id'; expected one of accept-mismatch, ",
    "": "checks: expected the id of a cause, such as idle-timeout, or text in quotes",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_id_is_wrong_usage(text, capsys):
    assert main(["explain", text]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(UNKNOWN[text])


def test_an_explanation_goes_to_standard_output(capsys):
    assert main(["explain", "idle-timeout"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("An idle timeout closes the WebSocket (idle-timeout)\n")
    assert output.err == ""


def test_explain_imports_nothing_that_connects():
    code = "import sys; from checks.cli import main; main(['explain', 'close code 1006']); print(*sys.modules)"
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=60)
    loaded = set(output.splitlines()[-1].split())
    assert "checks.symptoms" in loaded
    assert loaded.isdisjoint({"checks.probe", "asyncio", "ssl", "websockets", "h11"})
