"""Compare diagnose with curl, wscat and others on broken examples."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from checks.report.text import clean

from .lab import lab_errors, write_json

NEEDS_LAB = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether to keep the result."""
    parser.add_argument("--write", action="store_true", help="write the result to checks/, for the pages of the site")


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Print what each tool reports about each server, and what diagnose reports."""
    from checks.lab.recipe import recipes  # noqa: PLC0415
    from checks.lab.tools import RESULTS, cases, tools  # noqa: PLC0415

    recipes()  # to report a mistake in one of them before npm downloads anything
    results = []
    versions = {tool.name: tool.version for tool in tools()}
    for case in cases():
        results.append(asdict(case))
        print(f"{case.proxy}, {case.broken or 'as published'}:")
        for name, output in case.outputs.items():
            ended = "running" if output.exit_code is None else f"exit {output.exit_code}"
            print(f"  {name:<12} {ended:<9} {clean(output.line)}")
        print(f"  {'diagnose':<12} {'':<9} {', '.join(case.causes) or 'not proven'}", flush=True)
    if arguments.write:
        write_json(RESULTS, {"versions": versions, "cases": results})
    return 0
