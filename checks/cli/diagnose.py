"""Find what breaks WebSocket between this computer and DSS.

diagnose sends what a browser sends: requests for the page, the health check and the WebSockets. Where a WebSocket
fails, it repeats the handshake with one thing changed at a time, and names a cause only when the
responses prove it. It changes nothing on the server.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from checks.evidence import Evidence
from checks.findings import Diagnosis, cause, diagnose
from checks.report import terminal
from checks.report.text import clean

from . import options
from .collect import collect
from .files import file_name, load_evidence, read_urls, write
from .options import ProbeOptions
from .parser import EXIT_CODES, UsageError

SEVERITY = [0, 2, 1]
"""Exit codes from the least to the most severe: of many URLs, the most severe counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to test and how, and what to print."""
    parser.usage, parser.epilog = "%(prog)s [options] URL [URL ...]", EXIT_CODES
    what = options.add_arguments(parser)
    what.add_argument("--targets", type=file_name, metavar="FILE", help="test the URLs in this file too, one per line")
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print the causes and the evidence as JSON")
    output.add_argument(
        "--save",
        type=file_name,
        metavar="FILE",
        help="write the evidence to a file, with secrets masked: attach it to a ticket, or diagnose it with --load",
    )


def run(arguments: argparse.Namespace) -> int:
    """Test the URLs, or load evidence, and print the diagnosis."""
    urls = [*arguments.urls, *(read_urls(arguments.targets) if arguments.targets else [])]
    if arguments.load and urls:
        raise UsageError("--load: cannot be combined with a URL")
    if not urls and not arguments.load:
        raise UsageError("missing URL, such as https://dss.example.com; see `diagnose --help`")
    if len(urls) > 1 and arguments.save:
        raise UsageError("--save: expected one URL; for several, --json prints all the evidence")
    everything = [load_evidence(arguments.load)] if arguments.load else collect(ProbeOptions.of(arguments), urls)
    diagnosed = [(evidence, diagnose(evidence)) for evidence in everything]
    if arguments.json:
        results = [_result(evidence, diagnosis) for evidence, diagnosis in diagnosed]
        print(json.dumps(results if len(urls) > 1 else results[0], indent=2))
    elif len(urls) > 1:
        _print_many(diagnosed)
    else:
        terminal.print_lines(terminal.report(*diagnosed[0]))
    if arguments.save:  # last, so that the output is complete even if the file cannot be written
        write(arguments.save, everything[0].to_json() + "\n")
    return max((diagnosis.exit_code for _, diagnosis in diagnosed), key=SEVERITY.index)


def _print_many(diagnosed: Sequence[tuple[Evidence, Diagnosis]]) -> None:
    """Print one line for each URL, then the details of each that fails."""
    for evidence, diagnosis in diagnosed:
        print(f"{clean(evidence.url):<40} {terminal.summary_line(evidence, diagnosis)}")
    for evidence, diagnosis in diagnosed:
        if diagnosis.exit_code:
            print(f"\n{clean(evidence.url)}")
            terminal.print_lines(terminal.report(evidence, diagnosis))


def _result(evidence: Evidence, diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "candidates": [{"id": candidate, "title": cause(candidate).title} for candidate in diagnosis.candidates],
        "next_step": diagnosis.next_step,
        "evidence": asdict(evidence),
    }
