"""Export the diagnosis of many URLs to Prometheus.

Prometheus requests /probe?target=https://dss.example.com&module=dss, and exporter tests that URL as diagnose does. The
modules are in a YAML file, which lists the URLs that may be tested: exporter refuses all others. At SIGHUP, it reads
the file again.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from checks.report.text import clean

from .files import file_name, reason
from .parser import UsageError, expect_between

if TYPE_CHECKING:
    import asyncio

    from checks.exporter.service import Service

PORT = 10115
"""The port to listen on: that of blackbox_exporter, 9115, and 1000."""

FILES_PER_PROBE = 50
"""Connections that one probe may have open at the same time: most have ten, and those of many paths have more."""

OTHER_FILES = 2200
"""Files besides those of probes: 2,000 connections of clients, and some to spare."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file of modules, and where to listen."""
    parser.add_argument(
        "--config", type=file_name, required=True, metavar="FILE", help="read the modules from this file"
    )
    parser.add_argument("--check", action="store_true", help="check the file, and end")
    parser.add_argument("--port", type=int, default=PORT, help=f"listen on this port (default: {PORT})")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="listen on this IP address (default: 127.0.0.1); 0.0.0.0 listens on all IPv4 addresses",
    )
    parser.add_argument(
        "--max-probes",
        type=int,
        default=100,
        metavar="N",
        help="run at most this many probes at the same time (default: 100)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    import asyncio  # noqa: PLC0415  # slow to import

    from checks.exporter.modules import load  # noqa: PLC0415
    from checks.exporter.tree import FileError  # noqa: PLC0415

    expect_between("--port", arguments.port, 0, 65535)
    expect_between("--max-probes", arguments.max_probes, 1, 10000)
    try:
        if arguments.check:
            modules = load(arguments.config)
            print(f"{clean(arguments.config)} is valid: {', '.join(modules)}")
            return 0
        asyncio.run(_serve(arguments))
    except FileError as error:
        raise UsageError(f"--config: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot listen on {arguments.address}:{arguments.port}: {reason(error)}") from error
    except KeyboardInterrupt:
        print()
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    import asyncio  # noqa: PLC0415

    from checks.exporter.server import Server  # noqa: PLC0415
    from checks.exporter.service import Service  # noqa: PLC0415

    _allow_files(arguments.max_probes)
    service = Service(arguments.config, arguments.max_probes, _log)

    def ready(port: int) -> None:
        print(f"listening on {arguments.address}:{port}; press Ctrl-C to stop", flush=True)

    asyncio.get_running_loop().set_exception_handler(_log_type)
    serving = asyncio.ensure_future(Server(service).serve(arguments.address, arguments.port, ready))
    _on_signals(service, serving.cancel)
    gc.freeze()  # modules stay, so the search for garbage can skip them
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _on_signals(service: Service, stop: Callable[[], object]) -> None:
    """Reload at SIGHUP, and end at SIGTERM, where the system has them."""
    import asyncio  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    # Windows has no SIGHUP, and its event loop takes no handlers.
    with contextlib.suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGHUP, service.reload)
        loop.add_signal_handler(signal.SIGTERM, stop)


def _allow_files(max_probes: int) -> None:
    """Raise the limit on open files as far as this user may.

    Raises UsageError where that is not enough.
    """
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    wanted, (soft, hard) = max_probes * FILES_PER_PROBE + OTHER_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        most = max((hard - OTHER_FILES) // FILES_PER_PROBE, 1)
        raise UsageError(f"--max-probes: expected at most {most}, because only {hard} files may be open; see ulimit -n")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _log_type(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nothing else handles, without its text.

    The text may contain a secret.
    """
    _log(f"internal error: {type(context.get('exception')).__name__}")


def _log(line: str) -> None:
    print(clean(line, 1000), file=sys.stderr, flush=True)
