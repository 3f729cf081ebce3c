"""Read and write the files that people name, with one-line errors."""

from __future__ import annotations

import argparse
import codecs
import json
import re
import sys
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


def read_input(what: str) -> str:
    """Return the text on standard input; `what` names its content in the error.

    What is not UTF-8 text is replaced. PowerShell writes UTF-16 with a byte order mark.
    """
    if not sys.stdin:
        raise UsageError(f"cannot read {what} from standard input: it is closed")
    try:
        data = sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {what} from standard input: {reason(error)}") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def not_empty(text: str) -> str:
    """Return the value of an option; a variable that is not set leaves it empty."""
    if not text:
        raise argparse.ArgumentTypeError("expected a value, got an empty one")
    return text


def file_name(text: str) -> Path:
    """Return the file that an option names; an empty one is the current folder."""
    return Path(not_empty(text))


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
        wrong = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
        raise UsageError(f"{clean(path)}: expected evidence from --save: {wrong}") from error


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
    if hasattr(error, "library"):  # of OpenSSL
        words = re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", str(getattr(error, "strerror", "") or error)).lower()
        return "it is not PEM, or a password protects it" if words == "pem lib" else words
    return str(getattr(error, "strerror", "") or error).lower()
