"""Parse the options that diagnose and note share."""

from __future__ import annotations

import argparse
import functools
import math
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from checks.evidence import Evidence
from checks.report.text import clean

from .files import file_name, not_empty, read, read_input, reason
from .parser import UsageError, expect_between, program

if TYPE_CHECKING:
    import ssl

    from checks.probe import Target
    from checks.probe.forward_proxy import ForwardProxy

MAX_MESSAGE = 16 << 20
"""Bytes; the largest message that --size sends by default, and that `echo` accepts."""

FAMILIES = {0: 0, 4: socket.AF_INET, 6: socket.AF_INET6}

HANDSHAKE_HEADERS = {"host", "connection", "upgrade", "content-length", "transfer-encoding", "origin"}
"""Headers, in lower case, that the test itself sets; those that start with Sec-WebSocket- too."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, section 5.6.2)."""

SOCKET_PATH = re.compile(r"/[^\s#]*")
"""A path that can be requested as it is."""

IDLE_DEFAULT_S = 2.0
"""Seconds for which a WebSocket is kept open by default, if there is one URL."""

IDLE_MARGIN = 1.1
"""How much longer than a WebSocket lasted it must be kept open to see it close again."""


@dataclass(frozen=True)
class ProbeOptions:
    """The values of these options.

    A field is named like its option. Its default means that the option was not given.
    """

    socket: Sequence[str] = ()
    cookies: str = ""
    header: Sequence[str] = ()
    cert: Path | None = None
    key: Path | None = None
    proxy: str = ""
    pac: Path | None = None
    no_proxy: bool = False
    ca: Path | None = None
    family: int = 0
    idle: float | None = None
    size: int = 0
    timeout: float = 10
    gentle: bool = False

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> ProbeOptions:
        """Return the options that were parsed.

        Raises UsageError when a value is out of range.
        """
        for path in arguments.socket:
            if not SOCKET_PATH.fullmatch(path) or not path.isprintable():
                got = re.split("[?#]", path)[0]  # the rest may be secret
                raise UsageError(f"--socket: expected a path such as /dip/websocket, without spaces and #, got {got!r}")
        expect_between("--idle", arguments.idle or 0, 0, 86400, "seconds")
        expect_between("--size", arguments.size, 0, 1 << 30, "bytes")
        expect_between("--timeout", arguments.timeout, 0.01, 3600, "seconds")
        if arguments.key and not arguments.cert:
            raise UsageError("--key: expected --cert too")
        given = {option.name: getattr(arguments, option.name) for option in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})

    @classmethod
    def from_evidence(cls, evidence: Evidence) -> ProbeOptions:
        """Return the options that evidence shows.

        Evidence does not show certificates, time limits or the family of IP addresses.
        """
        from checks.probe.browsers import HANDSHAKES  # noqa: PLC0415  # slow to import

        sent = [pair for path in evidence.paths[:1] for pair in evidence.handshake(path).sent]
        names = [name for name, value in sent if (name, value) not in HANDSHAKES[""]]
        return cls(
            socket=_extra_paths(evidence),
            cookies="FILE" if any(name.lower() == "cookie" for name in names) else "",
            header=[f"{name}:" for name in names if name.lower() != "cookie" and not _is_reserved(name)],
            proxy=evidence.route.proxy,
            idle=_idle(evidence),
            size=max((size.size for size in evidence.sizes), default=0),
            gentle="--gentle" in dict(evidence.skipped).values(),
        )

    def target(self, url: str) -> Target:
        """Return where to connect and with which credentials.

        Raises UsageError when an option cannot be used.
        """
        from checks.probe import Target  # noqa: PLC0415  # slow to import

        try:
            plain = Target(url)
            headers, (proxy, *others) = self._headers(plain), self._forward_proxies(plain)
            return Target(url, headers, self._tls(), self.timeout, proxy, FAMILIES[self.family], tuple(others))
        except ValueError as error:
            raise UsageError(str(error)) from error

    def _forward_proxies(self, target: Target) -> list[ForwardProxy | None]:
        """Return the forward proxy that an option or the environment sets.

        A PAC file may return several: browsers use the next one when one is down.
        """
        if self.no_proxy:
            return [None]
        from checks.probe import forward_proxy  # noqa: PLC0415

        if self.proxy:
            return [forward_proxy.parse(self.proxy, "option")]
        if self.pac:
            websocket = target.url.replace("http", "ws", 1)
            return forward_proxy.from_pac(read(self.pac, "the PAC file"), websocket, target.host)
        return [forward_proxy.from_environment(target.url, os.environ)]

    def _headers(self, target: Target) -> dict[str, str]:
        if not (self.header or self.cookies):
            return {}
        from .cookies import cookie_header, is_field_value  # noqa: PLC0415  # only for these two options

        headers = {}
        for line in self.header:
            name, colon, value = line.partition(":")
            if not colon or not HEADER_NAME.fullmatch(name):
                raise UsageError("--header: expected 'Name: value'")  # without the value, which may be a secret
            if _is_reserved(name):
                raise UsageError(f"--header: cannot set {name}, because the handshake needs its own")
            if not is_field_value(value):
                raise UsageError(f"--header: expected one line of ASCII text as the value of {name}")
            headers[name] = value.strip()
        if self.cookies:
            headers["Cookie"] = cookie_header(self.cookies_text, target)
        return headers

    @functools.cached_property
    def cookies_text(self) -> str:
        """The text of the file with cookies; standard input can be read only once."""
        try:
            return read_input("the cookies") if self.cookies == "-" else read(Path(self.cookies), "the cookies")
        except UsageError:
            if "=" not in self.cookies:
                raise
        raise UsageError("--cookies: expected a file, got a cookie; pass a file that contains it")

    def _tls(self) -> ssl.SSLContext | None:
        if not (self.ca or self.cert):
            return None
        import ssl  # noqa: PLC0415  # slow to import

        context = ssl.create_default_context()
        if ca := self.ca:
            _load(lambda: context.load_verify_locations(ca), f"--ca: cannot read a PEM certificate from {ca}")
        if cert := self.cert:
            # An empty password, so that OpenSSL does not ask for one on the terminal.
            source = f"{cert} and {self.key}" if self.key else f"{cert}"
            _load(
                lambda: context.load_cert_chain(cert, self.key, ""),
                f"--cert: cannot read a PEM certificate and its key from {source}",
            )
        return context

    def command(self, evidence: Evidence) -> str:
        """Return the command that repeats this test, with secrets masked."""
        import shlex  # noqa: PLC0415  # slow to import, and only the ticket needs it

        return f"{program()} diagnose {shlex.join([clean(evidence.url, 2000), *self._words(evidence.route.proxy)])}"

    def _words(self, proxy: str) -> Iterator[str]:
        """Yield the options that were given, as they are typed.

        `proxy` is the one that was used, which the environment may have set.
        """
        from checks.probe.secrets import MASK, masked_query  # noqa: PLC0415

        options = {option.name: getattr(self, option.name) for option in fields(self)}
        given = {**options, "proxy": "" if self.pac or self.no_proxy else proxy}
        given["header"] = [f"{clean(line.partition(':')[0])}: {MASK}" for line in self.header]
        given["socket"] = [masked_query(path) for path in self.socket]
        for name, value in given.items():
            if value == getattr(ProbeOptions, name) or (not value and name != "idle"):
                continue
            if name == "family":
                yield f"-{value}"
                continue
            flag = f"--{name.replace('_', '-')}"
            for each in value if isinstance(value, list) else [value]:
                text = f"{each:g}" if isinstance(each, float) else each
                yield from [flag] if each is True else [flag, clean(text, 2000)]


