"""The command line: one module of this folder is one command.

A module that has `run` is a command, named like the module. The first line of its docstring is its line in the list of
commands, the rest its description. `add_arguments(parser)` declares its arguments; `run(arguments)` does the work and
returns the exit code. A module with `NEEDS_LAB = True` needs the lab, so it is not part of websocket-doctor.pyz.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from checks import __version__
from checks.report.text import clean

from .parser import EXIT_CODES, Parser, UsageError, program

NAME = "websocket-doctor"
"""The name of the program, as in its single file."""

DESCRIPTION = """Find what breaks WebSocket between you and Dataiku DSS.

Start with: {program} diagnose https://dss.example.com"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _open_output()
    argv = sys.argv[1:] if argv is None else argv
    try:
        parser, _ = parsers(commands(argv[0] if argv else ""))
        arguments = parser.parse_args(argv)
        if not arguments.run:
            parser.print_help()
            return 2
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        return _fail(clean(error, 1000))
    except ModuleNotFoundError as error:
        if (error.name or "checks").startswith("checks"):
            raise
        return _fail(
            f"{sys.executable} has no module {error.name!r}; run .venv/bin/python -m checks (`make html` creates .venv)"
        )
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ENOSPC}:
            raise
        return _stop_output(error)
    return code


def _open_output() -> None:
    """Make every character printable, and replace closed streams."""
    if not sys.stdout:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if not sys.stderr:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # some terminals and pipes cannot show every character


def _stop_output(error: OSError) -> int:
    """Discard the rest of the output; return the exit code.

    Otherwise Python would fail again when it ends.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # the program that reads our output has finished, such as head
        return 1
    return _fail("cannot write the output: no space left on device")


def _fail(message: str) -> int:
    print(f"{program().rpartition(' ')[2]}: {message}", file=sys.stderr)
    return 2


def parsers(modules: Mapping[str, ModuleType]) -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of the command line, and that of each command by name."""
    parser = Parser(prog=program(), description=DESCRIPTION.format(program=program()), epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__}", help="print the version")
    parser.set_defaults(run=None)
    group = parser.add_subparsers(title="commands", metavar="")
    return parser, {name: _add(group, name, module) for name, module in modules.items()}


def _add(group: argparse._SubParsersAction[Parser], name: str, module: ModuleType) -> Parser:
    summary, _, rest = (module.__doc__ or "").partition("\n")
    parser = group.add_parser(name, help=summary.rstrip("."), description=f"{summary}\n{rest}".strip(), add_help=False)
    module.add_arguments(parser)
    other = parser.add_argument_group("other")
    other.add_argument("-h", "--help", action="help", help="show this help")
    parser.set_defaults(run=module.run)
    return parser


def commands(name: str = "") -> dict[str, ModuleType]:
    """Return the module of the command with this name.

    If no command has that name, return all of them by name. Those that need the lab come last: they import slowly.
    """
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = {each: _module(each) for each in names if each == name}
    if not any(map(_is_command, modules.values())):
        modules = {each: _module(each) for each in names}
    found = [each for each, module in modules.items() if _is_command(module)]
    return {each: modules[each] for each in sorted(found, key=lambda each: (needs_lab(modules[each]), each))}


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def _is_command(module: ModuleType) -> bool:
    return hasattr(module, "run")


def needs_lab(module: ModuleType) -> bool:
    """Return whether the module needs the lab, which only a checkout has."""
    return bool(getattr(module, "NEEDS_LAB", False))
