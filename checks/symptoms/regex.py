"""Compile patterns that mean the same in JavaScript with the flags `iu`."""

from __future__ import annotations

import functools
import re
from re import Pattern

WORD = "A-Za-z0-9_"
CLASSES = {"d": "0-9", "w": WORD, "s": " \\t\\n\\r\\f\\v"}
EDGE = f"(?-i:(?<![{WORD}])(?=[{WORD}])|(?<=[{WORD}])(?![{WORD}]))"
"""A boundary between a letter of ASCII and another character, which is what \\b means in JavaScript."""

SOURCES: dict[Pattern[str], list[str]] = {}
"""The pattern and the flags of JavaScript of each compiled pattern."""

TOKEN = re.compile(r"\\(.)|(\[\^?)|(\])", re.DOTALL)


@functools.cache
def compiled(pattern: str, *, case: bool = False) -> Pattern[str]:
    """Return the compiled pattern; it ignores case unless `case`."""
    inside = False

    def translate(found: re.Match[str]) -> str:
        nonlocal inside
        escaped, opens, closes = found.groups()
        if opens and not inside:
            inside = True
        elif closes:
            inside = False
        elif escaped in CLASSES:
            return CLASSES[escaped] if inside else f"(?-i:[{CLASSES[escaped]}])"
        elif escaped == "b" and not inside:
            return EDGE
        elif escaped and escaped.lower() in CLASSES and not inside:
            return f"(?-i:[^{CLASSES[escaped.lower()]}])"
        return found[0]

    found = re.compile(TOKEN.sub(translate, pattern), 0 if case else re.IGNORECASE)
    SOURCES[found] = [pattern, "u" if case else "iu"]
    return found
