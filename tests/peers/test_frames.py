"""Servers that open the WebSocket, and then send hostile or broken frames."""

import asyncio
import select
import socket

import pytest
from support.hostile import ESCAPES, Case
from support.server import (
    CLOSE,
    PAGE,
    PING,
    PONG_FRAME,
    TEXT,
    accept_uncompressed,
    bomb,
    close,
    endlessly,
    fake_dss,
    frame,
    read_frame,
    read_nothing,
    reset,
    scripted_server,
    silent,
    then,
)

from checks.findings import diagnose
from checks.probe import Target, look, sizes


def sends(*steps):
    """Return a DSS that runs these steps on an open WebSocket."""
    return fake_dss(frames=then(*steps))


def stops_reading(limit):
    """Return a step that responds to pings, until a larger message begins."""

    def step(sock, _):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        while True:
            opcode, payload = read_frame(sock, limit)
            if payload is None:
                read_nothing(sock)
                return
            if opcode == PING:
                sock.sendall(frame(PONG_FRAME, payload))

    return step


def talkative(sock, _):
    """Respond to pings; where none arrives, send 9 MiB first."""
    if not select.select([sock], [], [], 0.2)[0]:
        for _ in range(9):
            sock.sendall(frame(TEXT, b"x" * (1 << 20)))
    stops_reading(1 << 25)(sock, b"")


FRAGMENT = frame(TEXT, b"x", flags=0)
"""The first frame of a message that has more."""

FLOODS = {
    "a frame of 2 GiB": Case(sends(frame(TEXT, b"x", announced=1 << 31), endlessly(b"x" * 65536))),
    "endless fragments": Case(sends(FRAGMENT, endlessly(frame(0, b"x" * 4000, flags=0)))),
    "endless empty fragments": Case(sends(FRAGMENT, endlessly(frame(0, b"", flags=0) * 4000))),
    "a decompression bomb": Case(sends(bomb(), silent)),
    "endless bombs": Case(sends(endlessly(bomb()))),
    "endless texts": Case(sends(endlessly(frame(TEXT, b"x" * 100) * 600))),
    "endless empty frames": Case(sends(endlessly(frame(TEXT) * 30000))),
    "endless pings": Case(sends(endlessly(frame(PING, b"x" * 125) * 500))),
}

CASES = {
    "silence": Case(sends(silent), ("response-buffered",)),
    "the end": Case(sends(close)),
    "a reset": Case(sends(reset)),
    "garbage": Case(sends(bytes(range(255, 0, -1)), silent)),
    "HTTP": Case(sends(PAGE, silent)),
    "masked frames": Case(sends(frame(TEXT, b"hello", mask=b"mask"), silent)),
    "a frame of 2^63 bytes": Case(sends(frame(TEXT, b"x", announced=(1 << 64) - 1), silent)),
    "broken compression": Case(sends(frame(TEXT, b"\xff" * 100, flags=0xC0), silent)),
    "endless pongs": Case(sends(endlessly(frame(PONG_FRAME, b"x" * 125) * 500))),
    "the pong of another ping": Case(sends(frame(PONG_FRAME, b"other"), silent)),
    "a ping of 126 bytes": Case(sends(frame(PING, b"x" * 126), silent)),
    "text that is not UTF-8": Case(sends(frame(TEXT, b"\xff\xfe"), silent)),
    "a close frame of one byte": Case(sends(frame(CLOSE, b"\x03"), silent)),
    "close code 0": Case(sends(frame(CLOSE, b"\x00\x00"), silent)),
    "escapes in a close frame": Case(sends(frame(CLOSE, b"\x03\xf0" + ESCAPES.encode()), silent)),
    "reads nothing": Case(fake_dss(frames=read_nothing), ("response-buffered",)),
    "many messages during --idle": Case(
        fake_dss(handshake=accept_uncompressed(talkative)), ("works",), 0, options=("--idle=1",)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hostile_frames_are_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_frames_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)


def takes_messages(limit=1 << 30, respond=lambda _: b""):
    """Return a DSS that responds to pings and messages.

    It closes messages above `limit` bytes with code 1009.
    """

    def step(sock, _):
        while True:
            opcode, payload = read_frame(sock, limit)
            if payload is None:
                sock.sendall(frame(CLOSE, (1009).to_bytes(2, "big")))
                read_nothing(sock)
                return
            sock.sendall(frame(PONG_FRAME, payload) if opcode == PING else respond(payload))

    return fake_dss(handshake=accept_uncompressed(step))


def seen(script, timeout=20, **options):
    """Return the evidence about a server."""
    with scripted_server(script) as port:
        return asyncio.run(look(Target(f"http://127.0.0.1:{port}", timeout=timeout), **options))


def echo(payload):
    return frame(TEXT, payload)


def test_an_echo_of_a_large_message_passes():
    evidence = seen(takes_messages(respond=echo), size=2_000_000)
    assert [(result.size, result.passed) for result in evidence.sizes][-1] == (2_000_000, True)
    assert [finding.id for finding in diagnose(evidence).findings] == ["works"]


def test_a_peer_that_stops_reading_does_not_stop_the_test():
    script = fake_dss(handshake=accept_uncompressed(stops_reading(1 << 23)))
    failed = [result for result in seen(script, 1, size=(1 << 23) + (1 << 18)).sizes if not result.passed]
    assert {result.error.partition(" within")[0] for result in failed} == {"no pong"}


def test_our_own_limit_is_not_a_failure_of_the_server():
    evidence = seen(takes_messages(respond=lambda payload: frame(TEXT, payload * 2000)), size=10_000)
    assert all(result.passed for result in evidence.sizes)
    assert dict(evidence.skipped)["larger messages"].startswith("our own limit: frame with ")
    assert [finding.id for finding in diagnose(evidence).findings] == ["works"]


def test_a_large_message_during_idle_is_not_a_drop():
    def step(sock, _):
        if not select.select([sock], [], [], 0.2)[0]:
            sock.sendall(frame(TEXT, b"x" * (5 << 20)))
        stops_reading(1 << 25)(sock, b"")

    evidence = seen(fake_dss(handshake=accept_uncompressed(step)), idle=0.6)
    assert [hold.dropped for hold in evidence.holds] == [False]


def test_all_sizes_pass_where_there_is_no_limit(monkeypatch):
    monkeypatch.setattr(sizes, "SIZES", [1024, 2048])
    evidence = seen(takes_messages(), size=5000)
    assert [(result.size, result.passed) for result in evidence.sizes] == [(1024, True), (2048, True), (5000, True)]


def test_a_size_limit_is_found_to_one_part_in_64():
    limit = 21_000
    results = seen(takes_messages(limit), size=100_000).sizes
    largest = max(result.size for result in results if result.passed)
    smallest = min(result.size for result in results if not result.passed)
    assert largest <= limit < smallest
    assert smallest - largest <= smallest // 64
