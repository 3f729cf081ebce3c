"""What a proxy costs: sockets through it against sockets without it, in one run."""

from __future__ import annotations

import contextlib
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import ROOT, SCALE, LabError, running, workspace
from .proxy import proxy
from .recipe import Recipe
from .standin import StandIn

RESULTS = ROOT / "checks" / "costs.json"

FRAME = b"\x82\xc0" + bytes(4) + bytes(64)
"""A masked binary frame with 64 bytes of payload (RFC 6455, section 5.2)."""

WINDOW = 32
"""Messages under way at once on the one socket."""

SOCKETS = 200
ASK = (
    "GET /dip/lab-socket HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass(frozen=True)
class Cost:
    """One measurement of one way to the server."""

    handshake: float
    """Seconds to connect and open, the median of 50."""
    trip: float
    """Seconds for 64 bytes there and back, the median of 300."""
    one: float
    """Messages of 64 bytes a second on one socket, WINDOW under way."""
    many: float
    """Messages of 64 bytes a second on SOCKETS sockets, one under way on each."""


def compare(recipes: list[Recipe], rounds: int, say: Callable[[str], None]) -> Iterator[tuple[Recipe, str, Cost]]:
    """Yield for each recipe its newest build and what it costs as a multiple of the direct way.

    Each round measures the direct way and then every proxy; the result is the median of the rounds' ratios.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        server = stack.enter_context(running([sys.executable, Path(__file__).parent / "echo.py"], folder, "echo"))
        server.wait_until(lambda: server.said().endswith("\n"))
        direct = StandIn(int(server.said()), "", folder)
        sites = []
        for recipe in recipes:
            config = recipe.config(https=False)
            build = recipe.pick(config)
            sites.append(stack.enter_context(proxy(recipe, build, config, direct)))
        ratios: dict[int, list[Cost]] = {site.port: [] for site in sites}
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            base = _measure(direct.port)
            for site in sites:
                ratios[site.port].append(_ratio(_measure(site.port), base))
        for site in sites:
            yield site.recipe, site.build.version, _median(ratios[site.port])


def _ratio(cost: Cost, base: Cost) -> Cost:
    return Cost(cost.handshake / base.handshake, cost.trip / base.trip, cost.one / base.one, cost.many / base.many)


def _median(costs: list[Cost]) -> Cost:
    names = ("handshake", "trip", "one", "many")
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in names))


def _measure(port: int) -> Cost:
    handshake = statistics.median(_handshake(port) for _ in range(50))
    with _open(port) as way:
        trip = statistics.median(_trip(way) for _ in range(300))
        one = _busy([way], WINDOW)
    with contextlib.ExitStack() as stack:
        many = _busy([stack.enter_context(_open(port)) for _ in range(SOCKETS)], 1)
    return Cost(handshake, trip, one, many)


def _open(port: int) -> socket.socket:
    """Return an open WebSocket."""
    way = socket.create_connection(("127.0.0.1", port), timeout=20 * SCALE)
    way.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    way.sendall(ASK.format(port=port).encode())
    head = b""
    while b"\r\n\r\n" not in head and (data := way.recv(4096)):
        head += data
    if b" 101 " not in head:
        raise LabError(f"the handshake was answered {head[:200]!r}, expected 101")
    return way


def _handshake(port: int) -> float:
    began = time.perf_counter()
    _open(port).close()
    return time.perf_counter() - began


def _trip(way: socket.socket) -> float:
    began = time.perf_counter()
    way.sendall(FRAME)
    left = len(FRAME)
    while left:
        left -= len(_some(way))
    return time.perf_counter() - began


def _some(way: socket.socket) -> bytes:
    """Return what has come; raises LabError when the other side has hung up."""
    if data := way.recv(65536):
        return data
    raise LabError("the proxy closed a socket in the middle of the measurement")


def _busy(ways: list[socket.socket], window: int) -> float:
    """Return the messages a second while all sockets send, and send again when all has come back, for a second."""
    batch, select, done = FRAME * window, selectors.DefaultSelector(), 0
    left = dict.fromkeys(ways, len(batch))
    for way in ways:
        select.register(way, selectors.EVENT_READ)
        way.sendall(batch)
    began = time.perf_counter()
    while time.perf_counter() - began < 1:
        for key, _ in select.select(timeout=1):
            assert isinstance(key.fileobj, socket.socket)
            way = key.fileobj
            left[way] -= len(_some(way))
            if not left[way]:
                done += window
                left[way] = len(batch)
                way.sendall(batch)
    return done / (time.perf_counter() - began)
