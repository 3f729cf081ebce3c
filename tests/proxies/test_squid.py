"""What the page of Squid as a reverse proxy claims."""

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.reader import Reader

from checks.lab.process import LabError
from checks.lab.proxy import proxy

SQUID = RECIPES["squid"]
CONFIG = SQUID.config(https=False)
EVERY_BUILD = for_each_build("squid")


@pytest.mark.proves("squid-knows-upgrades-since-5")
@EVERY_BUILD
def test_squid_can_forward_websocket_since_5(build, dss):
    """Since version 5, Squid can forward WebSocket."""
    if build.release >= (5,):
        with proxy(SQUID, build, CONFIG, dss) as site, Reader(site).socket(ECHO) as socket:
            assert socket.connection.response.status_code == 101
        return
    with pytest.raises(LabError, match="http_upgrade_request_protocols"), proxy(SQUID, build, CONFIG, dss):
        pass


@pytest.mark.proves("squid-drops-upgrade-by-itself")
@EVERY_BUILD
def test_by_default_squid_drops_upgrade(build, dss):
    """By default, Squid drops `Upgrade`."""
    with proxy(SQUID, build, SQUID.variant("upgrade-not-forwarded"), dss) as site:
        assert Reader(site).rejection(ECHO).status_code == 426


@pytest.mark.proves("squid-compares-websocket-with-its-case")
@for_each_build("squid", since="5")
def test_websocket_allowed_in_another_case_does_not_match(build, dss):
    """In front of DSS, Squid allows `websocket` only in lower case."""
    text = CONFIG.read_text().replace("protocols websocket", "protocols WebSocket")
    with proxy(SQUID, build, CONFIG, dss, changed={CONFIG: text}) as site:
        assert Reader(site).rejection(ECHO).status_code == 426
