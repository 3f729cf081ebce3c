"""Take the place of DSS, or of one path of it, and report what arrives.

Point the proxy to echo instead of DSS. Then run diagnose on the computer of a user: every response reports the request
that arrived, so diagnose names the header that a hop dropped or changed.

Or let the proxy send one path to echo, such as /websocket-test/, and send its link to users. The page there tests
WebSocket from their browser in about 90 seconds, and this terminal shows the result of each visitor. It shows the size
of cookies, not their content. For the config of your proxy, run echo with --config, such as --config nginx.
"""

from __future__ import annotations

import argparse
import functools
import sys
from importlib import resources

from .files import reason
from .options import MAX_MESSAGE
from .parser import UsageError, expect_between, program

HOLD_S = 75.0
"""Seconds for which the page keeps a WebSocket open by default: longer than the idle timeout of most proxies."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to listen."""
    parser.add_argument("--port", type=int, default=0, help="listen on this port (default: any free port)")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="listen on this IP address (default: 127.0.0.1); 0.0.0.0 listens on all IPv4 addresses",
    )
    parser.add_argument(
        "--hold",
        type=float,
        default=HOLD_S,
        metavar="SECONDS",
        help=f"let the page keep a WebSocket open for this long (default: {HOLD_S:g} s)",
    )
    parser.add_argument(
        "--config", metavar="PROXY", help="print the config that lets this proxy send one path to echo, and end"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    import asyncio  # noqa: PLC0415  # slow to import

    from checks.echo.application import PageApplication  # noqa: PLC0415
    from checks.probe.echo_server import serve  # noqa: PLC0415

    if arguments.config is not None:
        print(_config(arguments.config), end="")
        return 0
    expect_between("--port", arguments.port, 0, 65535)
    expect_between("--hold", arguments.hold, 0.5, 3600, "seconds")

    def ready(port: int) -> None:
        print("\n".join(greeting(arguments.address, port)), flush=True)

    @functools.cache
    def notice(words: str) -> None:
        print(f"received {words}", flush=True)

    def show(lines: list[str]) -> None:
        sys.stdout.write("\n".join(["", *lines, ""]))
        sys.stdout.flush()

    try:
        application = PageApplication(show, arguments.hold)
        asyncio.run(serve(arguments.address, arguments.port, MAX_MESSAGE, ready, notice, application))
    except OSError as error:
        raise UsageError(f"cannot listen on {arguments.address}:{arguments.port}: {reason(error)}") from error
    except KeyboardInterrupt:
        print()
    return 0


def greeting(address: str, port: int) -> list[str]:
    """Return what the command prints when it listens."""
    return [
        f"listening on {address}:{port}; press Ctrl-C to stop",
        "Let the reverse proxy send one path to this port, and send users its link, such as:",
        "  https://dss.example.com/websocket-test/",
        "To print the lines for your proxy, here for nginx:",
        f"  {program()} echo --config nginx",
        "Or point the proxy to this port instead of DSS. Then run this on the computer of a user:",
        f"  {program()} diagnose URL-OF-THE-PROXY",
    ]


def _config(name: str) -> str:
    """Return the config that lets a proxy send one path to echo.

    In websocket-doctor.pyz the configs are inside the package.
    """
    folder = resources.files("checks")
    packed = folder / "configs"
    if packed.is_dir():
        known = {file.name: file for file in packed.iterdir()}
    else:
        folders = [each for each in (folder / "recipes").iterdir() if each.is_dir()]
        known = {each.name: file for each in folders for file in each.iterdir() if file.name.startswith("echo.")}
    if name not in known:
        raise UsageError(f"--config: expected one of {', '.join(sorted(known))}, got {name!r}")
    return known[name].read_text(encoding="utf-8")
