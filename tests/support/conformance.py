"""The conformance checks, which every recipe must pass.

Each function is one check, and its docstring is the name that pages show. A check takes a running site and raises
AssertionError. The cheapest checks come first.
"""

import asyncio
import contextlib
import functools
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
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed

from checks.lab.process import SCALE
from support.reader import Reader

MIB = 1 << 20
ECHO = "/dip/lab-socket"

STUCK = 30 * SCALE
"""Seconds without progress after which a check fails.

With a recipe that works, there is progress in every tenth of a second.
"""


def page(site):
    """the DSS page and its health check load"""
    response, body = Reader(site).request("/")
    assert (response.status, b"Stand-in for DSS" in body) == (200, True)
    response, body = Reader(site).request("/dip/api/ping")
    assert (response.status, body) == (200, b"pong\n")


def redirects_to_https(site):
    """a request over HTTP is redirected to the same URL over HTTPS"""
    if not site.tls:
        return
    response, _ = Reader(site, insecure=True).request("/projects/%2F?a=b", headers={"Host": "localhost"})
    assert response.status in {301, 308}, f"got {response.status}, expected a permanent redirect"
    # The port is that of the lab. In production it is 443, which URLs omit.
    there = response.getheader("Location").replace(f":{site.https}", "")
    assert there == "https://localhost/projects/%2F?a=b"


def other_sites(site):
    """other sites on the same proxy stay reachable"""
    _, body = Reader(site).request("/dip/api/ping", headers={"Host": f"127.0.0.1:{site.port}"})
    assert body != b"pong\n", "the recipe serves a host name that is not its own"
    if site.tls:
        response, _ = Reader(site, insecure=True).request("/", headers={"Host": "other.example.com"})
        assert not response.getheader("Location"), "the recipe redirects a host name that is not its own"


def addresses(site):
    """URLs reach DSS unchanged: %2F, %3F, %25, %23, %3B, %20, UTF-8, //, and dots"""
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
    """Host, with its port, and Origin reach DSS as the browser sent them"""
    seen = _arrived(site, "/dip/lab/request", Origin=site.origin)["headers"]
    assert (seen["Host"], seen["Origin"]) == (f"localhost:{site.port}", site.origin)


def forwarded_for(site):
    """X-Forwarded-For contains the IP address of the client"""
    seen = _arrived(site, "/dip/lab/request", **{"X-Forwarded-For": "192.0.2.7"})["headers"]
    # The value that the client sent may come first. For a client on its own machine, Envoy adds its own IP address.
    last = seen.get("X-Forwarded-For", "").split(",")[-1].strip()
    assert last != "192.0.2.7", "the proxy adds nothing to the value that the client sent"
    assert ipaddress.ip_address(last)


def forwarded_proto(site):
    """over HTTPS, X-Forwarded-Proto is https"""
    seen = _arrived(site, "/dip/lab/request")["headers"]
    assert not site.tls or seen.get("X-Forwarded-Proto") == "https"


def fresh(site):
    """a response to one user is not cached for the next"""
    for reader in ("one", "another"):
        assert _arrived(site, "/dip/lab/request/fresh", **{"X-Reader": reader})["headers"]["X-Reader"] == reader


def http_1_1(site):
    """requests reach DSS over HTTP/1.1"""
    assert _arrived(site, "/dip/lab/request")["headers"]["X-Front-Protocol"] == "HTTP/1.1"


def connection_header(site):
    """ordinary requests do not request an upgrade from DSS"""
    assert "upgrade" not in _arrived(site, "/dip/lab/request")["headers"]["X-Front-Connection"].lower()


def handshake_headers(site):
    """a handshake reaches DSS with Upgrade and Connection (RFC 9110, section 7.8)"""
    with Reader(site).socket(ECHO) as websocket:
        websocket.send("headers")
        seen = dict(json.loads(websocket.recv(timeout=20)))
    options = seen["X-Front-Connection"].lower().strip(";").split(", ")
    assert (seen.get("X-Front-Upgrade", "").lower(), "upgrade" in options) == ("websocket", True)


def redirects(site):
    """a redirect from DSS leads to the scheme, host, and port in the browser"""
    response, _ = Reader(site).request("/dip/lab/redirect")
    assert response.getheader("Location") == f"{site.origin}/dip/api/ping"


def cookies(site):
    """7 KB of cookies reach DSS"""
    crumb = "sso=" + "x" * 7000
    assert _arrived(site, "/dip/lab/request", Cookie=crumb)["headers"]["Cookie"] == crumb


def accepted(site):
    """the proxy's own checker accepts the config without a warning"""
    result = site.command(site.recipe.command("check"))
    assert result.returncode == 0, result.stdout
    assert "warn" not in result.stdout.lower(), result.stdout


def notifications(site):
    """the notification WebSocket opens with its subprotocol and responds to a ping"""

    async def one():
        address = Reader(site).address("/dip/websocket?sessionId=a")
        options = {"origin": site.origin, "subprotocols": ["xsrf-0", "dummy"], "ssl": site.tls, "proxy": None}
        # Without pings from the client, because their pongs would flush what the proxy buffers.
        async with asyncio.timeout(STUCK), connect_async(address, ping_interval=None, **options) as websocket:
            assert websocket.subprotocol == "dummy"
            assert json.loads(await websocket.recv()) == {"type": "hello"}
            await websocket.send('{"type": "ping"}')
            assert json.loads(await websocket.recv()) == {"type": "pong"}

    async def several():
        # The first message may arrive with the 101 or after it, and a proxy must forward both.
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(several())


