"""Write a ticket for the network team.

note runs the same test as diagnose. The ticket has the host and port, the cause with its proof, and the command that
reproduces it. With --console it tests nothing: the ticket is about a console error or a log line.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from checks.findings import cause, diagnose, ids

from . import options
from .collect import collect
from .files import load_evidence, read_input
from .options import ProbeOptions
from .parser import EXIT_CODES, UsageError, program

if TYPE_CHECKING:
    from checks.report.ticket import Content


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to test and how, and the form of the ticket."""
    parser.usage, parser.epilog = "%(prog)s [options] URL", EXIT_CODES
    group = options.add_arguments(parser)
    group.add_argument(
        "--console",
        metavar="TEXT",
        help="test nothing, and write the ticket about this console error or log line; - reads standard input",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--plain", action="store_true", help="write plain text instead of Markdown")


def run(arguments: argparse.Namespace) -> int:
    """Test the URL, or load evidence, and print the ticket."""
    from checks.report.ticket import ticket, written  # noqa: PLC0415  # slow to import, and no other command needs it

    instead = arguments.load is not None or arguments.console is not None
    if len(arguments.urls) != (0 if instead else 1) or (arguments.load and arguments.console):
        raise UsageError("expected one URL, or --load FILE, or --console TEXT; see `note --help`")
    if arguments.console is not None:
        text = read_input("the text") if arguments.console == "-" else arguments.console
        print(written(content_of(text, f"{program()} diagnose"), plain=arguments.plain))
        return 1
    if arguments.load:
        evidence = load_evidence(arguments.load)
        given = ProbeOptions.from_evidence(evidence)
    else:
        given = ProbeOptions.of(arguments)
        evidence = collect(given, arguments.urls)[0]
    diagnosis = diagnose(evidence)
    print(ticket(evidence, diagnosis, given.command(evidence), plain=arguments.plain))
    return diagnosis.exit_code


def content_of(text: str, command: str) -> Content:
    """Return what the ticket has to say about a text.

    Raises UsageError if the text is empty.
    """
    from checks.report.ticket import reported  # noqa: PLC0415
    from checks.symptoms import ONLY_IN_BROWSER, quoted, read, socket_in  # noqa: PLC0415

    if not text.strip():
        raise UsageError("--console: expected a console error or a log line, got nothing")
    first = next(iter(read(text).readings), None)
    socket = first.socket if first else socket_in(text)
    url = socket.url if socket else ""
    if not first:
        return reported(url, quoted(text), "", (), command)
    titles = {**{name: cause(name).title for name in ids()}, **ONLY_IN_BROWSER}
    possible = [(name, titles[name]) for name in first.causes]
    return reported(url, [first.shown], first.symptom.means.rstrip("."), possible, command)
