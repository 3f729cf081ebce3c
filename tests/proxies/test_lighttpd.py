"""What the page of lighttpd claims about limits, reloads, HTTP/2 and Debian."""

import os
import signal

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.pages import state_of
from support.reader import Reader
from websockets.exceptions import ConnectionClosed

from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy

LIGHTTPD = RECIPES["lighttpd"]
EVERY_BUILD = for_each_build("lighttpd")
HOST = '$HTTP["host"] == "dss.example.com" {\n'
COMPUTE_AND_PRINT = "import time\nfor number in range(20): print(number, flush=True); time.sleep(0.5)\n42"
"""Code for a kernel. The pauses make it print for 10 s, so that it still runs when lighttpd ends the WebSocket."""


def changed(build, dss, old, new, *, https=False):
    """Run the recipe with one place in it replaced."""
    config = LIGHTTPD.config(https=https)
    text = config.read_text()
    assert text.count(old) == 1, f"expected {old!r} once in {config.name}, found it {text.count(old)} times"
    return proxy(LIGHTTPD, build, config, dss, changed={config: text.replace(old, new)})


def recipe(build, dss, *, https=False):
    return proxy(LIGHTTPD, build, LIGHTTPD.config(https=https), dss)


@pytest.mark.proves("lighttpd-counts-only-what-the-reader-sends")
@EVERY_BUILD
def test_max_read_idle_counts_only_data_from_the_browser(build, dss):
    """`server.max-read-idle` counts only data from the browser."""
    with changed(build, dss, "max-read-idle = 3600", "max-read-idle = 3") as site:
        reader = Reader(site)
        reader.log_in()
        path = reader.start_kernel()
        try:
            with pytest.raises(ConnectionClosed) as closed:
                reader.compute(path, COMPUTE_AND_PRINT)
        finally:
            reader.stop_kernel(path)
    assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"


@pytest.mark.proves("lighttpd-max-write-idle-ends-silent-sockets-too")
@EVERY_BUILD
def test_max_write_idle_ends_an_idle_websocket_too(build, dss):
    """`server.max-write-idle` ends an idle WebSocket too."""
    with (
        changed(build, dss, "max-read-idle = 3600", "max-read-idle = 3600\n    server.max-write-idle = 3") as site,
        Reader(site).socket(ECHO) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(timeout=20)
    assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"


@pytest.mark.proves("lighttpd-a-reload-ends-sockets")
@EVERY_BUILD
def test_a_reload_ends_websockets_without_a_close_frame(build, dss):
    """A reload of lighttpd ends WebSocket without a close frame."""
    with recipe(build, dss) as site, Reader(site).socket(ECHO) as socket:
        socket.send("open")
        assert socket.recv(timeout=20) == "open"
        site.command(LIGHTTPD.command("reload"))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"


@pytest.mark.proves("lighttpd-1-4-69-waits-for-sockets-before-it-loads")
@for_each_build("lighttpd", before="1.4.79")
def test_a_reload_waits_for_a_stuck_websocket_and_serves_nobody(build, dss):
    """A reload of lighttpd waits for a stuck WebSocket, and serves no request."""
    # This WebSocket ignores everything, like that of a computer that sleeps.
    with recipe(build, dss) as site, Reader(site).socket(ECHO):
        site.command(LIGHTTPD.command("reload"))
        site.process.wait_until(lambda: "graceful shutdown" in (site.folder / "proxy.log").read_text())
        reader = Reader(site)
        reader.timeout = 10  # twice as long as Debian waits for a reload
        with pytest.raises(TimeoutError):
            reader.request("/dip/api/ping")


@pytest.mark.proves("lighttpd-stops-at-once")
@EVERY_BUILD
def test_a_stop_does_not_wait_for_a_stuck_websocket(build, dss):
    """A stop of lighttpd does not wait for a stuck WebSocket."""
    with recipe(build, dss) as site, Reader(site).socket(ECHO):
        os.kill(site.process.pid, signal.SIGTERM)
        site.process.wait_until(lambda: "server stopped" in (site.folder / "proxy.log").read_text(), seconds=5)


@pytest.mark.proves("lighttpd-answers-405-over-http-2")
@EVERY_BUILD
def test_without_upgrade_a_websocket_over_http_2_gets_405(build, dss, record_property):
    """In lighttpd without `upgrade`, a WebSocket over HTTP/2 gets 405."""
    record_property("on", chromium_version())
    with changed(build, dss, '"upgrade" => "enable",', "", https=True) as site, launch() as browser:
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"{site.origin}/dip/api/ping")
        with page.expect_console_message(lambda message: "WebSocket connection to" in message.text) as line:
            page.evaluate("path => { new WebSocket(location.origin.replace('http', 'ws') + path) }", ECHO)
        # lighttpd supports RFC 8441 since 1.4.65. Before that, a browser opens WebSockets over HTTP/1.1.
        assert line.value.text.rstrip(": ").endswith("405" if build.release >= (1, 4, 65) else "426")


