"""Record what real browsers send, for a page, a fetch and a handshake."""

from __future__ import annotations

import argparse
import sys

from .lab import lab_errors, write_json

NEEDS_LAB = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether to keep the result."""
    parser.add_argument("--write", action="store_true", help="write the result to checks/, for the pages of the site")


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Print the handshake of each browser that is installed."""
    from checks.lab.browsers import RESULTS, record  # noqa: PLC0415

    results = record(lambda line: print(line, file=sys.stderr))
    for name, browser in results["browsers"].items():
        print(f"{browser['version']}:")
        for server, requests in browser["requests"].items():
            print(f"  {server}")
            for header in requests["handshake"]:
                print(f"    {header}")
        for fault, line in browser["console"].items():
            print(f"  {name} prints for {fault}: {line or 'nothing'}")
    if arguments.write:
        write_json(RESULTS, results)
    return 0
