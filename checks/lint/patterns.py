"""Compile the regular expressions in configurations.

The page has this module in JavaScript.
"""

from __future__ import annotations

import re


def compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str] | None:
    """Return a pattern of PCRE, or None if Python cannot read it."""
    flags = re.IGNORECASE if ignore_case or pattern.startswith("(?i)") else 0
    pattern = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern.removeprefix("(?i)"))
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        return None
