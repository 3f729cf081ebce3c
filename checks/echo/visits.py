"""What visitors of the page sent, and what their browser reports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from checks.probe.arrived import Request
from checks.report.text import clean

MAX_VISITS = 1000
"""Visitors that are remembered; one more drops the oldest."""

MAX_ARRIVALS = 30
"""Requests that are remembered of one visitor."""

MAX_TESTS = 40
"""Tests that a browser may report."""

MAX_TEXT = 200
"""Characters of a value that is kept, at most."""

MAX_DIGITS = 12
"""Digits that are too many for the size of a message."""

KEPT = frozenset(
    {
        *("host", "origin", "connection", "upgrade", "via", "forwarded", "x-real-ip", "user-agent"),
        *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
        *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"),
    }
)
"""The headers, in lower case, that are kept. Cookies are only counted."""

NAME = re.compile(r"[a-z0-9-]{1,30}")
"""The name of a test, as the page chose it."""

ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""The origin of a page, as browsers write it. It becomes part of a command that people may copy."""

VISIT = re.compile(r"[0-9a-f]{16}")
"""The number that a page chose for its visit."""


class Arrival:
    """A request for a WebSocket as it arrived."""

    def __init__(self, request: Request) -> None:
        kept = ((name, value[:MAX_TEXT]) for name, value in request.headers if name.lower() in KEPT)
        path = request.path.partition("?")[0][:MAX_TEXT]
        self.request = Request(request.method[:20], path, request.version[:20], tuple(kept), request.peer)
        self.cookies = len(request.header("Cookie"))
        self.opened = False
        self.messages = 0
        self.refused = False
        if "/jupyter/" in request.path.partition("?")[0]:  # Jupyter compares Origin with Host
            origin = request.header("Origin").partition("://")[2].lower()
            self.refused = bool(origin) and origin != request.header("Host").lower()

    def accepted(self) -> None:
        """Note that the server accepted it."""
        self.opened = True

    def message(self) -> None:
        """Note that the end of a message arrived."""
        self.messages += 1

    @property
    def upgrade(self) -> bool:
        """Whether it arrived with the headers that ask for a WebSocket."""
        tokens = {token.strip().lower() for token in self.request.header("Connection").split(",")}
        return "upgrade" in tokens and "websocket" in self.request.header("Upgrade").lower()


@dataclass(frozen=True)
class Outcome:
    """What a browser reports about one test."""

    name: str
    outcome: str = ""
    """`opened`, `failed`, `hung`, `blocked` by a policy, or `refused` by the browser; of a message, `passed`."""
    seconds: float = 0.0
    """Seconds until then."""
    code: int = 0
    """The close code; 0 without one."""
    reason: str = ""
    """What the browser reports besides: the reason of a close, or the directive of a policy."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.outcome in {"opened", "passed"}

    @property
    def size(self) -> int:
        """Bytes of the message that the test `size-BYTES` sent; 0 for other tests."""
        kind, _, digits = self.name.partition("-")
        return int(digits) if kind == "size" and digits.isdigit() and len(digits) < MAX_DIGITS else 0


@dataclass
class Visit:
    """A visitor."""

    number: int
    """Its place among all visitors, from 1."""
    started: float
    """When it began, in seconds since the epoch."""
    page: Request | None = None
    """The request that brought the report; None before it."""
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    """The first request of each test."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    origin: str = ""
    """The origin of the page, as the browser has it."""
    path: str = ""
    protocol: str = ""
    """The version of HTTP between the browser and the first proxy, as `h2`."""
    status: int = 0
    """The status code of an ordinary request for the URL of the WebSocket; 0 without a response."""
    final: bool = False
    """Whether all tests have ended."""
    shown: list[str] = field(default_factory=list)
    """What the terminal shows already."""

    def note(self, name: str, arrival: Arrival) -> None:
        """Keep a request, unless there are too many."""
        if len(self.arrivals) < MAX_ARRIVALS:
            self.arrivals.setdefault(name, arrival)

    def take(self, body: bytes) -> bool:
        """Take the report of the browser; return whether it is one."""
        try:
            data = json.loads(body)
            tests = data["tests"][:MAX_TESTS]
            found = {each.name: each for each in map(_outcome, tests)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return False
        self.outcomes = found
        self.origin = _origin(_text(data, "origin"))
        self.path, self.protocol = _text(data, "path"), _text(data, "protocol")
        self.status = int(_number(data, "status"))
        self.final = data.get("final") is True
        return True

    @property
    def opened(self) -> bool:
        """Whether any WebSocket opened, as both ends report."""
        return any(each.good and self.opened_here(name) for name, each in self.outcomes.items())

    @property
    def sizes(self) -> list[Outcome]:
        """The results of large messages, the smallest first."""
        return sorted((each for each in self.outcomes.values() if each.size), key=lambda each: each.size)

    def opened_here(self, name: str) -> bool:
        """Tell whether the handshake of a test arrived and was accepted."""
        return name in self.arrivals and self.arrivals[name].opened


def _outcome(data: Mapping[str, Any]) -> Outcome:
    name = _text(data, "name")
    if not NAME.fullmatch(name):
        raise ValueError(name)
    code = int(_number(data, "code"))
    return Outcome(name, _text(data, "outcome"), round(_number(data, "seconds"), 3), code, _text(data, "reason"))


def _origin(text: str) -> str:
    """Return the origin of a page; empty if it cannot be one."""
    try:
        right = ORIGIN.fullmatch(text) and urlsplit(text).port != 0
    except ValueError:
        right = False
    return text if right else ""


def _text(data: Mapping[str, Any], name: str) -> str:
    return clean(str(data.get(name, "") or "")[:MAX_TEXT], MAX_TEXT)


def _number(data: Mapping[str, Any], name: str) -> float:
    """Return a number that can be shown; 0 for anything else."""
    value = data.get(name, 0)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1_000_000 else 0.0