def add_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add these options, the URL and --load; return the group of what to test."""
    what = parser.add_argument_group("what to test")
    what.add_argument(
        "urls",
        nargs="*",
        metavar="URL",
        help="the URL of DSS as your browser shows it, such as https://dss.example.com; or the URL of any WebSocket,"
        " such as wss://example.com/path",
    )
    what.add_argument(
        "--load", type=file_name, metavar="FILE", help="use the evidence that --save wrote, and test nothing"
    )
    what.add_argument(
        "--socket",
        action="append",
        default=[],
        metavar="PATH",
        help="test the WebSocket at this path too, such as a notebook's; may be repeated",
    )
    _add_credentials(parser.add_argument_group("credentials"))
    _add_route(parser.add_argument_group("route"))
    _add_limits(parser.add_argument_group("duration, size and number"))
    return what


def _add_credentials(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cookies",
        type=not_empty,
        metavar="FILE",
        help="send the cookies of a signed-in browser: its Cookie header or a cookies.txt; - reads standard input",
    )
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header with every request; may be repeated",
    )
    group.add_argument("--cert", type=file_name, metavar="FILE", help="authenticate with this client certificate (PEM)")
    group.add_argument(
        "--key", type=file_name, metavar="FILE", help="the private key, if it is not in the file of --cert"
    )


def _add_route(group: argparse._ArgumentGroup) -> None:
    proxies = group.add_mutually_exclusive_group()
    proxies.add_argument(
        "--proxy",
        type=not_empty,
        metavar="URL",
        help="connect through this forward proxy: http://user:password@host:port or socks5://host:port; by default the"
        " one in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
    )
    proxies.add_argument(
        "--pac", type=file_name, metavar="FILE", help="connect through the forward proxy that this PAC file returns"
    )
    proxies.add_argument("--no-proxy", action="store_true", help="connect directly, whatever the environment sets")
    group.add_argument("--ca", type=file_name, metavar="FILE", help="trust this certificate authority (PEM) as well")
    family = group.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=4, default=0, help="use IPv4 only")
    family.add_argument("-6", dest="family", action="store_const", const=6, help="use IPv6 only")


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--idle",
        type=float,
        metavar="SECONDS",
        help="find idle timeouts: keep two WebSockets open this long, one without traffic and one with pings (default:"
        " one for 2 s, or none for many URLs)",
    )
    group.add_argument(
        "--size",
        type=int,
        nargs="?",
        const=MAX_MESSAGE,
        default=0,
        metavar="BYTES",
        help="find size limits: send larger and larger messages, up to this size (16 MiB if you give no number)",
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=10,
        metavar="SECONDS",
        help="wait this long for each connection and each response (default: 10)",
    )
    gentle = "send one request at a time, repeat none, and stop after 3 that fail: for servers that ban IP addresses"
    group.add_argument("--gentle", action="store_true", help=gentle)


def _extra_paths(evidence: Evidence) -> list[str]:
    """Return the paths that were tested and are not those of the URL itself."""
    from checks.probe import Target  # noqa: PLC0415

    try:
        own = Target(evidence.url).sockets
    except ValueError:  # evidence that was edited
        own = ()
    return [path for path in evidence.paths if path not in own]


def _idle(evidence: Evidence) -> float | None:
    """Return for how many seconds to keep a WebSocket open; None for the default."""
    stayed = [round(hold.seconds) for hold in evidence.holds if not hold.dropped]
    longest = max(stayed or [math.ceil(hold.seconds * IDLE_MARGIN) for hold in evidence.holds], default=0)
    return float(longest) if longest > IDLE_DEFAULT_S else None


def _is_reserved(header: str) -> bool:
    return header.lower() in HANDSHAKE_HEADERS or header.lower().startswith("sec-websocket-")


def _load(load: Callable[[], object], message: str) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise UsageError(f"{message}: {reason(error)}") from error
