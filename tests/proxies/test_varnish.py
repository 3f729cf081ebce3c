"""What the page of Varnish claims about WebSocket."""

import http.client

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.reader import Reader

from checks.lab.process import LabError
from checks.lab.proxy import proxy

VARNISH = RECIPES["varnish"]
EVERY_BUILD = for_each_build("varnish")


@pytest.mark.proves("varnish-pass-does-not-carry-sockets")
@EVERY_BUILD
def test_without_a_pipe_no_websocket_opens(build, dss):
    """In Varnish without `pipe`, no WebSocket opens."""
    config = VARNISH.config(https=False)
    text = config.read_text().replace("return (pipe);", "return (pass);")
    with proxy(VARNISH, build, config, dss, changed={config: text}) as site:
        assert Reader(site).rejection(ECHO).status_code == 426


@pytest.mark.proves("varnish-says-nothing-when-dss-is-down")
@EVERY_BUILD
def test_a_handshake_gets_no_response_when_dss_is_down(build, dss):
    """If DSS is down, a handshake gets no response from Varnish."""
    with proxy(VARNISH, build, VARNISH.variant("backend-down"), dss) as site:
        assert Reader(site).request("/")[0].status == 503
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            Reader(site).request(ECHO, headers=upgrade)


def test_there_is_no_config_for_https():
    with pytest.raises(LabError, match="varnish has no config for HTTPS"):
        VARNISH.config(https=True)
