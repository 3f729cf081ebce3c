"""What every recipe must survive. Each function is one check; its docstring is the name pages show.

A check takes a running site and raises AssertionError. The order is that of the cost, cheapest first.
"""

import asyncio
import contextlib
import hashlib
import http.client
import ipaddress
import json
import os
import re
import select
import socket
from pathlib import Path

import pytest
from reader import Reader
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed

from checks.lab.process import SCALE

MIB = 1 << 20
ECHO = "/dip/lab-socket"

STUCK = 10 * SCALE
"""Seconds in which nothing has moved, after which nothing will: where a recipe holds, it moves in a tenth of one."""


def page(site):
    """the page of DSS and its health check come through"""
    response, body = Reader(site).request("/")
    assert (response.status, b"Stand-in of DSS" in body) == (200, True)
    response, body = Reader(site).request("/dip/api/ping")
    assert (response.status, body) == (200, b"pong\n")


def redirects_to_https(site):
    """whoever comes over HTTP is sent to the same address on HTTPS"""
    if not site.tls:
        return
    response, _ = Reader(site, insecure=True).request("/projects/%2F?a=b", headers={"Host": "localhost"})
    assert response.status in {301, 308}, f"answered {response.status}, expected a permanent redirect"
    # The port is that of the lab; in production it is 443, which no address names.
    there = response.getheader("Location").replace(f":{site.https}", "")
    assert there == "https://localhost/projects/%2F?a=b"


def other_sites(site):
    """the other sites of the same proxy stay reachable"""
    _, body = Reader(site).request("/dip/api/ping", headers={"Host": f"127.0.0.1:{site.port}"})
    assert body != b"pong\n", "the recipe answers for a name that is not its own"
    if site.tls:
        response, _ = Reader(site, insecure=True).request("/", headers={"Host": "other.example.com"})
        assert not response.getheader("Location"), "the redirect answers for a name that is not its own"


def addresses(site):
    """addresses arrive as the browser sent them: %2F, %3F, %25, %23, %3B, %20, UTF-8, two slashes, dots"""
    for target in (
        "/dip/lab/request/a%2Fb",
        "/dip/lab/request/a%3Fb?c=%2F",
        "/dip/lab/request/a%20b%25c%23d%3Be",
        "/dip/lab/request/%C3%A9t%C3%A9",
        "/dip/lab/request//x%2f..%2fy;z",
    ):
        arrived = _arrived(site, target)["target"]
        # Hexadecimal digits may change their case (RFC 3986, section 6.2.2.1).
        arrived, sent = (re.sub(r"%..", lambda escape: escape.group().upper(), url) for url in (arrived, target))
        assert arrived == sent, f"{sent} arrived as {arrived}"


def host(site):
    """Host arrives as the browser sent it, with its port, and so does Origin"""
    seen = _arrived(site, "/dip/lab/request", Origin=site.origin)["headers"]
    assert (seen["Host"], seen["Origin"]) == (f"localhost:{site.port}", site.origin)


def forwarded_for(site):
    """the reader's own address arrives in X-Forwarded-For"""
    seen = _arrived(site, "/dip/lab/request", **{"X-Forwarded-For": "192.0.2.7"})["headers"]
    # What the reader says himself may stand before it, or not. Of a reader on its own machine, Envoy gives its address.
    last = seen.get("X-Forwarded-For", "").split(",")[-1].strip()
    assert last != "192.0.2.7", "the proxy adds nothing to what the reader says of himself"
    assert ipaddress.ip_address(last)


def forwarded_proto(site):
    """over HTTPS, X-Forwarded-Proto says so"""
    seen = _arrived(site, "/dip/lab/request")["headers"]
    assert not site.tls or seen.get("X-Forwarded-Proto") == "https"


def fresh(site):
    """what one reader is answered is not kept for the next"""
    for reader in ("one", "another"):
        assert _arrived(site, "/dip/lab/request/fresh", **{"X-Reader": reader})["headers"]["X-Reader"] == reader


def http_1_1(site):
    """requests reach DSS as HTTP/1.1"""
    assert _arrived(site, "/dip/lab/request")["headers"]["X-Front-Protocol"] == "HTTP/1.1"


