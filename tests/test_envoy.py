"""What the page of Envoy claims: upgrades refused, which limit ends a socket, a restart, HTTP/2."""

import os
import signal

import pytest
from machine import RECIPES, for_each_build
from reader import Reader
from survival import ECHO
from websockets.exceptions import ConnectionClosed

from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy

ENVOY = RECIPES["envoy"]
EVERY_BUILD = for_each_build("envoy")


@pytest.mark.proves("envoy-refuses-upgrades-by-itself")
@EVERY_BUILD
def test_without_being_told_envoy_answers_a_handshake_with_an_empty_403(build, dss):
    with proxy(ENVOY, build, ENVOY.twin("upgrade-denied"), dss) as site:
        answer = Reader(site).refused(ECHO)
    assert (answer.status_code, answer.body, answer.headers["server"]) == (403, b"", "envoy")


@pytest.mark.proves("envoy-route-timeout-does-not-end-sockets")
@EVERY_BUILD
def test_a_socket_outlives_the_timeout_of_its_route(build, dss):
    config = ENVOY.config(https=False)
    text = config.read_text()
    assert "timeout: 3600s }" in text
    impatient = {config: text.replace("timeout: 3600s }", "timeout: 1s }")}
    with proxy(ENVOY, build, config, dss, changed=impatient) as site, Reader(site).socket(ECHO) as socket:
        # The limit of the route ends a query meanwhile, and not the silent socket, which is older.
        assert Reader(site).request("/dip/lab/slow?seconds=3")[0].status == 504
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"


@pytest.mark.proves("envoy-ends-sockets-when-it-stops")
@EVERY_BUILD
def test_a_stop_ends_open_sockets_without_a_close_frame(build, dss):
    with proxy(ENVOY, build, ENVOY.config(https=False), dss) as site, Reader(site).socket(ECHO) as socket:
        os.kill(site.process.pid, signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, "expected no close frame"


HTTP_2 = {"common_tls_context:\n": "common_tls_context:\n            alpn_protocols: [h2, http/1.1]\n"}
CONNECT = {"stat_prefix: dss\n": "stat_prefix: dss\n          http2_protocol_options: { allow_connect: true }\n"}


def seen_over_http_2(build, dss, changes):
    """Return how the notifications end in a browser that came over HTTP/2, and what its console says of sockets."""
    config = ENVOY.config(https=True)
    text = config.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    with proxy(ENVOY, build, config, dss, changed={config: text}) as site, launch() as browser:
        page, lines = browser.new_page(ignore_https_errors=True), []
        page.on("console", lambda message: lines.append(message.text))
        page.goto(f"{site.origin}/")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        page.wait_for_function("document.body.dataset.state")
        state = page.evaluate("document.body.dataset.state")
    return state, [line.split("failed: ")[1].rstrip(": ") for line in lines if "WebSocket connection to" in line]


@pytest.mark.proves("envoy-carries-sockets-of-browsers-with-http-2")
@EVERY_BUILD
def test_where_pages_come_over_http_2_sockets_open(build, dss, record_property):
    record_property("on", chromium_version())
    assert seen_over_http_2(build, dss, HTTP_2) == ("live", [])


@pytest.mark.proves("envoy-allow-connect-breaks-sockets-of-browsers")
@EVERY_BUILD
def test_with_allow_connect_no_socket_opens_in_a_browser_that_came_over_http_2(build, dss, record_property):
    record_property("on", chromium_version())
    refused = "Error during WebSocket handshake: Unexpected response code: 400"
    assert seen_over_http_2(build, dss, HTTP_2 | CONNECT) == ("failed", [refused])
