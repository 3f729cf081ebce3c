"""The commands about an address: diagnose, explain, note, echo; all that websocket-doctor.pyz can do."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pkgutil
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from checks import __version__, findings, view
from checks.evidence import Evidence

EPILOG = "exit codes: 0 it works, 1 a cause was found or something does not work, 2 could not look"

AT_ONCE = 50
"""Targets looked at at the same time."""

LARGEST = 16 << 20
"""Bytes; the largest message that --size tries unless told."""


LONG = 5
"""Seconds; what takes as long is announced also where nobody watches."""

FAMILIES = {0: 0, 4: socket.AF_INET, 6: socket.AF_INET6}

RESERVED = {"host", "connection", "upgrade", "content-length", "transfer-encoding", "origin"}
"""Headers that are part of the comparison; those that begin with Sec-WebSocket- too."""

ROOT = Path(__file__).resolve().parents[1]

IN_OUR_WORDS = {
    r"^argument (?:-\w/)?(\S+): invalid (?:float|int) value: ": r"\1 takes a number, got ",
    r"^argument (?:-\w/)?(\S+): expected one argument$": r"\1 takes a value after it, which does not begin with -",
    r"^argument : invalid choice: .* \(choose from (.*)\)$": r"a command comes first, one of \1",
}
"""What argparse says of a wrong argument, said so that it tells what was expected."""


class UsageError(Exception):
    """What was asked cannot be done; the message says what was expected."""


class Parser(argparse.ArgumentParser):
    """One sentence instead of the usage text when an argument is wrong."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's words."""
        if message.startswith("unrecognized arguments: "):  # what follows them may be a secret
            named = re.search(r" (--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z])", message)
            message = f"there is no option {named[1]}" if named else "there are more arguments than expected"
        for pattern, words in IN_OUR_WORDS.items():
            message = re.sub(pattern, words, message)
        raise UsageError(f"{message}; `{self.prog} --help` shows what is possible")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = Parser(prog="websocket-doctor.pyz", description="Say what breaks WebSocket.", epilog=EPILOG)
    add(parser.add_subparsers(title="commands", metavar=""))
    return run(parser, argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Do what the arguments say; one sentence and 2 when that cannot be done."""
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(do=None)
    try:
        arguments = parser.parse_args(argv)
        if not arguments.do:
            parser.print_help()
            return 2
        code: int = arguments.do(arguments)
    except UsageError as error:
        print(f"{parser.prog.rpartition(' ')[2]}: {view.clean(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ended before all was looked at", file=sys.stderr)
        return 2
    return code


def add(commands: Any) -> None:
    """Add the commands to a parser's."""
    look = commands.add_parser("diagnose", help="say what breaks WebSocket on the way to a DSS", epilog=EPILOG)
    look.add_argument(
        "urls",
        nargs="*",
        metavar="URL",
        help="the address of DSS as your browser shows it, such as https://dss.example.com; or of any socket: wss://host/path",
    )
    _ways(look)
    look.add_argument("--targets", type=Path, metavar="FILE", help="more addresses, one on each line")
    look.add_argument("--json", action="store_true", help="print the evidence and the findings as JSON")
    look.add_argument(
        "--save", type=Path, metavar="FILE", help="keep the evidence, to look at again or to send; it holds no secret"
    )
    look.set_defaults(do=diagnose)

    note = commands.add_parser(
        "note", help="write to the network team: host, port, what was lost, the proof", epilog=EPILOG
    )
    note.add_argument("urls", nargs="*", metavar="URL", help="the address; or --load FILE")
    _ways(note)
    note.add_argument("--plain", action="store_true", help="plain text; otherwise Markdown")
    note.set_defaults(do=write_note)

    told = commands.add_parser("explain", help="say what a finding, or a line of the browser's console, means")
    told.add_argument("what", help="the id of a finding, such as idle-timeout, or the line, in quotes")
    told.set_defaults(do=explain)

    back = commands.add_parser(
        "echo", help="run beside DSS: tell what arrives there, so that diagnose can say what was lost"
    )
    back.add_argument("--port", type=int, default=0, help="where to listen; by default any free port")
    back.add_argument(
        "--address", default="127.0.0.1", help="where to listen; 0.0.0.0 for every address of this machine"
    )
    back.set_defaults(do=echo)


def _ways(parser: argparse.ArgumentParser) -> None:
    """Add what says how to look, and as whom."""
    parser.add_argument(
        "--socket", action="append", default=[], metavar="PATH", help="one more socket, such as a notebook's"
    )
    who = parser.add_argument_group("as whom")
    who.add_argument(
        "--cookies",
        metavar="FILE",
        help="the Cookie header of a logged-in browser, or a cookies.txt; - reads it from the keyboard",
    )
    who.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="one more header to send")
    who.add_argument("--cert", type=Path, metavar="FILE", help="a client certificate (PEM), with its key or with --key")
    who.add_argument("--key", type=Path, metavar="FILE", help="the key of the client certificate")
    route = parser.add_argument_group("which way")
    some = route.add_mutually_exclusive_group()
    some.add_argument(
        "--proxy",
        metavar="URL",
        help="go through http://user:password@host:port, or socks5://...; by default what HTTPS_PROXY and the like say",
    )
    some.add_argument("--pac", metavar="FILE", help="go the way that a PAC file says")
    some.add_argument("--no-proxy", action="store_true", help="go directly")
    route.add_argument("--ca", type=Path, metavar="FILE", help="trust this authority (PEM) too")
    family = route.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=4, default=0, help="IPv4 only")
    family.add_argument("-6", dest="family", action="store_const", const=6, help="IPv6 only")
    how = parser.add_argument_group("how long")
    how.add_argument(
        "--idle",
        type=float,
        default=0,
        metavar="SECONDS",
        help="also hold a silent socket, and one with pings, this long",
    )
    how.add_argument(
        "--size",
        type=int,
        nargs="?",
        const=LARGEST,
        default=0,
        metavar="BYTES",
        help="also send larger and larger messages, up to this (16 MiB)",
    )
    how.add_argument(
        "--timeout", type=float, default=10, metavar="SECONDS", help="for one connection, one answer (default 10)"
    )
    parser.add_argument(
        "--load", type=Path, metavar="FILE", help="look at evidence that --save kept, instead of an address"
    )


