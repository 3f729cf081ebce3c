"""Read and write the files that people name, with one-line errors."""

from __future__ import annotations

import re
from pathlib import Path

from checks.evidence import Evidence
from checks.report.text import clean

from .parser import UsageError


def read(path: Path, what: str) -> str:
    """Return the text of a file; `what` names its content in the error.

    A byte order mark, as Notepad writes it, is not part of the text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError, as is a null character in the path
        if re.match(r"(?i)(https?|ftp|data|blob):", str(path)):
            raise UsageError(f"cannot read {what} from a URL; download it first, and pass the file") from error
        raise UsageError(f"cannot read {what} from {clean(path)}: {reason(error)}") from error


def write(path: Path, text: str) -> None:
    """Write a file."""
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {clean(path)}: {reason(error)}") from error


def load_evidence(path: Path) -> Evidence:
    """Return the evidence in a file that --save wrote."""
    try:
        return Evidence.from_json(read(path, "the evidence"))
    except ValueError as error:
        raise UsageError(f"{clean(path)}: expected evidence from --save: {error}") from error


def read_urls(path: Path) -> list[str]:
    """Return the URLs in a file, one per line, without empty lines and comments."""
    lines = [line.strip() for line in read(path, "the URLs").splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise UsageError(f"{clean(path)}: expected a URL on each line, found none")
    return urls


def reason(error: Exception) -> str:
    """Return the words of an error, without its number."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return str(getattr(error, "strerror", "") or error).lower()
