"""Run the command line: `python -m checks`."""

import sys

if sys.version_info < (3, 9):  # noqa: UP036  # older versions cannot import the rest, nor parse an f-string
    sys.exit("checks: expected Python 3.11 or newer, got %d.%d; run .venv/bin/python -m checks" % sys.version_info[:2])  # noqa: UP031

from checks.cli import main

if __name__ == "__main__":
    sys.exit(main())
