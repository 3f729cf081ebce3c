"""Run a PAC file in a process with limits on time and memory.

A PAC file is a program from someone else. The process reads a JSON question from standard input and writes a JSON
result to standard output. Its argument is the limit on CPU time in seconds.
"""

from __future__ import annotations

import contextlib
import json
import sys

MEMORY = 512 << 20
"""Bytes of address space that the process may use."""


def main() -> None:
    """Answer one question: {"script", "url", "host"} -> {"proxies"} or {"error"}."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  # not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        seconds = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    from pypac.parser import PACFile  # noqa: PLC0415

    question = json.load(sys.stdin)
    try:
        answer = {"proxies": PACFile(question["script"]).find_proxy_for_url(question["url"], question["host"])}
    except Exception as error:  # noqa: BLE001  # any failure of the script
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