def diagnose(arguments: argparse.Namespace) -> int:
    """Look at the addresses and print what was found."""
    urls = [*arguments.urls, *_listed(arguments.targets)]
    if arguments.load and urls:
        raise UsageError("--load takes the place of an address: give one of them")
    if not urls and not arguments.load:
        raise UsageError(
            "an address is missing, such as https://dss.example.com; `diagnose --help` shows what is possible"
        )
    if len(urls) > 1 and arguments.save:
        raise UsageError("--save keeps the evidence of one address; for many, --json has it all")
    if arguments.load or len(urls) == 1:
        return _one(arguments, _loaded(arguments.load) if arguments.load else _seen(arguments, urls)[0])
    return _many(arguments, urls)


def _one(arguments: argparse.Namespace, evidence: Evidence) -> int:
    diagnosis = findings.diagnose(evidence)
    if arguments.json:
        print(json.dumps(_result(evidence, diagnosis), indent=2))
    else:
        _print([*view.stages(evidence), "", *view.verdict(evidence, diagnosis)])
    if arguments.save:  # last, so that what was seen is not lost where it cannot be kept
        _write(arguments.save, evidence.to_json() + "\n")
    return diagnosis.exit_code


def _many(arguments: argparse.Namespace, urls: list[str]) -> int:
    everything = [(evidence, findings.diagnose(evidence)) for evidence in _seen(arguments, urls)]
    codes = [diagnosis.exit_code for _, diagnosis in everything]
    if arguments.json:
        print(json.dumps([_result(evidence, diagnosis) for evidence, diagnosis in everything], indent=2))
        return max(codes, key=[0, 2, 1].index)
    for evidence, diagnosis in everything:
        print(f"{view.clean(evidence.url):<40} {view.summary_line(evidence, diagnosis)}")
    for evidence, diagnosis in everything:
        if diagnosis.exit_code:
            print(f"\n{view.clean(evidence.url)}")
            _print([*view.stages(evidence), "", *view.verdict(evidence, diagnosis)])
    return max(codes, key=[0, 2, 1].index)


def _result(evidence: Evidence, diagnosis: findings.Diagnosis) -> dict[str, object]:
    return {
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "candidates": list(diagnosis.candidates),
        "next_step": diagnosis.next_step,
        "evidence": asdict(evidence),
    }


