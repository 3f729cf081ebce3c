"""Serve the page, and report to both ends what its visitors find."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from importlib import resources

from checks.echo.report import block, worded
from checks.echo.verdict import judge
from checks.echo.visits import MAX_VISITS, VISIT, Arrival, Visit
from checks.findings import WORKS
from checks.probe.arrived import Request

MAX_BLOCKS = 300
"""Blocks that the terminal shows in MINUTE, up to three for each of 100 visitors; it counts the others."""

MINUTE = 60
"""Seconds."""

NAME = re.compile(r"[\w~%-]{1,100}", re.ASCII)
"""The end of a URL that may be a folder."""

AROUND_S = 15
"""Seconds that the page needs for everything but keeping a WebSocket open."""

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
"""The types of the files that are served, by the end of their name."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:;"
    " img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every response. Older versions of Safari do not count a WebSocket to the same server as 'self'."""


class PageApplication:
    """Serves the page, and knows its visitors."""

    def __init__(self, show: Callable[[list[str]], object], hold: float) -> None:
        """Take what shows lines on the terminal, and for how long the page holds.

        That is for how many seconds it keeps a WebSocket open.
        """
        self.show, self.hold = show, hold
        self.visits: dict[str, Visit] = {}
        self.number = 0
        self.shown: list[float] = []
        self.left_out = 0
        folder = resources.files("checks.echo")
        files = [*folder.iterdir(), *(folder / "shared").iterdir()]
        self.files = {file.name: file.read_bytes() for file in files if file.name.rpartition(".")[2] in TYPES}

    def respond(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """Return the page, a file or a result; None for any other request."""
        name, visit = request.segment, self._visit(request)
        if request.method == "GET" and name in self.files and name != "page.html":
            return self._file(name)
        if visit and request.method == "POST" and name == "result":
            return self._result(visit, request, body)
        if visit and request.method == "GET" and request.parameter("test") == "get":
            visit.note("get", Arrival(request))
            return 200, {**HEADERS, "Content-Type": "text/plain"}, b"arrived"
        wants_page = "text/html" in request.header("Accept")
        if visit or request.method != "GET" or not wants_page or "upgrade" in request.header("Connection").lower():
            return None
        path = request.path.partition("?")[0]
        if NAME.fullmatch(name) and not path.endswith("/dip/api/ping"):  # relative URLs need the slash
            return 302, {**HEADERS, "Location": f"{name}/"}, b""
        return self._file("page.html") if not name else None

    def watch(self, request: Request) -> Arrival | None:
        """Keep a request for a WebSocket; return what notes how it goes on."""
        visit = self._visit(request)
        if not visit:
            return None
        arrival = Arrival(request)
        visit.note(request.parameter("test")[:30], arrival)
        return arrival

    def _visit(self, request: Request) -> Visit | None:
        """Return the visit that a request belongs to, if it names one."""
        key = request.parameter("visit")
        if not VISIT.fullmatch(key):
            return None
        if key not in self.visits:
            self.number += 1
            self.visits[key] = Visit(self.number, time.time())
            if len(self.visits) > MAX_VISITS:
                del self.visits[next(iter(self.visits))]
        return self.visits[key]

    def _file(self, name: str) -> tuple[int, dict[str, str], bytes]:
        kind = TYPES[name.rpartition(".")[2]]
        content = self.files[name].replace(b"HOLD_SECONDS", f"{self.hold:g}".encode())
        content = content.replace(b"TEST_SECONDS", f"{self.hold + AROUND_S:.0f}".encode())
        return 200, {**HEADERS, "Content-Type": f"{kind}; charset=utf-8"}, content

    def _result(self, visit: Visit, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Take what the browser reports; show and return the verdict."""
        if not visit.page:
            visit.page = Arrival(request).request
        headers = {**HEADERS, "Content-Type": "application/json"}
        if not visit.take(body):
            return 400, headers, b'{"error": "expected the report of a browser"}'
        others = (other for other in self.visits.values() if other is not visit)
        verdict = worded(visit, judge(visit, others))
        if verdict.id == WORKS and not visit.final:
            self._show([f"visitor {visit.number}: the WebSocket opens; keeping it open for {self.hold:g} s"])
        elif verdict.states() != visit.shown:
            visit.shown = verdict.states()
            self._show(block(visit, verdict))
        return 200, headers, json.dumps(verdict.for_page(), ensure_ascii=False).encode()

    def _show(self, lines: list[str]) -> None:
        """Show a block, unless there were too many."""
        now = time.monotonic()
        self.shown = [moment for moment in self.shown if now - moment < MINUTE]
        if len(self.shown) >= MAX_BLOCKS:
            self.left_out += 1
            return
        self.shown.append(now)
        if self.left_out:
            lines = [f"({self.left_out} more results came too fast to show)", "", *lines]
            self.left_out = 0
        self.show(lines)
