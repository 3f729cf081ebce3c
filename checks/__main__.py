"""Run the command line: `python -m checks`."""

import signal
import sys

if sys.version_info < (3, 9):  # noqa: UP036  # older versions cannot import the rest, nor parse an f-string
    message = "checks: expected Python 3.11 or newer, got %d.%d; run .venv/bin/python -m checks\n"
    sys.stderr.write(message % sys.version_info[:2])
    sys.exit(2)

if __name__ == "__main__":
    try:
        from checks.cli import main

        code = main()
    except KeyboardInterrupt:  # here, because it may interrupt an import too
        print("checks: interrupted", file=sys.stderr)
        code = 130  # as of a shell: 128 and the number of the signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
    sys.exit(code)