def _seen(arguments: argparse.Namespace, urls: list[str]) -> list[Evidence]:
    """Look at each address, many at once."""
    targets = [_target(arguments, url) for url in urls]
    for path in arguments.socket:
        if not path.startswith("/"):
            raise UsageError(f"--socket takes a path such as /dip/websocket, got {path.partition('?')[0]!r}")
    _between("--idle", arguments.idle, 0, 86400, "seconds")
    _between("--size", arguments.size, 0, 1 << 30, "bytes")
    _between("--timeout", arguments.timeout, 0.01, 3600, "seconds")
    with _Progress() as say:
        return asyncio.run(_look_at(targets, arguments, say))


async def _look_at(
    targets: list[Any], arguments: argparse.Namespace, say: Callable[[str, float], None]
) -> list[Evidence]:
    from checks.probe import look  # noqa: PLC0415

    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(target: Any) -> Evidence:
        nonlocal done
        sockets = (*target.sockets, *arguments.socket)
        tell = say if len(targets) == 1 else lambda _, __: None
        async with gate:
            seen = await look(target, sockets=sockets, idle=arguments.idle, size=arguments.size, progress=tell)
        done += 1
        if len(targets) > 1:
            say(f"{done} of {len(targets)} addresses", 0)
        return seen

    return list(await asyncio.gather(*map(one, targets)))


def _target(arguments: argparse.Namespace, url: str) -> Any:
    from checks.probe import Target  # noqa: PLC0415

    try:
        plain = Target(url)
        proxy = _proxy(arguments, plain)
        headers = _headers(arguments, plain)
        return Target(url, headers, _trust(arguments), arguments.timeout, proxy, FAMILIES[arguments.family])
    except ValueError as error:
        raise UsageError(str(error)) from error


def _proxy(arguments: argparse.Namespace, target: Any) -> Any:
    """Return the forward proxy that the options, or else the environment, name for this address."""
    from checks import route  # noqa: PLC0415

    if arguments.no_proxy:
        return None
    if arguments.proxy:
        return route.parse(arguments.proxy, "option")
    socket = target.url.replace("http", "ws", 1)
    if arguments.pac:
        # The first that the file names; a browser goes on to the next only when it is dead.
        return route.from_pac(_read(arguments.pac, "the PAC file"), socket, target.host)[0]
    return route.from_environment(target.url, os.environ)


def _headers(arguments: argparse.Namespace, target: Any) -> dict[str, str]:
    headers = {}
    for line in arguments.header:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise UsageError("--header takes 'Name: value', and one that was given has no such form")
        if name.lower() in RESERVED or name.lower().startswith("sec-websocket-") or not value.isprintable():
            raise UsageError(f"--header cannot set {name}: the handshake needs its own, or the value has line breaks")
        headers[name] = value.strip()
    if arguments.cookies:
        headers["Cookie"] = _cookies(arguments.cookies, target)
    return headers


def _cookies(path: str, target: Any) -> str:
    """Return the Cookie header in a file: the header itself, or the cookies.txt of many tools and extensions."""
    text = sys.stdin.read() if path == "-" else _read(Path(path), "the cookies")
    if text.startswith("# ") and "HTTP Cookie File" in text.splitlines()[0]:
        import http.cookiejar  # noqa: PLC0415  # slow to import, and rarely needed
        import urllib.request  # noqa: PLC0415

        jar = http.cookiejar.MozillaCookieJar(path)
        jar.load(ignore_discard=True, ignore_expires=True)
        for cookie in jar:
            cookie.expires = cookie.expires or None  # 0 means until the browser is closed
        request = urllib.request.Request(target.origin)  # noqa: S310  # never opened
        jar.add_cookie_header(request)
        return request.get_header("Cookie", "")
    line = re.sub(r"(?i)^\s*cookie:", "", text).strip()
    if "=" not in line or not line.isprintable():
        raise UsageError("the cookies are not one line such as 'Cookie: name=value; other=value', nor a cookies.txt")
    return line


