"""SOCKS5 proxies that send hostile or broken responses."""

import pytest
from support.hostile import Case
from support.server import always, close, endlessly, fake_dss, silent, slowly, then

NO_AUTHENTICATION = b"\x05\x00"


def through(proxy, *causes):
    return Case(fake_dss(), causes, proxy=proxy, options=("--proxy=socks5://127.0.0.1:PROXY",))


FLOODS = {
    "a flood after the method": through(then(NO_AUTHENTICATION, endlessly(b"\x05\x00\x00\x03\xff" * 999))),
}

CASES = {
    "no response": through(silent),
    "closes": through(close),
    "garbage": through(always(bytes(range(255, 0, -1)))),
    "a flood": through(endlessly(b"x" * 65536)),
    "an unknown reply": through(then(NO_AUTHENTICATION + b"\x05\xfe\x00\x01", silent)),
    "an unknown method": through(then(b"\x05\x80", silent), "proxy-auth"),
    "a byte a second": through(slowly(NO_AUTHENTICATION + b"\x05\x00\x00\x01")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_hostile_socks_proxy_is_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_over_socks_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)
