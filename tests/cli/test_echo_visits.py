"""echo: visitors of its page who send anything, and what the terminal shows."""

import json
import socket
import time
import tracemalloc

import pytest
from h2.connection import H2Connection
from h2.events import ResponseReceived
from support.echo import running_echo
from support.proof import ROOT
from websockets.sync.client import connect

from checks.echo import application
from checks.echo.application import PageApplication
from checks.echo.report import block, worded
from checks.echo.verdict import judge
from checks.echo.visits import MAX_ARRIVALS, MAX_VISITS, Arrival, Visit
from checks.findings import diagnosis
from checks.lab.standin import handshake
from checks.probe import echo_server
from checks.probe.arrived import Request

VISIT = "0123456789abcdef"
HOST = (("Host", "dss.example.com"), ("Origin", "https://dss.example.com"))
UPGRADE = (*HOST, ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "x"))

HOSTILE = [
    b"",
    b"{}",
    b"[]",
    b"nonsense \xff",
    b'{"tests": 1}',
    b'{"tests": [1]}',
    b'{"tests": [{"name": "../../x"}]}',
    b'{"tests": [' + b"[" * 3000 + b"]" * 3000 + b"]}",
    json.dumps({"tests": [{"name": "plain", "seconds": 1e999, "code": -1e999}]}).encode(),
    json.dumps({"tests": [{"name": f"size-{'9' * 25}", "outcome": "failed"}]}).encode(),
    json.dumps(
        {"origin": "https://[::1", "path": "\x1b]0;x\x07", "tests": [{"name": "plain", "outcome": "\x1b[2J"}]}
    ).encode(),
    json.dumps({"tests": [{"name": name, "outcome": "failed"} for name in ("size-1", "size-01")]}).encode(),
    json.dumps({"origin": "javascript:\x1b[31m\u202e", "tests": [{"name": "plain", "outcome": "failed"}]}).encode(),
    json.dumps(
        {"origin": {"a": []}, "status": "x", "final": 1, "tests": [{"name": "silent", "outcome": [1]}]}
    ).encode(),
]


def request(path, *headers, method="GET"):
    return Request(method, path, "HTTP/1.1", headers, "192.0.2.1")


def posted(page, body, visit=VISIT):
    return page.respond(request(f"/t/result?visit={visit}&test=result", *HOST, method="POST"), body)


def test_a_report_without_a_test_gets_a_next_step():
    page = PageApplication(lambda _: None, 1)
    status, _, body = posted(page, b'{"tests": []}')
    verdict = json.loads(body)
    assert (status, verdict["title"], verdict["owner"]) == (200, "The test did not run", "the DSS administrator")
    assert verdict["fix"].startswith("Reload this page")


def test_a_hostile_report_changes_nothing_on_the_terminal():
    shown = []
    page = PageApplication(shown.extend, 75)
    for name in ("plain", "\x1b[31m", "x" * 500):
        page.watch(request(f"/t/dip/websocket?visit={VISIT}&test={name}", *UPGRADE, ("Via", "\x1b[2J\x07")))
    for body in HOSTILE:
        status, _, content = posted(page, body)
        assert status in {200, 400}
        json.loads(content)
    assert all(line.isprintable() for line in shown)
    assert len(shown) < 400


@pytest.mark.parametrize(
    "origin", ["https://x;curl$(id)|sh", "https://user:planted@h", "https://a b", "https://h/`id`", "https://h:99999"]
)
def test_only_an_origin_becomes_part_of_a_command(origin):
    body = json.dumps({"origin": origin, "tests": [{"name": "plain", "outcome": "failed"}]}).encode()
    _, _, content = posted(PageApplication(lambda _: None, 75), body)
    assert origin.partition("://")[2] not in json.loads(content)["message"]


def test_one_response_to_a_handshake_over_http_2():
    client = H2Connection()
    client.initiate_connection()
    common = [(":scheme", "http"), (":authority", "h")]
    client.send_headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), *common, (":path", "/x")])
    client.send_data(1, b"end", end_stream=True)
    client.send_headers(3, [(":method", "GET"), *common, (":path", "/")], end_stream=True)
    codes = {}
    with running_echo() as echo, socket.create_connection(("127.0.0.1", echo.port), timeout=10) as peer:
        peer.sendall(client.data_to_send())
        while set(codes) != {1, 3} and (data := peer.recv(65536)):
            for event in client.receive_data(data):
                if isinstance(event, ResponseReceived):
                    codes[event.stream_id] = dict(event.headers)[b":status"]
    assert codes == {1: b"505", 3: b"200"}


