"""Take the pictures of the site again: the error, and consoles of browsers."""

from __future__ import annotations

import argparse

from .lab import lab_errors

NEEDS_LAB = True


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing: each run takes all pictures."""


@lab_errors()
def run(_: argparse.Namespace) -> int:
    """Take the pictures and print their paths."""
    from checks.lab.pictures import pictures  # noqa: PLC0415

    for path in pictures():
        print(path)
    return 0
