"""Stand in for DSS behind a proxy, and report the headers that arrive.

echo accepts every WebSocket. Point the proxy to it instead of DSS, then run diagnose on the URL of the proxy: it can
then name the header that the proxy drops or changes. Every response reports the request that arrived, also to curl.
"""

from __future__ import annotations

import argparse
import functools

from .files import reason
from .options import MAX_MESSAGE
from .parser import UsageError, expect_between, program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to listen."""
    parser.add_argument("--port", type=int, default=0, help="listen on this port (default: any free port)")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="listen on this IP address (default: 127.0.0.1); 0.0.0.0 listens on all IPv4 addresses",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    import asyncio  # noqa: PLC0415  # slow to import

    from checks.probe.echo_server import serve  # noqa: PLC0415

    expect_between("--port", arguments.port, 0, 65535)

    def ready(port: int) -> None:
        print(f"listening on {arguments.address}:{port}; press Ctrl-C to stop")
        print("Point the proxy to this port instead of DSS. Then run this on the computer of a user:")
        print(f"  {program()} diagnose URL-OF-THE-PROXY", flush=True)

    @functools.cache
    def notice(words: str) -> None:
        print(f"received {words}", flush=True)

    try:
        asyncio.run(serve(arguments.address, arguments.port, MAX_MESSAGE, ready, notice))
    except OSError as error:
        raise UsageError(f"cannot listen on {arguments.address}:{arguments.port}: {reason(error)}") from error
    except KeyboardInterrupt:
        print()
    return 0