def _trust(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if not (arguments.ca or arguments.cert):
        if arguments.key:
            raise UsageError("--key goes with --cert")
        return None
    context = ssl.create_default_context()
    if arguments.ca:
        _take(lambda: context.load_verify_locations(arguments.ca), "--ca takes a certificate in PEM", arguments.ca)
    if arguments.cert:
        key = arguments.key
        # An empty password instead of a question for one, which nobody may be there to answer.
        _take(
            lambda: context.load_cert_chain(arguments.cert, key, ""),
            "--cert takes a certificate and its key",
            key or arguments.cert,
        )
    return context


def _take(load: Callable[[], object], expected: str, path: Path) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise UsageError(f"{expected}, and {path} is none that can be read: {_why(error)}") from error


def _listed(path: Path | None) -> list[str]:
    """Return the addresses in a file, one on each line; empty lines and those with # are left out."""
    if not path:
        return []
    lines = [line.strip() for line in _read(path, "the addresses").splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise UsageError(f"{path} holds no address; expected one on each line")
    return urls


def _loaded(path: Path) -> Evidence:
    try:
        return Evidence.from_json(_read(path, "the evidence"))
    except ValueError as error:
        raise UsageError(f"{path} holds no evidence that --save kept: {error}") from error


def _read(path: Path, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {what} from {path}: {_why(error)}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Return the words of an error, without its number."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return str(getattr(error, "strerror", "") or error).lower()


def _between(option: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise UsageError(f"{option} takes {low:.10g} to {high:.10g} {unit}, got {value:.10g}")


def write_note(arguments: argparse.Namespace) -> int:
    """Print a note for the network team."""
    from checks.note import note  # noqa: PLC0415

    if len(arguments.urls) != (0 if arguments.load else 1):
        raise UsageError("note takes one address, or --load FILE with the evidence of one")
    evidence = _loaded(arguments.load) if arguments.load else _seen(arguments, arguments.urls)[0]
    diagnosis = findings.diagnose(evidence)
    print(note(evidence, diagnosis, plain=arguments.plain))
    return diagnosis.exit_code


def explain(arguments: argparse.Namespace) -> int:
    """Print what a finding or a console line means."""
    from checks.explain import explain as explained  # noqa: PLC0415

    text, code = explained(arguments.what, _page)
    print(text, file=sys.stderr if code else sys.stdout)
    return code


def _page(finding: str) -> str:
    """Return the Markdown of a finding's page: beside the package, or inside it in websocket-doctor.pyz."""
    page = ROOT / "docs" / "findings" / f"{finding}.md"
    if page.exists():
        return page.read_text(encoding="utf-8")
    return (pkgutil.get_data("checks", f"pages/{finding}.md") or b"").decode()


def echo(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from checks.echo import serve  # noqa: PLC0415

    _between("--port", arguments.port, 0, 65535, "as a port")

    def ready(port: int) -> None:
        print(f"listening on {arguments.address}:{port}; Ctrl-C ends it.")
        print("Have the proxy send here what it sends to DSS, and run where the readers are:")
        print(f"  {view.command()} diagnose ADDRESS-OF-THE-PROXY", flush=True)

    try:
        asyncio.run(serve(arguments.address, arguments.port, ready))
    except OSError as error:
        raise UsageError(f"cannot listen on {arguments.address}:{arguments.port}: {error.strerror}") from error
    except KeyboardInterrupt:
        print()
    return 0


class _Progress:
    """What is being done: one line that is written over on a terminal; elsewhere only what takes long."""

    def __init__(self) -> None:
        self.shown: Any = None
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self.shown = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Callable[[str, float], None]:
        if not self.shown:
            return self._line
        self.shown.start()
        task = self.shown.add_task("", total=None)
        return lambda text, _: self.shown.update(task, description=view.clean(text, 60))

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self.shown.stop()

    @staticmethod
    def _line(text: str, seconds: float) -> None:
        if seconds >= LONG:
            print(f"{text} ...", file=sys.stderr, flush=True)


def _print(lines: Iterable[str]) -> None:
    """Print lines; on a terminal, what matters stands out."""
    if not sys.stdout.isatty():
        print("\n".join(lines))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    for line in lines:
        text = Text(line)
        text.highlight_regex(r"^works:", "bold green")
        text.highlight_regex(r"^(?!works)[a-z0-9-]+(?=: )|^cannot tell between|^may be, and is not proven", "bold red")
        text.highlight_regex(r"^  (Where|Fix|More|Next):", "bold")
        text.highlight_regex(r"^[a-z A-Z]{20} ", "dim")
        console.print(text, soft_wrap=True)
