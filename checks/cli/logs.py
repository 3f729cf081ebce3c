"""Record what each proxy logs when WebSocket is broken."""

from __future__ import annotations

import argparse

from checks.report.text import clean

from .lab import lab_errors, write_json

NEEDS_LAB = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether to keep the result."""
    parser.add_argument("--write", action="store_true", help="write the result to checks/, for the tests")


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Print what each proxy logs about each mistake."""
    from checks.lab.logs import MISTAKES, RECORD, record  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415
    from checks.lab.standin import stand_in  # noqa: PLC0415

    known, results = recipes(), []
    with stand_in() as dss:
        for mistake in MISTAKES:
            version, lines = record(mistake, known[mistake.proxy], dss)
            results.append({"proxy": version, "mistake": mistake.title, "cause": mistake.cause, "lines": lines})
            print(f"{version}, {mistake.title}:")
            for line in lines:
                print(f"  {clean(line)}", flush=True)
    if arguments.write:
        write_json(RECORD, results)
    return 0
