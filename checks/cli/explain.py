"""Explain a cause, or an error from the console of a browser."""

from __future__ import annotations

import argparse
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from checks import findings
from checks.report.terminal import named
from checks.report.text import INDENT, clean, wrap

from .parser import UsageError

if TYPE_CHECKING:
    from checks.console import Reading

PAGES = Path(__file__).resolve().parents[2] / "docs" / "findings"

EXPECTED = (
    "expected the id of a cause, such as idle-timeout, or a console error about a WebSocket, in quotes, such as"
    " \"WebSocket connection to 'wss://...' failed: ...\""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the text to explain."""
    parser.add_argument("text", metavar="TEXT", help="the id of a cause, such as idle-timeout; or the error, in quotes")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    print(explain(arguments.text, read_page))
    return 0


def read_page(cause: str) -> str:
    """Return the Markdown of a cause's page.

    In websocket-doctor.pyz the pages are inside the package.
    """
    page = PAGES / f"{cause}.md"
    if page.exists():
        return page.read_text(encoding="utf-8")
    return (pkgutil.get_data("checks", f"pages/{cause}.md") or b"").decode()


def explain(text: str, page_of: Callable[[str], str]) -> str:
    """Return the explanation of a cause's id or a console error.

    Raises UsageError when the text is neither.
    """
    from checks.console import read  # noqa: PLC0415  # slow to import, and no other command needs it
    from checks.report.page import plain  # noqa: PLC0415

    cause = text.strip()
    if cause in findings.ids():
        page = page_of(cause) or f"# {cause}\n\n{findings.cause(cause).summary}."
        _, _, body = plain(page.replace(f"\nCause: `{cause}`\n", "")).partition("\n")  # the title has the id
        return f"{named(cause)}\n{body}"
    if reading := read(text):
        return "\n".join(_explained(reading))
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", cause):
        raise UsageError(f"unknown cause {clean(cause, 60)!r}; expected one of {', '.join(findings.ids())}")
    raise UsageError(EXPECTED)


def _explained(reading: Reading) -> Iterator[str]:
    yield from wrap(clean(reading.line))
    yield ""
    yield from wrap(reading.means, INDENT)
    yield ""
    causes = [_named(cause) for cause in reading.ids]
    if len(causes) > 1:
        yield f"{INDENT}Possible causes:"
        for cause in causes:
            yield from wrap(f"- {cause}", INDENT, INDENT * 2)
    else:
        yield from wrap(f"Cause: {causes[0]}" if causes else "This error does not name a cause.", INDENT, INDENT * 2)
    yield ""
    yield from wrap(f"Next: {reading.next}", INDENT, INDENT * 2)
    if set(reading.ids) & set(findings.ids()):
        yield f"{INDENT}More: explain {reading.ids[0]}" + (", or one of the others" if len(causes) > 1 else "")


def _named(cause: str) -> str:
    return named(cause) if cause in findings.ids() else f"{cause} (only the browser can detect it)"
