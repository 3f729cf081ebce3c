"""Make text safe and fit for a terminal of 80 columns."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from pathlib import Path

WIDTH = 80
"""Columns of a terminal."""

INDENT = "  "
"""What explanations are indented with."""


def program() -> str:
    """Return the command that runs this program: the module or the single file."""
    name = Path(sys.argv[0]).name
    return f"python {name}" if name.endswith(".pyz") else "python -m checks"


def more(cause: str, page: str) -> str:
    """Return where to read more about a cause.

    It is the URL of its page, or the command that prints the page.
    """
    return page or f"{program()} explain {cause}"


def clean(text: object, limit: int = 300) -> str:
    """Return a text on one line that is safe to print on a terminal.

    It is cut after `limit` characters, and control characters are escaped.
    """
    whole = str(text)
    return "".join(map(_visible, whole[:limit])) + ("..." if len(whole) > limit else "")


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else ascii(char)[1:-1]


def size_of(number: int) -> str:
    """Return a number of bytes for people: `4 MB`, `64 KB` or `100 bytes`."""
    if number >= 1 << 20:
        return f"{number >> 20} MB"
    return f"{number >> 10} KB" if number >= 1 << 10 else f"{number} bytes"


def wrap(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> list[str]:
    """Return a text as lines that start with `first`, then with `rest`.

    A word is never split, so that URLs stay whole.
    """
    indent = first if rest is None else rest
    wrapper = textwrap.TextWrapper(width, first, indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text)