def connection_header(site):
    """ordinary requests do not ask DSS for an upgrade"""
    assert "upgrade" not in _arrived(site, "/dip/lab/request")["headers"]["X-Front-Connection"].lower()


def handshake_headers(site):
    """a handshake reaches DSS with both Upgrade and Connection, as RFC 9110 asks (section 7.8)"""
    with Reader(site).socket(ECHO) as websocket:
        websocket.send("headers")
        seen = dict(json.loads(websocket.recv(timeout=20)))
    options = seen["X-Front-Connection"].lower().strip(";").split(", ")
    assert (seen.get("X-Front-Upgrade", "").lower(), "upgrade" in options) == ("websocket", True)


def redirects(site):
    """a redirect that DSS answers leads back to the address in the browser"""
    response, _ = Reader(site).request("/dip/lab/redirect")
    assert response.getheader("Location") == f"{site.origin}/dip/api/ping"


def cookies(site):
    """7 KB of cookies come through"""
    crumb = "sso=" + "x" * 7000
    assert _arrived(site, "/dip/lab/request", Cookie=crumb)["headers"]["Cookie"] == crumb


def accepted(site):
    """the proxy's own checker accepts the config without a warning"""
    result = site.command(site.recipe.command("check"))
    assert result.returncode == 0, result.stdout
    assert "warn" not in result.stdout.lower(), result.stdout


def notifications(site):
    """the notification socket opens with its subprotocol and answers a ping"""

    async def one():
        address = Reader(site).address("/dip/websocket?sessionId=a")
        options = {"origin": site.origin, "subprotocols": ["xsrf-0", "dummy"], "ssl": site.tls, "proxy": None}
        # Without pings of its own: their answers would bring along what was kept back.
        async with asyncio.timeout(STUCK), connect_async(address, ping_interval=None, **options) as websocket:
            assert websocket.subprotocol == "dummy"
            assert json.loads(await websocket.recv()) == {"type": "hello"}
            await websocket.send('{"type": "ping"}')
            assert json.loads(await websocket.recv()) == {"type": "pong"}

    async def several():
        # What DSS says first may travel with its 101, or not, and a proxy must pass on both.
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(several())


def messages(site):
    """text, binary, fragmented and compressed messages come back as they were sent"""
    for compression in (None, "deflate"):
        with Reader(site).socket(ECHO, compression=compression) as websocket:
            for sent, expected in (
                ("été " * 300, "été " * 300),
                (bytes(range(256)), bytes(range(256))),
                (iter(["one ", "two ", "three"]), "one two three"),
            ):
                websocket.send(sent)
                assert websocket.recv(timeout=20) == expected


def close_codes(site):
    """close codes and reasons come through"""
    for code in (1000, 1011, 4321):
        with Reader(site).socket(ECHO) as websocket:
            websocket.send(f"close {code}")
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(timeout=20)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "as asked")


def large_messages(site):
    """messages of 16 MiB come through both ways"""
    message = os.urandom(16 * MIB)
    with Reader(site).socket(ECHO, compression=None) as websocket:
        websocket.send(message)
        assert websocket.recv(timeout=60) == message


def many_sockets(site):
    """300 sockets are open and answer at once"""

    async def one(number, everyone):
        address = Reader(site).address(ECHO)
        async with connect_async(address, ssl=site.tls, proxy=None, open_timeout=100) as websocket:
            everyone[number].set_result(None)
            await asyncio.gather(*everyone)
            await websocket.send(str(number))
            assert await websocket.recv() == str(number)

    async def run():
        everyone = [asyncio.get_running_loop().create_future() for _ in range(300)]
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(one(number, everyone))
            waiting = everyone
            while waiting:
                opened, waiting = await asyncio.wait(waiting, timeout=STUCK, return_when=asyncio.FIRST_COMPLETED)
                assert opened, f"{300 - len(waiting)} sockets are open, and for {STUCK} s no other has opened"

    asyncio.run(run())


