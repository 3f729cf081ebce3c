"""What the page of Envoy claims: upgrades refused, and which limit ends a socket."""

import time

import pytest
from conftest import BUILDS, RECIPES
from reader import Reader
from survival import ECHO
from websockets.exceptions import InvalidStatus

from checks.lab.proxy import proxy

ENVOY = RECIPES["envoy"]
EVERY_BUILD = pytest.mark.parametrize("build", BUILDS["envoy"], ids=str)


@pytest.mark.proves("envoy-refuses-upgrades-by-itself")
@EVERY_BUILD
def test_without_being_told_envoy_answers_a_handshake_with_an_empty_403(build, dss):
    with (
        proxy(ENVOY, build, ENVOY.twin("upgrade-denied"), dss) as site,
        pytest.raises(InvalidStatus) as refused,
        Reader(site).socket(ECHO),
    ):
        pass
    answer = refused.value.response
    assert (answer.status_code, answer.body, answer.headers["server"]) == (403, b"", "envoy")


@pytest.mark.proves("envoy-route-timeout-does-not-end-sockets")
@EVERY_BUILD
def test_a_socket_outlives_the_timeout_of_its_route(build, dss):
    config = ENVOY.config(https=False)
    text = config.read_text()
    assert "timeout: 3600s }" in text
    impatient = {config: text.replace("timeout: 3600s }", "timeout: 1s }")}
    with proxy(ENVOY, build, config, dss, changed=impatient) as site, Reader(site).socket(ECHO) as socket:
        began = time.monotonic()
        response, _ = Reader(site).request("/dip/lab/slow?seconds=3")  # while a query is ended, the socket is silent
        assert (response.status, time.monotonic() - began > 1) == (504, True)
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"
