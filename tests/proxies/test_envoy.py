"""What the page of Envoy claims about upgrades, timeouts, restarts and HTTP/2."""

import os
import signal

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.pages import handshake_errors, state_of
from support.reader import Reader
from websockets.exceptions import ConnectionClosed

from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy

ENVOY = RECIPES["envoy"]
EVERY_BUILD = for_each_build("envoy")


@pytest.mark.proves("envoy-refuses-upgrades-by-itself")
@EVERY_BUILD
def test_by_default_envoy_rejects_a_handshake_with_an_empty_403(build, dss):
    """By default, Envoy rejects a handshake with an empty 403."""
    with proxy(ENVOY, build, ENVOY.variant("upgrade-denied"), dss) as site:
        response = Reader(site).rejection(ECHO)
    assert response.status_code == 403
    assert response.body == b""
    assert response.headers["server"] == "envoy"


@pytest.mark.proves("envoy-route-timeout-does-not-end-sockets")
@EVERY_BUILD
def test_a_websocket_outlives_the_timeout_of_its_route(build, dss):
    """In Envoy, a WebSocket outlives the timeout of its route."""
    config = ENVOY.config(https=False)
    text = config.read_text()
    assert "timeout: 3600s }" in text
    short = {config: text.replace("timeout: 3600s }", "timeout: 1s }")}
    with proxy(ENVOY, build, config, dss, changed=short) as site, Reader(site).socket(ECHO) as socket:
        # The timeout ends a slow request that began after the idle WebSocket was open.
        assert Reader(site).request("/dip/lab/slow?seconds=3")[0].status == 504
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"


@pytest.mark.proves("envoy-ends-sockets-when-it-stops")
@EVERY_BUILD
def test_a_stop_ends_websockets_without_a_close_frame(build, dss):
    """If Envoy stops, its WebSocket connections end without a close frame."""
    with proxy(ENVOY, build, ENVOY.config(https=False), dss) as site, Reader(site).socket(ECHO) as socket:
        os.kill(site.process.pid, signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"


HTTP_2 = {"common_tls_context:\n": "common_tls_context:\n            alpn_protocols: [h2, http/1.1]\n"}
CONNECT = {"stat_prefix: dss\n": "stat_prefix: dss\n          http2_protocol_options: { allow_connect: true }\n"}


def open_over_http_2(build, dss, changes):
    """Open a page over HTTP/2; return its state and why its handshakes failed."""
    config = ENVOY.config(https=True)
    text = config.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"expected {old!r} once in {config.name}, found it {text.count(old)} times"
        text = text.replace(old, new)
    with proxy(ENVOY, build, config, dss, changed={config: text}) as site, launch() as browser:
        page, console = browser.new_page(ignore_https_errors=True), []
        page.on("console", lambda message: console.append(message.text))
        state = state_of(page, f"{site.origin}/")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    return state, handshake_errors(console)


@pytest.mark.proves("envoy-carries-sockets-of-browsers-with-http-2")
@EVERY_BUILD
def test_websockets_open_where_pages_use_http_2(build, dss, record_property):
    """Behind Envoy, WebSocket opens where pages use HTTP/2."""
    record_property("on", chromium_version())
    state, errors = open_over_http_2(build, dss, HTTP_2)
    assert state == "live"
    assert errors == []


@pytest.mark.proves("envoy-allow-connect-breaks-sockets-of-browsers")
@EVERY_BUILD
def test_allow_connect_breaks_websockets_where_pages_use_http_2(build, dss, record_property):
    """In Envoy, `allow_connect` breaks WebSocket where pages use HTTP/2."""
    record_property("on", chromium_version())
    state, errors = open_over_http_2(build, dss, HTTP_2 | CONNECT)
    assert state == "failed"
    assert errors == ["Error during WebSocket handshake: Unexpected response code: 400"]