def uploads(site):
    """an upload of 64 MiB arrives whole, without a stop on the proxy's disk"""
    block, kept = os.urandom(MIB), [_kept(site.folder)]

    def body():
        yield from [block] * 63
        kept.append(_kept(site.folder))
        yield block

    response, answer = Reader(site).request("/dip/lab/upload", "POST", body(), {"Content-Length": str(64 * MIB)})
    assert response.status == 200, f"answered {response.status}, expected 200"
    assert json.loads(answer) == {"length": 64 * MIB, "sha256": hashlib.sha256(block * 64).hexdigest()}
    assert kept[1] - kept[0] < 16 * MIB, f"{kept[1] - kept[0]} bytes lay on the proxy's disk before the last were sent"


def downloads(site):
    """a download of 64 MiB arrives whole at a slow reader, without a stop on the proxy's disk"""
    plain = socket.socket(socket.AF_INET)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(100)
    plain.connect(("127.0.0.1", site.port))
    connection = site.tls.wrap_socket(plain, server_hostname="localhost") if site.tls else plain
    with connection:
        request = f"GET /dip/lab/download?blocks=1024 HTTP/1.1\r\nHost: localhost:{site.port}\r\n\r\n"
        connection.sendall(request.encode())
        select.select([connection], [], [], 100)
        Reader(site).request("/dip/api/ping")  # a while in which the proxy has a reader who does not read
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            block = bytes(range(256)) * 256
            assert hashlib.sha256(response.read()).digest() == hashlib.sha256(block * 1024).digest()


def broken_downloads(site):
    """a download that breaks off at DSS is not passed off as complete"""
    with pytest.raises(http.client.IncompleteRead):
        Reader(site).request("/dip/lab/download?blocks=256&breaks-off=1")


def notebook(site):
    """a notebook logs in, starts a kernel and computes 6 * 7"""
    reader = Reader(site)
    reader.log_in()
    path = reader.start_kernel()
    try:
        assert reader.compute(path, "6 * 7") == "42"
    finally:
        reader.stop_kernel(path)


def reloads(site):
    """a reload of the proxy leaves open sockets alone"""
    with Reader(site).socket(ECHO) as websocket:
        result = site.command(site.recipe.command("reload"))
        assert result.returncode == 0, result.stdout
        # Otherwise a busy machine lets the proxy answer before it has noticed the signal.
        site.process.wait_until(lambda: not _has_pending_signals(site.process.pid))
        page = Reader(site)
        page.timeout = 10

        def answered():
            with contextlib.suppress(ConnectionError):  # Squid closes its ports for a moment
                return page.request("/dip/api/ping")

        site.process.wait_until(answered)
        websocket.send("still here")
        assert websocket.recv(timeout=20) == "still here"


def _has_pending_signals(pid):
    """Tell whether a process has been sent a signal that it has not handled yet (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status")
    masks = re.findall(r"(?m)^(?:SigPnd|ShdPnd):\s*(\w+)", status.read_text()) if status.exists() else []
    return any(int(mask, 16) for mask in masks)


def _kept(folder):
    """Return how many bytes are in the proxy's folder; files may come and go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _arrived(site, target, **headers):
    """Return what reached DSS when a browser asks for `target`."""
    response, body = Reader(site).request(target, headers=headers)
    assert response.status == 200, f"{target} answered {response.status}, expected 200"
    seen = json.loads(body)
    seen["headers"] = {name.title(): value for name, value in seen["headers"]}
    return seen


SILENCE = 75
"""Seconds: longer than the 60 s after which most proxies give up by themselves."""

STAYS = f"a socket on which nothing is said for {SILENCE} s stays open"
ANSWERS = f"a query that takes {SILENCE} s is answered"
ARRIVES = f"an upload that takes {SILENCE} s arrives"

CHECKS = {
    name: check
    for name, check in list(globals().items())
    if callable(check) and getattr(check, "__module__", "") == __name__ and not name.startswith("_")
}


def survive(check, site):
    """Run one check; the proxy's log must stay as it was."""
    before = len(site.log())
    try:
        check(site)
    except pytest.fail.Exception as error:  # of pytest.raises; it is no Exception, so that nobody catches it by mistake
        raise AssertionError(str(error)) from error
    fresh = site.log()[before:]
    assert not fresh, f"expected a clean log of {site.build}, it says:\n{fresh}"
