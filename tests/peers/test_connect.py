"""Forward proxies that send a hostile or broken response to CONNECT."""

import asyncio

import pytest
from support.hostile import ESCAPES_EVERYWHERE, Case
from support.server import always, close, endlessly, fake_dss, forward_proxy, reset, silent, slowly, then

from checks.probe.stream import wait_for

OK = b"HTTP/1.1 200 OK\r\n"
FLOOD = endlessly(b"x" * 65536)


def through(proxy, *causes):
    return Case(fake_dss(), causes, proxy=proxy)


FLOODS = {
    "endless 100 Continue": through(forward_proxy(endlessly(b"HTTP/1.1 100 Continue\r\n\r\n" * 99))),
    "200, then a flood": through(forward_proxy(then(OK + b"\r\n", FLOOD))),
}

CASES = {
    "no response": through(silent),
    "closes": through(close),
    "resets": through(reset),
    "garbage": through(always(bytes(range(256)))),
    "a flood": through(FLOOD),
    "endless headers": through(forward_proxy(then(OK, endlessly(b"X: y\r\n" * 500)))),
    "200 with a length": through(forward_proxy(then(OK + b"Content-Length: 99999\r\n\r\n", silent))),
    "200, then silence": through(forward_proxy(then(OK + b"\r\n", silent))),
    "a byte a second": through(forward_proxy(slowly(OK))),
    "403 with escapes": through(forward_proxy(ESCAPES_EVERYWHERE), "connect-denied"),
    "407 with escapes": through(forward_proxy(b"HTTP/1.1 407 No\r\nProxy-Authenticate: x\x9b2J\r\n\r\n"), "proxy-auth"),
    "101": through(forward_proxy(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_hostile_response_to_connect_is_survived_and_reported(case, survives):
    survives(case)


@pytest.mark.parametrize("case", FLOODS.values(), ids=FLOODS)
def test_a_flood_after_connect_costs_little_memory(case, survives_in_little_memory):
    survives_in_little_memory(case)


async def cancelled_with_its_result():
    """Cancel a step at the moment when its result comes."""
    result = asyncio.get_running_loop().create_future()

    async def step():
        return await result

    waiting = asyncio.ensure_future(wait_for(step(), 60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    result.set_result("arrived")
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    return waiting.cancelled()


def test_a_cancellation_is_not_lost_with_a_result():
    assert asyncio.run(cancelled_with_its_result())
