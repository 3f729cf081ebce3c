"""Limits of one or two seconds are named, without a request for a long test."""

import asyncio

import pytest
from support.machine import RECIPES, newest

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

CASES = {
    "HAProxy, timeout client 1s": (
        "haproxy",
        {"    timeout tunnel 1h\n": "", "frontend dss\n": "frontend dss\n    timeout client 1s\n"},
        "idle-timeout",
    ),
    "nginx, proxy_read_timeout 1s": ("nginx", {"proxy_read_timeout 3600s": "proxy_read_timeout 1s"}, "idle-timeout"),
    "Envoy, max_stream_duration 1s": (
        "envoy",
        {
            "          stat_prefix: dss\n": "          stat_prefix: dss\n"
            "          common_http_protocol_options: { max_stream_duration: 1s }\n"
        },
        "lifetime-limit",
    ),
}
"""For each mistake: the recipe, what replaces what in its config, and the cause."""


@pytest.mark.parametrize(("name", "changes", "cause"), CASES.values(), ids=CASES)
def test_a_short_limit_is_named(name, changes, cause, dss, verdict):
    recipe, config = RECIPES[name], RECIPES[name].config(https=False)
    text = config.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{config.name}: expected {old!r} once: correct the test"
        text = text.replace(old, new)
    with proxy(recipe, newest(config), config, dss, changed={config: text}) as site:
        evidence = asyncio.run(look(Target(site.origin, timeout=30), idle=2))
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", cause, named)
    assert named == [cause]
