"""Find what breaks or endangers WebSocket in a proxy's configuration.

It reads the configurations of nginx (also the output of `nginx -T`), Apache httpd, HAProxy, Caddy, Traefik, Envoy,
Istio, Ingress and Squid. It reads templates, fragments and truncated text as far as possible. To follow includes, it
needs the included files too. With -, it reads standard input.

With a `broken` line, no WebSocket opens. A line that `depends` breaks WebSocket in some versions, or behind some hops.
One that `endangers` it works now, and breaks after a pause, at a reload, or for notebooks. With a `note`, everything
works.

Exit codes: 0 nothing found, 1 something breaks or endangers a WebSocket, 2 the lint could not decide, or wrong usage.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from checks import __version__
from checks.lint import KINDS, Options, Report, follow, included, lint, load, rules
from checks.lint.report import as_github, as_json, as_sarif, lines_of, worst
from checks.report.terminal import print_lines
from checks.report.text import clean

from .files import not_empty, read, read_input
from .parser import UsageError

STDIN = "stdin"
"""What reports call standard input."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and what is known about them."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", type=not_empty, help="configurations to read; - is standard input"
    )
    reading = parser.add_argument_group("reading")
    reading.add_argument(
        "--as",
        dest="kind",
        metavar="KIND",
        choices=sorted(KINDS),
        help="read the files as one of these: " + ", ".join(sorted(KINDS)) + " (default: recognize them)",
    )
    reading.add_argument(
        "--for",
        dest="server",
        metavar="SERVER",
        choices=["dss", "any"],
        default="dss",
        help="judge for `dss` (the default) or for `any` server, which may not check Origin",
    )
    reading.add_argument(
        "--proxy-version", metavar="VERSION", default="", help="decide what depends on the version, such as 1.22.1"
    )
    reading.add_argument(
        "--no-follow", action="store_true", help="do not read the files that these include from this machine"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print the report as JSON, the same as --format json")
    output.add_argument(
        "--format",
        metavar="FORMAT",
        choices=["text", "json", "github", "sarif"],
        default="text",
        help="print `text`, `json`, `github` annotations, or `sarif`",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    texts = _texts(arguments.files)
    if arguments.json and arguments.format not in {"text", "json"}:
        raise UsageError(f"expected --json or --format {arguments.format}, not both")
    if arguments.proxy_version and not re.fullmatch(r"\d+(\.\d+)*([-+~][\w.+~-]*)?", arguments.proxy_version):
        raise UsageError(f"--proxy-version: expected a version such as 1.22.1, got {arguments.proxy_version!r}")
    try:
        reports, unread = _reports(texts, arguments)
    except RecursionError:
        raise UsageError("the configuration has too many blocks inside each other") from None
    kind = "json" if arguments.json else arguments.format
    if kind == "json":
        print(json.dumps(as_json(reports, page_of), indent=2, ensure_ascii=False))
    elif kind == "github":
        print("\n".join(as_github(reports)))
    elif kind == "sarif":
        print(json.dumps(as_sarif(reports, rules(), __version__, page_of), indent=2, ensure_ascii=False))
    else:
        for number, report in enumerate(reports):
            print_lines([*[""] * bool(number), *lines_of(report)])
    for path in unread:
        print(f"{clean(path)}: unknown configuration; name its kind with --as", file=sys.stderr)
    return worst(reports) or (2 if unread else 0)


def _texts(paths: list[str]) -> dict[str, str]:
    """Return the text of each file, by path."""
    if not paths and (not sys.stdin or sys.stdin.isatty()):
        raise UsageError("expected a configuration, such as /etc/nginx/nginx.conf; `lint -` reads standard input")
    found: dict[str, str] = {}
    for path in paths or ["-"]:
        if path == "-":
            found[STDIN] = read_input("the configuration")
        else:
            found[path] = read(Path(path), "the configuration")
    return found


def _reports(texts: dict[str, str], arguments: argparse.Namespace) -> tuple[list[Report], list[str]]:
    """Return the reports, and the files that are not configurations."""
    loaded, unread = load(texts, arguments.kind)
    reports = []
    for kind, trees in loaded.items():
        own = list(trees)
        options = Options(arguments.server, arguments.proxy_version, trees)
        if not arguments.no_follow:
            options.followed = follow(trees, kind, [path for path in texts if path != STDIN], KINDS[kind].read)
        inner = included(trees, kind, options)
        roots = [path for path in own if path not in inner] or own
        reports += [lint(trees[path], path, kind, options) for path in roots]
    return reports, unread


def page_of(cause: str) -> str:
    """Return the page of a cause, relative to the site."""
    return f"findings/{cause}.html"
