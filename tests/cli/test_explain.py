"""explain: a cause's page, or a console error of a browser, in plain text."""

import re

import pytest
from support.proof import ROOT

from checks import console, findings
from checks.cli import main
from checks.cli.explain import explain
from checks.cli.parser import UsageError
from checks.report.page import plain
from checks.report.terminal import named

URL = "wss://dss.example.com/dip/websocket/"


def page_of(cause):
    return (ROOT / "docs" / "findings" / f"{cause}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("cause", findings.ids())
def test_the_page_of_a_cause_is_plain_text(cause):
    text = explain(cause, page_of)
    lines = text.splitlines()
    assert lines[0] == named(cause)
    assert "Cause: " not in text
    headings = [line for line in lines if line and not line.startswith((" ", "["))][1:]
    assert headings == [line[3:] for line in page_of(cause).splitlines() if line.startswith("## ")]
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


def test_a_console_error_gets_causes_and_next_step():
    error = f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: Unexpected response code: 405"
    text = explain(error, page_of)
    lines = " ".join(text.split())
    reading = console.read(error)
    assert (
        f"{reading.means} Possible causes: - The proxy drops Upgrade or Connection (upgrade-not-forwarded) - " in lines
    )
    assert f"Next: {reading.next} More: explain upgrade-not-forwarded, or one of the others" in lines


def test_an_explanation_has_no_secret_and_no_escape_sequence():
    error = f"WebSocket connection to '{URL}?token=s3cret' failed: Unexpected response code: 405\x1b[31m"
    text = explain(error, page_of)
    assert "s3cret" not in text
    assert "\x1b" not in text


UNKNOWN = {
    "no-such-id": "unknown cause 'no-such-id'; expected one of accept-mismatch, ",
    "what?": "expected the id of a cause, such as idle-timeout, or a console error about a WebSocket, in quotes",
    "../findings/index": "expected the id of a cause",
    "": "expected the id of a cause",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_other_text_is_answered_with_what_was_expected(text):
    with pytest.raises(UsageError) as raised:
        explain(text, page_of)
    assert str(raised.value).startswith(UNKNOWN[text])


def test_an_explanation_goes_to_standard_output(capsys):
    assert main(["explain", "idle-timeout"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("An idle timeout closes the WebSocket (idle-timeout)\n")
    assert output.err == ""


def test_an_error_goes_to_standard_error(capsys):
    assert main(["explain", "what?"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("checks: expected the id of a cause")
