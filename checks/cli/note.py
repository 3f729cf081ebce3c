"""Write a ticket for the network team.

note runs the same test as diagnose. The ticket has the host and port, the cause with its proof, and the command that
reproduces it.
"""

from __future__ import annotations

import argparse

from checks.findings import diagnose

from . import options
from .collect import collect
from .files import load_evidence
from .options import ProbeOptions
from .parser import EXIT_CODES, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to test and how, and the form of the ticket."""
    parser.usage, parser.epilog = "%(prog)s [options] URL", EXIT_CODES
    options.add_arguments(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--plain", action="store_true", help="write plain text instead of Markdown")


def run(arguments: argparse.Namespace) -> int:
    """Test the URL, or load evidence, and print the ticket."""
    from checks.report.ticket import ticket  # noqa: PLC0415  # slow to import, and no other command needs it

    if len(arguments.urls) != (0 if arguments.load else 1):
        raise UsageError("expected one URL, or --load FILE; see `note --help`")
    if arguments.load:
        evidence = load_evidence(arguments.load)
        given = ProbeOptions.from_evidence(evidence)
    else:
        given = ProbeOptions.of(arguments)
        evidence = collect(given, arguments.urls)[0]
    diagnosis = diagnose(evidence)
    print(ticket(evidence, diagnosis, given.command(evidence), plain=arguments.plain))
    return diagnosis.exit_code
