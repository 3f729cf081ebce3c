"""Measure what each proxy costs, compared with no proxy in the same run."""

from __future__ import annotations

import contextlib
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from .process import ROOT, SCALE, LabError, Progress, running, workspace
from .proxy import proxy
from .recipe import Recipe
from .standin import StandIn, handshake

RESULTS = ROOT / "checks" / "costs.json"
SERVER = Path(__file__).with_name("bench_server.py")

FRAME = b"\x82\xc0" + bytes(4) + bytes(64)
"""A masked binary frame with 64 bytes of payload (RFC 6455, section 5.2)."""

WINDOW = 32
"""Messages in transit at once on the single connection."""

CONNECTIONS = 200
"""Connections that are open at once for the second rate."""


@dataclass(frozen=True)
class Cost:
    """One measurement, or the ratio of two."""

    handshake: float
    """Seconds to connect and open the WebSocket, the median of 50."""
    round_trip: float
    """Seconds until a message of 64 bytes is back, the median of 300."""
    rate_one: float
    """Messages of 64 bytes per second on one connection, with WINDOW in transit."""
    rate_many: float
    """Messages of 64 bytes per second on many connections (CONNECTIONS), with one in transit on each."""


MEASURED = [field.name for field in fields(Cost)]


def compare(recipes: list[Recipe], rounds: int, progress: Progress) -> Iterator[tuple[Recipe, str, Cost]]:
    """Yield each recipe, the version of its newest build, and its cost.

    The cost is a multiple of the cost without a proxy. Each round measures the direct connection and then every proxy.
    The result is the median of the rounds' ratios.
    """
    with bench_server() as direct, contextlib.ExitStack() as stack:
        sites = []
        for recipe in recipes:
            config = recipe.config(https=False)
            build = recipe.pick(config)
            sites.append(stack.enter_context(proxy(recipe, build, config, direct)))
        ratios: dict[int, list[Cost]] = {site.port: [] for site in sites}
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}")
            base = _measure(direct.port)
            for site in sites:
                ratios[site.port].append(_ratio(_measure(site.port), base))
        for site in sites:
            yield site.recipe, site.build.version, _median(ratios[site.port])


@contextlib.contextmanager
def bench_server() -> Iterator[StandIn]:
    """Run bench_server.py for the length of the block, in place of a stand-in."""
    with workspace() as folder, running([sys.executable, SERVER], folder, "bench_server") as server:
        yield StandIn(int(server.wait_for(r"(\d+)\n")[1]), "", folder)


def _ratio(cost: Cost, base: Cost) -> Cost:
    return Cost(*(getattr(cost, name) / getattr(base, name) for name in MEASURED))


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in MEASURED))


def _measure(port: int) -> Cost:
    """Return the cost of connections to this port."""
    handshake = statistics.median(_handshake(port) for _ in range(50))
    with open_websocket(port) as connection:
        round_trip = statistics.median(_round_trip(connection) for _ in range(300))
        rate_one = _rate([connection], WINDOW)
    with contextlib.ExitStack() as stack:
        rate_many = _rate([stack.enter_context(open_websocket(port)) for _ in range(CONNECTIONS)], 1)
    return Cost(handshake, round_trip, rate_one, rate_many)


def open_websocket(port: int) -> socket.socket:
    """Return the connection of an open WebSocket, for the caller to close.

    Raises LabError if the handshake fails.
    """
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20 * SCALE))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(handshake("/dip/lab-socket", f"localhost:{port}"))
        head = b""
        while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
            head += data
        if b" 101 " not in head:
            raise LabError(f"handshake on port {port}: expected status code 101, got {head[:200]!r}")
        stack.pop_all()
    return connection


def _handshake(port: int) -> float:
    start = time.perf_counter()
    open_websocket(port).close()
    return time.perf_counter() - start


def _round_trip(connection: socket.socket) -> float:
    start = time.perf_counter()
    connection.sendall(FRAME)
    remaining = len(FRAME)
    while remaining:
        remaining -= len(_receive(connection))
    return time.perf_counter() - start


def _receive(connection: socket.socket) -> bytes:
    """Return the bytes that have arrived; raise LabError if the peer has closed."""
    if data := connection.recv(65536):
        return data
    raise LabError("the proxy closed a WebSocket during the measurement")


def _rate(connections: list[socket.socket], window: int) -> float:
    """Return the messages per second over one second.

    Each connection sends `window` messages, and again as soon as all of them are back.
    """
    batch, done = FRAME * window, 0
    remaining = dict.fromkeys(connections, len(batch))
    with selectors.DefaultSelector() as select:
        for connection in connections:
            select.register(connection, selectors.EVENT_READ)
            connection.sendall(batch)
        start = time.perf_counter()
        while time.perf_counter() - start < 1:
            for key, _ in select.select(timeout=1):
                assert isinstance(key.fileobj, socket.socket)
                connection = key.fileobj
                remaining[connection] -= len(_receive(connection))
                if not remaining[connection]:
                    done += window
                    remaining[connection] = len(batch)
                    connection.sendall(batch)
        return done / (time.perf_counter() - start)
