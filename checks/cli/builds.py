"""List the proxy versions on this computer, which the configs run on."""

from __future__ import annotations

import argparse
import contextlib

from checks.report.text import clean

from .lab import lab_errors

NEEDS_LAB = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether to download."""
    parser.add_argument("--fetch", action="store_true", help="first download or compile the missing ones, without root")


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Print the table of builds; with --fetch, get the missing ones first."""
    from checks.lab.process import NotInstalledError  # noqa: PLC0415
    from checks.lab.programs import PROGRAMS, program  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415

    failed: dict[str, str] = {}
    if arguments.fetch:
        from checks.lab.fetch import builds, fetch, tools  # noqa: PLC0415

        failed = fetch([tools(), builds()], lambda line: print(f"{clean(line)}\n", end="", flush=True))
        print()
    print(f"{'proxy':<12} {'version':<10} origin")
    for recipe in recipes().values():
        for build in recipe.builds:
            print(f"{recipe.title:<12} {build.version:<10} {build.origin}")
    for name, declared in PROGRAMS.items():
        with contextlib.suppress(NotInstalledError):
            print(f"{declared.title:<23} {program(name)}")
    for reason in dict.fromkeys(failed.values()):
        titles = ", ".join(title for title, why in failed.items() if why == reason)
        print(f"not available: {titles}: {clean(reason)}")
    return 1 if failed else 0