def test_memory_is_bounded():
    page = PageApplication(lambda _: None, 75)
    long = request(f"/t/dip/websocket?visit={VISIT}&test=x", *((name, "y" * 6000) for name, _ in UPGRADE))
    visit = Visit(1, 0)
    for number in range(3 * MAX_ARRIVALS):
        visit.note(f"a{number}", Arrival(long))
    assert len(visit.arrivals) == MAX_ARRIVALS
    tracemalloc.start()
    for number in range(3 * MAX_VISITS):
        page.watch(request(f"/t/x?visit={number:016x}&test=plain", *UPGRADE, ("Cookie", "c" * 4000)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(page.visits) == MAX_VISITS
    assert held < 10 << 20


def test_the_terminal_counts_what_comes_too_fast(monkeypatch):
    shown = []
    page = PageApplication(shown.append, 75)
    body = json.dumps({"origin": "https://dss.example.com", "tests": [{"name": "plain", "outcome": "failed"}]}).encode()
    for number in range(application.MAX_BLOCKS + 5):
        posted(page, body, f"{number:016x}")
    assert len(shown) == application.MAX_BLOCKS
    monkeypatch.setattr(application, "MINUTE", 0)
    posted(page, body, "f" * 16)
    assert shown[-1][0] == "(5 more results came too fast to show)"


class Writer:
    """What the server knows of a connection."""

    aborted = False

    @property
    def transport(self):
        return self

    def abort(self):
        self.aborted = True


def test_one_more_connection_than_allowed_closes_the_oldest(monkeypatch):
    monkeypatch.setattr(echo_server, "MAX_OPEN", 3)
    connections, writers = echo_server.OpenConnections(), [Writer() for _ in range(5)]
    for writer in writers:
        connections.add(writer)
    assert [writer.aborted for writer in writers] == [True, True, False, False, False]
    assert connections.hold(writers[4], echo_server.MAX_HELD)
    assert not connections.hold(writers[3], 1)
    connections.remove(writers[4])
    assert connections.hold(writers[3], 1)


def test_a_visitor_cannot_stop_the_server():
    with running_echo() as echo:
        for data in (
            b"\x00" * 70000,
            b"GET " + b"/" * 70000,
            b"POST /result?visit=%b HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" % VISIT.encode(),
            b"POST /result?visit=%b HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n" % VISIT.encode(),
        ):
            with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                answer = b""
                while more := peer.recv(65536):
                    answer += more
                assert answer.startswith(b"HTTP/1.1 400 ")
        with connect(f"ws://127.0.0.1:{echo.port}/x") as websocket:
            websocket.send("still here")
            assert websocket.recv() == "still here"


def test_messages_that_come_with_a_close_frame_cause_no_error():
    message, closing = b"\x81\x82\0\0\0\0hi", b"\x88\x82\0\0\0\0\x03\xe8"
    with running_echo() as echo, socket.create_connection(("127.0.0.1", echo.port), timeout=10) as peer:
        peer.sendall(handshake("/x", f"localhost:{echo.port}") + message + closing)
        received = b""
        while more := peer.recv(65536):
            received += more
    assert received.partition(b"\r\n\r\n")[2] == b"\x88\x02\x03\xe8"


def test_the_page_shows_a_block_as_it_is(monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "10:42:07")
    monkeypatch.setattr(diagnosis, "SITE", "")
    monkeypatch.setattr("sys.argv", ["websocket-doctor.pyz"])
    visit = Visit(3, time.time())
    failed = [
        {"name": name, "outcome": "failed", "seconds": 0.1} for name in ("plain", "plain-2", "plain-3", "jupyter")
    ]
    report = {"origin": "https://dss.example.com", "path": "/websocket-test/", "protocol": "h2", "tests": failed}
    assert visit.take(json.dumps(report).encode())
    agent = ("User-Agent", "Mozilla/5.0 (Windows NT 10.0) Chrome/150.0 Safari/537.36 Edg/150.0")
    visit.page = request("/websocket-test/", *HOST, agent, ("X-Forwarded-For", "203.0.113.9"))
    added = (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("Cookie", "session=planted-secret"))
    shaken = (("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", "dummy"))
    lost = request("/websocket-test/dip/websocket?visit=1", *HOST, ("Connection", "close"), *shaken, *added)
    for name in ("plain", "jupyter"):
        visit.note(name, Arrival(lost))
    text = "\n".join(block(visit, worded(visit, judge(visit, []))))
    shown = ROOT / "checks" / "echo" / "visitor.txt"
    assert text == shown.read_text(encoding="utf-8").rstrip("\n"), f"write this to {shown}:\n{text}"
    assert "planted-secret" not in text