@pytest.mark.proves("lighttpd-carries-sockets-over-http-2")
@EVERY_BUILD
def test_notifications_and_a_notebook_work_over_http_2(build, dss, record_property):
    """Behind lighttpd, notifications and a notebook work over HTTP/2."""
    record_property("on", chromium_version())
    with recipe(build, dss, https=True) as site, launch() as browser:
        page = browser.new_page(ignore_https_errors=True)
        for path, state in (("/", "live"), (f"/notebook#{dss.token}", "done")):
            assert state_of(page, site.origin + path) == state
            assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"


@pytest.mark.proves("lighttpd-refuses-9-kb-of-headers")
@EVERY_BUILD
def test_by_default_9_kb_of_headers_get_431(build, dss):
    """By default, lighttpd rejects 9 KB of headers with 431."""
    with recipe(build, dss) as site:
        response, _ = Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * 9000})
        assert response.status == 431
    raised = f"server.max-request-field-size = 32768\n\n{HOST}"
    with changed(build, dss, HOST, raised) as site:
        response, _ = Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * 9000})
        assert response.status == 200


@pytest.mark.proves("lighttpd-1-4-69-wants-a-name-for-redirects")
@EVERY_BUILD
def test_redirects_stay_on_https_with_a_name_for_the_dash(build, dss):
    """With a name in place of `-`, lighttpd keeps redirects on HTTPS."""
    # On port 443, browsers send a Host without the port.
    host = {"Host": "localhost"}
    with recipe(build, dss, https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect", headers=host)
        scheme = "https" if build.release >= (1, 4, 79) else "http"
        assert response.getheader("Location") == f"{scheme}://localhost/dip/api/ping"
    with changed(build, dss, '"-" => "-"', '"dss.example.com" => "-"', https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect", headers=host)
        assert response.getheader("Location") == "https://localhost/dip/api/ping"


@pytest.mark.proves("lighttpd-of-debian-refuses-inc-and-tilde")
@EVERY_BUILD
def test_on_debian_names_ending_in_inc_or_tilde_get_403(build, dss):
    """On Debian, lighttpd answers 403 for names that end in .inc or ~."""
    with recipe(build, dss) as site:
        assert statuses(site) == {"a.inc": 403, "a~": 403}
    with changed(build, dss, HOST, f"{HOST}    url.access-deny = ()\n") as site:
        assert statuses(site) == {"a.inc": 200, "a~": 200}


def statuses(site):
    """Return the status code for each name that the settings of Debian deny."""
    return {name: Reader(site).request(f"/dip/lab/request/{name}")[0].status for name in ("a.inc", "a~")}


@pytest.mark.proves("lighttpd-of-debian-changes-addresses")
@EVERY_BUILD
def test_with_the_options_of_debian_an_encoded_slash_is_decoded(build, dss):
    """With Debian's options, lighttpd decodes an encoded slash."""
    options = 'server.http-parseopts := ( "url-normalize" => "disable" )\n'
    with changed(build, dss, options, "") as site:
        _, body = Reader(site).request("/dip/lab/request/a%2Fb")
    assert b'"target": "/dip/lab/request/a/b"' in body
