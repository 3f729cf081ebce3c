"""Explain a cause, or any text about a WebSocket that fails.

The text can be console errors, log lines, the output of a tool, or your own words. Without TEXT, or with -, it is read
from standard input.

Exit codes: 0 understood, 1 not understood, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks import findings
from checks.report.terminal import named
from checks.report.text import INDENT, clean, more, wrap

from .files import read_input
from .parser import UsageError, program

if TYPE_CHECKING:
    from checks.symptoms import Answer, Reading

PAGES = Path(__file__).resolve().parents[2] / "docs" / "findings"

EXPECTED = (
    "expected the id of a cause, such as idle-timeout, or text in quotes, such as a console error;"
    " `explain -` reads standard input"
)

MOST_READINGS = 6
"""Readings that are printed; --json has all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the text to explain."""
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="?",
        help="the id of a cause, such as idle-timeout; text in quotes; or - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="print what the text means as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    text = _input(arguments.text)
    if not arguments.json and text.strip() in _pages():
        print(explain_cause(text.strip(), read_page))
        return 0
    answer = _read(text)
    print(json.dumps(as_json(answer), indent=2) if arguments.json else "\n".join(lines_of(answer)))
    return 0 if answer.readings else 1


def _input(text: str | None) -> str:
    """Return the text to explain, from the command line or from standard input."""
    if text is None and (not sys.stdin or sys.stdin.isatty()):
        raise UsageError(EXPECTED)
    if text is not None and text != "-":
        return text
    return read_input("the text")


def _pages() -> set[str]:
    """Return the id of every cause that has a page."""
    from checks.symptoms import ONLY_IN_BROWSER  # noqa: PLC0415  # slow to import, and no other command needs it

    return {*findings.ids(), *ONLY_IN_BROWSER}


def read_page(cause: str) -> str:
    """Return the Markdown of a cause's page, without its front matter.

    In websocket-doctor.pyz the pages are inside the package.
    """
    page = PAGES / f"{cause}.md"
    content = page.read_bytes() if page.exists() else pkgutil.get_data("checks", f"pages/{cause}.md") or b""
    return re.sub(r"\A---\n.*?\n---\n+", "", content.decode(), flags=re.DOTALL)


def explain_cause(cause: str, page_of: Callable[[str], str]) -> str:
    """Return the page of a cause as plain text."""
    from checks.report.page import plain  # noqa: PLC0415

    page = page_of(cause) or f"# {cause}\n\n{findings.cause(cause).summary}."
    _, _, body = plain(re.sub(rf"\n\{{\.cause\}}\n\w+: `{cause}`\n", "", page)).partition("\n")  # the title has the id
    return f"{_named(cause)}\n{body}"


def _read(text: str) -> Answer:
    """Return what a text means.

    Raises UsageError if it is empty, or looks like the id of a cause and is not.
    """
    from checks.symptoms import read  # noqa: PLC0415

    if not text.strip():
        raise UsageError(EXPECTED)
    answer = read(text)
    if not answer.readings and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text.strip()):
        raise UsageError(f"unknown cause {clean(text.strip(), 60)!r}; expected one of {', '.join(sorted(_pages()))}")
    return answer


def as_json(answer: Answer) -> dict[str, list[dict[str, Any]]]:
    """Return the readings, the most important first."""
    readings = [
        {
            "line": reading.masked,
            "causes": list(reading.causes),
            "means": reading.symptom.means,
            "next": reading.symptom.next,
        }
        for reading in answer.readings
    ]
    return {"readings": readings}


def lines_of(answer: Answer) -> Iterator[str]:
    """Yield what a text means, the most important first."""
    from checks.symptoms import LIMIT  # noqa: PLC0415

    origins = {reading.socket.origin for reading in answer.readings if reading.socket}
    for number, reading in enumerate(answer.readings[:MOST_READINGS]):
        if number:
            yield ""
        yield from _explained(reading, several=len(origins) > 1)
    if not answer.readings:
        yield from _not_understood(answer)
    if len(answer.readings) > MOST_READINGS:
        yield from ["", f"{len(answer.readings) - MOST_READINGS} more with --json."]
    if answer.cut:
        yield from ["", *wrap(f"The text is long: only its first and its last {LIMIT // 2:,} characters were read.")]


def _explained(reading: Reading, *, several: bool) -> Iterator[str]:
    if several and reading.socket:
        yield f"[{clean(reading.socket.origin, 80)}]"
    yield from wrap(clean(reading.shown, 500) + (f" ({reading.count} times)" if reading.count > 1 else ""))
    yield ""
    yield from wrap(clean(reading.symptom.means, 1000), INDENT)
    yield ""
    causes = [_named(cause) for cause in reading.causes]
    if len(causes) > 1:
        yield f"{INDENT}Possible causes, the likeliest first:"
        for cause in causes:
            yield from wrap(f"- {cause}", INDENT, INDENT * 2)
    else:
        yield from wrap(f"Cause: {causes[0]}" if causes else "The text does not show the cause.", INDENT, INDENT * 2)
    yield ""
    yield from wrap(f"Next: {reading.symptom.next}", INDENT, INDENT * 2)
    if reading.causes:
        others = ", or one of the others" if len(causes) > 1 else ""
        yield f"{INDENT}More: {more(reading.causes[0], findings.page(reading.causes[0]))}{others}"


def _not_understood(answer: Answer) -> Iterator[str]:
    from checks.symptoms import QUESTIONS  # noqa: PLC0415

    about = "This text mentions a WebSocket, but its message is not known here."
    yield about if answer.about_websocket else "This text has no error about a WebSocket that is known here."
    yield "Three questions narrow the cause down:"
    for number, (question, meaning) in enumerate(QUESTIONS, 1):
        yield ""
        yield from wrap(f"{number}. {question} {meaning}", INDENT, INDENT * 2)
    yield ""
    yield from wrap("Then test the connection, with your own URL of DSS:", "")
    yield f"{INDENT}{program()} diagnose https://dss.example.com"


def _named(cause: str) -> str:
    from checks.symptoms import ONLY_IN_BROWSER  # noqa: PLC0415

    if cause in ONLY_IN_BROWSER:
        return f"{ONLY_IN_BROWSER[cause]} ({cause})"
    return named(cause) if cause in findings.ids() else cause