def messages(site):
    """text, binary, fragmented, and compressed messages come back unchanged"""
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
    """close codes and reasons reach the client"""
    for code in (1000, 1011, 4321):
        with Reader(site).socket(ECHO) as websocket:
            websocket.send(f"close {code}")
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(timeout=20)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "as asked")


def large_messages(site):
    """messages of 16 MiB arrive in both directions"""
    message = os.urandom(16 * MIB)
    with Reader(site).socket(ECHO, compression=None) as websocket:
        websocket.send(message)
        assert websocket.recv(timeout=60) == message


def many_sockets(site):
    """300 WebSocket connections are open and respond at the same time"""

    async def one(number, opened, all_open):
        address = Reader(site).address(ECHO)
        options = {"ssl": site.tls, "proxy": None, "open_timeout": 100, "compression": None}
        async with connect_async(address, **options) as websocket:
            opened.release()
            await all_open.wait()
            await websocket.send(str(number))
            assert await websocket.recv() == str(number)

    async def run():
        opened, all_open = asyncio.Semaphore(0), asyncio.Event()
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(one(number, opened, all_open))
            for number in range(300):
                try:
                    await asyncio.wait_for(opened.acquire(), STUCK)
                except TimeoutError:
                    raise AssertionError(f"{number} are open, and no other opened for {STUCK} s") from None
            all_open.set()

    asyncio.run(run())


def uploads(site):
    """an upload of 64 MiB arrives complete, without a copy on the proxy's disk"""
    block, kept = os.urandom(MIB), [_kept(site.folder)]

    def body():
        yield from [block] * 63
        kept.append(_kept(site.folder))
        yield block

    response, answer = Reader(site).request("/dip/lab/upload", "POST", body(), {"Content-Length": str(64 * MIB)})
    assert response.status == 200, f"got {response.status}, expected 200"
    assert json.loads(answer) == {"length": 64 * MIB, "sha256": hashlib.sha256(block * 64).hexdigest()}
    assert kept[1] - kept[0] < 16 * MIB, f"the proxy stored {kept[1] - kept[0]} bytes before the upload was complete"


def downloads(site):
    """a download of 64 MiB arrives complete, with a slow client and no copy on disk"""
    plain = socket.socket(socket.AF_INET)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(100)
    plain.connect(("127.0.0.1", site.port))
    connection = site.tls.wrap_socket(plain, server_hostname="localhost") if site.tls else plain
    with connection:
        request = f"GET /dip/lab/download?blocks=1024 HTTP/1.1\r\nHost: localhost:{site.port}\r\n\r\n"
        connection.sendall(request.encode())
        select.select([connection], [], [], 100)
        Reader(site).request("/dip/api/ping")  # meanwhile, the client does not read the download
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            assert hashlib.sha256(response.read()).digest() == _digest_of_download()


@functools.cache
def _digest_of_download():
    return hashlib.sha256(bytes(range(256)) * 256 * 1024).digest()


def broken_downloads(site):
    """a download that breaks off at DSS does not look complete"""
    with pytest.raises(http.client.IncompleteRead):
        Reader(site).request("/dip/lab/download?blocks=256&breaks-off=1")


def notebook(site):
    """a notebook signs in, starts a kernel, and computes 6 * 7"""
    reader = Reader(site)
    reader.log_in()
    path = reader.start_kernel()
    try:
        assert reader.compute(path, "6 * 7") == "42"
    finally:
        reader.stop_kernel(path)


def reloads(site):
    """a reload of the proxy does not close open WebSocket connections"""
    with Reader(site).socket(ECHO) as websocket:
        result = site.command(site.recipe.command("reload"))
        assert result.returncode == 0, result.stdout
        # Otherwise, on a busy machine, the proxy may respond before it handles the signal.
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
    """Return whether a signal is pending for a process (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status")
    masks = re.findall(r"(?m)^(?:SigPnd|ShdPnd):\s*(\w+)", status.read_text()) if status.exists() else []
    return any(int(mask, 16) for mask in masks)


def _kept(folder):
    """Return the size of the proxy's folder in bytes, ignoring files that disappear."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _arrived(site, target, **headers):
    """Return the request that reached DSS for `target`."""
    response, body = Reader(site).request(target, headers=headers)
    assert response.status == 200, f"{target}: got {response.status}, expected 200"
    seen = json.loads(body)
    seen["headers"] = {name.title(): value for name, value in seen["headers"]}
    return seen


SILENCE = 75
"""Seconds, longer than the default timeout of most proxies, 60 s."""

STAYS = f"a WebSocket that is idle for {SILENCE} s stays open"
ANSWERS = f"a query that takes {SILENCE} s gets its response"
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
    except pytest.fail.Exception as error:  # raised by pytest.raises, and not a subclass of Exception
        raise AssertionError(str(error)) from error
    fresh = site.log()[before:]
    assert not fresh, f"expected no new lines in the log of {site.build}, got:\n{fresh}"
