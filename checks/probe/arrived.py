"""What arrived of a request: `checks echo` reports it, `diagnose` reads it.

The report is JSON in a header of the response, and in its body where there is one: a proxy may replace the body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from checks.evidence import MORE, Pairs, Response

from .secrets import masked, masked_query

ECHO = "X-WebSocket-Doctor"
"""The header by which the response of `checks echo` is recognized."""

ARRIVED = "X-Arrived"
"""The header with the report."""

PAGES = {"/", "/dip/api/ping"}
"""The paths to which `checks echo` responds with 200: the page, and the health check of DSS."""

MAX_REPORT = 3000
"""Characters: a proxy may read only 4 KB of a response's head."""

LONGEST = (120, 60)
"""Characters of the longest value that is reported as it is; the second where the report becomes too long."""

MAX_PATH = 500
"""Characters of the longest path that is reported as it is."""

COMPARED = frozenset(
    {
        *("host", "origin", "connection", "upgrade", "cookie", "user-agent", "via", "forwarded"),
        *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"),
        *("x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    }
)
"""The headers, in lower case, that are reported even where there is no room for all."""


@dataclass(frozen=True)
class Request:
    """The head of a request as it arrived."""

    method: str
    path: str
    """The path with its query."""
    version: str
    """As HTTP/1.1."""
    headers: Pairs
    peer: str = ""
    """The IP address at the other end of the connection."""

    def header(self, name: str) -> str:
        """Return the values of a header, separated by commas, or ""."""
        return ", ".join(value for each, value in self.headers if each.lower() == name.lower())

    def parameter(self, name: str) -> str:
        """Return a parameter of the URL, or ""."""
        try:
            query = parse_qs(urlsplit(self.path).query, max_num_fields=50)
        except ValueError:
            return ""
        return query.get(name, [""])[0]

    @property
    def segment(self) -> str:
        """The end of the path, from the last slash on, without the slash."""
        return self.path.partition("?")[0].rpartition("/")[2]


def parsed(head: bytes, peer: str = "") -> Request:
    """Return the head of a request over HTTP/1, whatever it is."""
    line, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = line.partition(" ")
    path, _, version = rest.rpartition(" ")
    fields = (field.partition(":") for field in lines)
    return Request(method, path, version, tuple((name, value.strip()) for name, _, value in fields), peer)


def report(method: str, path: str, version: str, headers: Iterable[tuple[str, str]]) -> str:
    """Return a request as JSON, its headers in order, with secrets masked."""
    request, pairs = f"{method[:20]} {_short(masked_query(path), MAX_PATH)} {version[:20]}".strip(), masked(headers)
    for longest in LONGEST:
        text = _json(request, [(name, _short(value, longest)) for name, value in pairs])
        if len(text) <= MAX_REPORT:
            return text
    kept = [(name, _short(value, LONGEST[-1])) for name, value in pairs if name.lower() in COMPARED]
    while len(text) > MAX_REPORT and kept:
        text = _json(request, [*kept, (MORE, "")])
        kept.pop()
    return text if len(text) <= MAX_REPORT else _json("", [])


def _json(request: str, pairs: Iterable[tuple[str, str]]) -> str:
    return json.dumps({"request": request, "headers": list(pairs)}, separators=(",", ":"))


def _short(value: str, longest: int) -> str:
    """Return a value, or its length and digest where it is longer.

    A part of it would tell a part of a secret, and could not be compared.
    """
    if len(value) <= longest:
        return value
    return f"{len(value)} characters, SHA-256 {hashlib.sha256(value.encode('latin-1', 'replace')).hexdigest()[:16]}"


def read(response: Response, path: str, sent: Iterable[tuple[str, str]]) -> tuple[str, Pairs]:
    """Return the request line and the headers that `checks echo` reports.

    `path` and `sent` are what was sent, with its secrets. Empty when another server responded.
    """
    if not response.header(ECHO):
        return "", ()
    try:
        data = json.loads(response.header(ARRIVED) or response.body)
        request = str(data.get("request", ""))
        pairs = [(str(name), str(value)) for name, value in data["headers"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", ()
    same_path = f"GET {_short(masked_query(path), MAX_PATH)} "
    if request.startswith(same_path):
        request = f"GET {path} {request[len(same_path) :]}"
    long = [(name.lower(), value) for name, value in sent if len(value) > min(LONGEST)]
    short = {(name, _short(value, longest)): value for name, value in long for longest in LONGEST}
    return request, masked((name, short.get((name.lower(), value), value)) for name, value in pairs)
