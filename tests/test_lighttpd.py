"""What the page of lighttpd claims: limits, reloads, HTTP/2, redirects, and what Debian's own settings do."""

import os
import signal

import pytest
from machine import RECIPES, for_each_build
from reader import Reader
from survival import ECHO
from websockets.exceptions import ConnectionClosed

from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy

LIGHTTPD = RECIPES["lighttpd"]
EVERY_BUILD = for_each_build("lighttpd")
HOST = '$HTTP["host"] == "dss.example.com" {\n'
# A notebook that computes for 10 s and says so all the time: the sleep is its work.
TALKS = "import time\nfor number in range(20): print(number, flush=True); time.sleep(0.5)\n42"


def changed(build, dss, old, new, *, https=False):
    """Run the recipe with one place of it changed."""
    config = LIGHTTPD.config(https=https)
    text = config.read_text()
    assert text.count(old) == 1
    return proxy(LIGHTTPD, build, config, dss, changed={config: text.replace(old, new)})


def recipe(build, dss, *, https=False):
    return proxy(LIGHTTPD, build, LIGHTTPD.config(https=https), dss)


@pytest.mark.proves("lighttpd-counts-only-what-the-reader-sends")
@EVERY_BUILD
def test_a_socket_on_which_only_the_kernel_talks_ends_at_the_limit(build, dss):
    with changed(build, dss, "max-read-idle = 3600", "max-read-idle = 3") as site:
        reader = Reader(site)
        reader.log_in()
        path = reader.start_kernel()
        try:
            with pytest.raises(ConnectionClosed) as closed:
                reader.compute(path, TALKS)
        finally:
            reader.stop_kernel(path)
    assert closed.value.rcvd is None, "expected no close frame"


@pytest.mark.proves("lighttpd-max-write-idle-ends-silent-sockets-too")
@EVERY_BUILD
def test_a_silent_socket_ends_at_the_limit_for_writing_too(build, dss):
    with (
        changed(build, dss, "max-read-idle = 3600", "max-read-idle = 3600\n    server.max-write-idle = 3") as site,
        Reader(site).socket(ECHO) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(timeout=20)
    assert closed.value.rcvd is None, "expected no close frame"


@pytest.mark.proves("lighttpd-a-reload-ends-sockets")
@EVERY_BUILD
def test_a_reload_ends_open_sockets_without_a_close_frame(build, dss):
    with recipe(build, dss) as site, Reader(site).socket(ECHO) as socket:
        socket.send("open")
        assert socket.recv(timeout=20) == "open"
        site.command(LIGHTTPD.command("reload"))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, "expected no close frame"


@pytest.mark.proves("lighttpd-1-4-69-waits-for-sockets-before-it-loads")
@for_each_build("lighttpd", before="1.4.79")
def test_a_reload_waits_for_a_socket_whose_reader_does_not_answer_and_answers_nobody(build, dss):
    # This socket does nothing while we wait, as that of a machine that sleeps.
    with recipe(build, dss) as site, Reader(site).socket(ECHO):
        site.command(LIGHTTPD.command("reload"))
        site.process.wait_until(lambda: "graceful shutdown" in (site.folder / "proxy.log").read_text())
        reader = Reader(site)
        reader.timeout = 10  # twice the time that Debian gives to a reload
        with pytest.raises(TimeoutError):
            reader.request("/dip/api/ping")


@pytest.mark.proves("lighttpd-stops-at-once")
@EVERY_BUILD
def test_a_stop_does_not_wait_for_that_socket(build, dss):
    with recipe(build, dss) as site, Reader(site).socket(ECHO):
        os.kill(site.process.pid, signal.SIGTERM)
        site.process.wait_until(lambda: "server stopped" in (site.folder / "proxy.log").read_text(), seconds=5)


@pytest.mark.proves("lighttpd-answers-405-over-http-2")
@EVERY_BUILD
def test_without_upgrade_a_browser_that_came_over_http_2_is_answered_405(build, dss, record_property):
    record_property("on", chromium_version())
    with changed(build, dss, '"upgrade" => "enable",', "", https=True) as site, launch() as browser:
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"{site.origin}/dip/api/ping")
        with page.expect_console_message(lambda message: "WebSocket connection to" in message.text) as line:
            page.evaluate("path => { new WebSocket(location.origin.replace('http', 'ws') + path) }", ECHO)
        # RFC 8441 came with 1.4.65; before that a browser falls back to HTTP/1.1 for its sockets.
        assert line.value.text.rstrip(": ").endswith("405" if build.release >= (1, 4, 65) else "426")


@pytest.mark.proves("lighttpd-carries-sockets-over-http-2")
@EVERY_BUILD
def test_notifications_and_a_notebook_work_in_a_browser_that_came_over_http_2(build, dss, record_property):
    record_property("on", chromium_version())
    with recipe(build, dss, https=True) as site, launch() as browser:
        page = browser.new_page(ignore_https_errors=True)
        for path, state in (("/", "live"), (f"/notebook#{dss.token}", "done")):
            page.goto(site.origin + path)
            assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
            page.wait_for_function("document.body.dataset.state")
            assert page.evaluate("document.body.dataset.state") == state


@pytest.mark.proves("lighttpd-refuses-9-kb-of-headers")
@EVERY_BUILD
def test_by_itself_lighttpd_refuses_9_kb_of_headers(build, dss):
    with recipe(build, dss) as site:
        response, _ = Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * 9000})
        assert response.status == 431
    raised = f"server.max-request-field-size = 32768\n\n{HOST}"
    with changed(build, dss, HOST, raised) as site:
        response, _ = Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * 9000})
        assert response.status == 200


@pytest.mark.proves("lighttpd-1-4-69-wants-a-name-for-redirects")
@EVERY_BUILD
def test_with_the_name_in_place_of_the_dash_every_version_stays_on_https(build, dss):
    # As it is on port 443, which Host does not name.
    where = {"Host": "localhost"}
    with recipe(build, dss, https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect", headers=where)
        scheme = "https" if build.release >= (1, 4, 79) else "http"
        assert response.getheader("Location") == f"{scheme}://localhost/dip/api/ping"
    with changed(build, dss, '"-" => "-"', '"dss.example.com" => "-"', https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect", headers=where)
        assert response.getheader("Location") == "https://localhost/dip/api/ping"


@pytest.mark.proves("lighttpd-of-debian-refuses-inc-and-tilde")
@EVERY_BUILD
def test_debian_s_lighttpd_refuses_names_that_end_in_inc_or_a_tilde(build, dss):
    with recipe(build, dss) as site:
        assert [Reader(site).request(f"/dip/lab/request/a{end}")[0].status for end in (".inc", "~")] == [403, 403]
    with changed(build, dss, HOST, f"{HOST}    url.access-deny = ()\n") as site:
        assert [Reader(site).request(f"/dip/lab/request/a{end}")[0].status for end in (".inc", "~")] == [200, 200]


@pytest.mark.proves("lighttpd-of-debian-changes-addresses")
@EVERY_BUILD
def test_with_the_options_of_debian_a_slash_in_a_name_is_decoded(build, dss):
    options = 'server.http-parseopts := ( "url-normalize" => "disable" )\n'
    with changed(build, dss, options, "") as site:
        _, body = Reader(site).request("/dip/lab/request/a%2Fb")
    assert b'"target": "/dip/lab/request/a/b"' in body
