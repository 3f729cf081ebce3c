"""Take the screenshot of the error again: _images/websockets-1.png."""

from __future__ import annotations

import argparse

from .lab import lab_errors

NEEDS_LAB = True


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing: there is one picture."""


@lab_errors()
def run(_: argparse.Namespace) -> int:
    """Take the screenshot and print its path."""
    from checks.lab.chromium import picture  # noqa: PLC0415

    print(picture())
    return 0
