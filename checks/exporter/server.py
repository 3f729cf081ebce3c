"""The HTTP server of the exporter, with a limit for everything."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Callable
from urllib.parse import parse_qs

import h11
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from checks.report import terminal
from checks.report.text import clean

from .service import RefusedError, Service

MAX_HEAD = 16384
"""Bytes of the longest request head."""

READ_SIZE = 4096

MAX_CONNECTIONS = 2000
"""Connections that may be open at the same time: Prometheus keeps one for each target."""

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request must arrive."""

IDLE_TIMEOUT = 120.0
"""Seconds for which a connection stays open between two requests."""

TIMEOUT_HEADER = b"x-prometheus-scrape-timeout-seconds"
"""How long Prometheus waits for the response."""

PLAIN = "text/plain; charset=utf-8"

OPENMETRICS = "application/openmetrics-text"
"""The format that Prometheus prefers."""

ALWAYS = [("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]


@dataclass(frozen=True)
class Answer:
    """A response to a request."""

    status: int
    body: bytes
    kind: str = PLAIN
    headers: tuple[tuple[str, str], ...] = ()


def text(status: int, *lines: str) -> Answer:
    """Return a response of plain text."""
    return Answer(status, "".join(f"{line}\n" for line in lines).encode())


class Server:
    """The server, which responds to several connections at a time."""

    def __init__(self, service: Service) -> None:
        self.service, self.connections = service, 0

    async def serve(self, address: str, port: int, ready: Callable[[int], object]) -> None:
        """Serve until cancelled.

        Calls `ready` with the port once connections are accepted. Raises OSError when it cannot listen.
        """
        server = await asyncio.start_server(self._handle, address, port, backlog=1024, limit=READ_SIZE)
        ready(server.sockets[0].getsockname()[1])
        async with server:
            await self.service.watch()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.connections <= MAX_CONNECTIONS:
                await _Connection(self, reader, writer).run()
        except (OSError, asyncio.TimeoutError):  # the client has gone
            pass
        except asyncio.CancelledError:  # the exporter ends
            pass
        finally:
            self.connections -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def answer(self, request: h11.Request) -> Answer:
        """Return the response to a request, also where it is refused or fails."""
        try:
            return await self._answer(request)
        except RefusedError as error:
            self.service.count_refused(error)
            return text(error.status, clean(error))
        except Exception as error:  # noqa: BLE001  # one request must not stop the others
            self.service.log(f"internal error: {_where(error)}")
            return text(500, "internal error; see the log of the exporter")

    async def _answer(self, request: h11.Request) -> Answer:
        path, _, query = request.target.decode("latin-1").partition("?")
        if request.method not in {b"GET", b"HEAD"}:
            answer = replace(text(405, "expected GET or HEAD"), headers=(("Allow", "GET, HEAD"),))
        elif path == "/probe":
            answer = await self._probe(request, query)
        elif path == "/metrics":
            answer = _metrics(self.service.registry, request)
        elif path == "/-/healthy":
            answer = text(200, "healthy")
        elif path == "/":
            answer = self._index()
        else:
            answer = text(404, "expected /probe, /metrics or /-/healthy")
        return answer

    async def _probe(self, request: h11.Request, query: str) -> Answer:
        """Run a probe; respond with its metrics, or with its report if asked to."""
        try:
            values = parse_qs(query, keep_blank_values=True, max_num_fields=10)
        except ValueError:
            values = {}
        unknown = set(values) - {"target", "module", "debug"}
        if unknown or any(len(each) > 1 for each in values.values()) or not values.get("target", [""])[0]:
            message = "expected one target, and perhaps one module: /probe?target=https://dss.example.com&module=dss"
            raise RefusedError(400, "request", message)
        given = {name: each[0] for name, each in values.items()}
        probe = await self.service.probe(given["target"], given.get("module", ""), _scrape_timeout(request))
        if given.get("debug") == "true":
            return text(200, *terminal.report(probe.evidence, probe.diagnosis))
        registry = CollectorRegistry()
        registry.register(probe.result)
        return _metrics(registry, request)

    def _index(self) -> Answer:
        lines = [f"  /probe?target=URL&module={name}" for name in self.service.modules]
        return text(200, "websocket exporter", "", *lines, "  /metrics", "  /-/healthy")


def _where(error: Exception) -> str:
    """Return the type of an error and its line.

    Its text may contain a secret.
    """
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    line = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown line"
    return f"{type(error).__name__} in {line}"


def _scrape_timeout(request: h11.Request) -> float:
    """Return how many seconds Prometheus waits; 0 if the request has none.

    Raises RefusedError.
    """
    given = dict(request.headers).get(TIMEOUT_HEADER)
    if given is None:
        return 0.0
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise RefusedError(400, "request", "X-Prometheus-Scrape-Timeout-Seconds: expected a number of seconds")
    return seconds


def _metrics(registry: CollectorRegistry, request: h11.Request) -> Answer:
    wanted = OPENMETRICS.encode() in dict(request.headers).get(b"accept", b"")
    encode, kind = choose_encoder(f"{OPENMETRICS}; version=1.0.0" if wanted else "")
    return Answer(200, encode(registry), kind)


class _Connection:
    """One connection, with one request after the other."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.http = h11.Connection(h11.SERVER, MAX_HEAD)

    async def run(self) -> None:
        """Respond until the client closes the connection, or breaks a rule."""
        wait = HEAD_TIMEOUT
        while True:
            try:
                request = await asyncio.wait_for(self._request(), wait)
            except h11.RemoteProtocolError as error:
                await self._send(text(error.error_status_hint, "expected a short HTTP/1.1 request"), close=True)
                return
            if not request:
                return
            head = request.method == b"HEAD"
            await self._send(await self.server.answer(request), head=head)
            if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
                return
            self.http.start_next_cycle()
            wait = IDLE_TIMEOUT

    async def _request(self) -> h11.Request | None:
        """Return the next request, or None at the end of the connection.

        A request with a body ends the connection, so that nothing has to read it.
        """
        request = None
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(READ_SIZE))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, (h11.EndOfMessage, h11.Data)):
                return request
            else:  # closed, or paused
                return None

    async def _send(self, answer: Answer, *, head: bool = False, close: bool = False) -> None:
        headers = [("Content-Type", answer.kind), ("Content-Length", str(len(answer.body))), *answer.headers, *ALWAYS]
        if close or self.http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(answer.status).phrase
        with contextlib.suppress(h11.LocalProtocolError):
            data = self.http.send(h11.Response(status_code=answer.status, reason=reason, headers=headers))
            data = (data or b"") + (self.http.send(h11.Data(data=answer.body)) or b"") if not head else data
            self.writer.write((data or b"") + (self.http.send(h11.EndOfMessage()) or b""))
            await asyncio.wait_for(self.writer.drain(), HEAD_TIMEOUT)
