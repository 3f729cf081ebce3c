"""Parse arguments, with help in paragraphs and errors in one line."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from checks.report.text import program as program  # noqa: PLC0414  # for the commands

EXIT_CODES = (
    "Exit codes: 0 WebSocket works, 1 something fails, 2 the test could not run: wrong usage, or nothing responds."
)

ARGPARSE_MESSAGES = {
    r"^argument (?:-\w/)?(\S+): invalid (?:float|int) value: (.*)$": r"\1: expected a number, got \2",
    r"^argument (?:-\w/)?(\S+): expected one argument$": r"\1: expected a value; if it starts with -, write \1=VALUE",
    r"^argument (\S+): not allowed with argument (\S+)$": r"\1: cannot be combined with \2",
    r"^argument (?:-\w/)?(\S+): (expected a value, got an empty one)$": r"\1: \2",
    r"^argument : invalid choice: .* \(choose from (.*)\)$": r"unknown command; expected one of \1",
    r"^argument (?:-\w/)?(\S+): invalid choice: (.*) \(choose from (.*)\)$": r"\1: expected one of \3, got \2",
    r"^the following arguments are required: (.*)$": r"missing \1",
}
"""Each message of argparse, as a pattern, and the message that replaces it."""


OPTION = re.compile(r"--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z]")
"""The name of an option, without a value."""


NEGATIVE = re.compile(r"-([0-9.]+(e[+-]?[0-9]+)?|inf(inity)?|nan)", re.IGNORECASE)
"""A negative number."""


class UsageError(Exception):
    """Wrong usage, or a file or port that cannot be used."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError and keeps the paragraphs of its help."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{"formatter_class": _Paragraphs, **settings})  # type: ignore[arg-type]

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; raise UsageError for an unknown argument.

        Raised here, the error names the help of the command, not that of the whole program.
        """
        parsed, unknown = super().parse_known_args(_joined(sys.argv[1:] if args is None else args), namespace)
        if unknown:  # not repeated, because it may contain a secret
            options = [option[0] for option in map(OPTION.match, unknown) if option]
            self.error(f"unknown option {options[0]}" if options else "too many arguments")
        return parsed, unknown

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help or the version.

        Raises OSError if that fails, which argparse ignores.
        """
        print(message, end="", file=file, flush=True)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message of argparse, reworded."""
        for pattern, replacement in ARGPARSE_MESSAGES.items():
            message = re.sub(pattern, replacement, message)
        raise UsageError(f"{message}; see `{self.prog} --help`")


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with each negative number joined to its option.

    argparse would take it for an option; -4 and -6 are options.
    """
    joined: list[str] = []
    for argument in arguments:
        if NEGATIVE.fullmatch(argument) and argument not in {"-4", "-6"} and joined and OPTION.fullmatch(joined[-1]):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


class _Paragraphs(argparse.HelpFormatter):
    """Wrap each paragraph of a description separately."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip())
        return "\n\n".join(super(_Paragraphs, self)._fill_text(each, width, indent) for each in paragraphs)


def expect_between(option: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Raise UsageError when the value of an option is out of range."""
    if not low <= value <= high:
        raise UsageError(f"{option}: expected {low:.10g}-{high:.10g}{unit and ' '}{unit}, got {value:.10g}")
