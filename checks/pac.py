"""Ask a PAC file, in a process that has little time and memory: it is a program that somebody else wrote."""

from __future__ import annotations

import contextlib
import json
import sys

MEMORY = 512 << 20
"""Bytes."""


def main() -> None:
    """Read a question from standard input, write the answer to standard output, both JSON."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  # not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from pypac.parser import PACFile  # noqa: PLC0415

    question = json.load(sys.stdin)
    try:
        answer = {"proxies": PACFile(question["script"]).find_proxy_for_url(question["url"], question["host"])}
    except Exception as error:  # noqa: BLE001  # whatever the file does wrong
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
