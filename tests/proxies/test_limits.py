"""A limit that other users have reached is not a server that is down."""

import asyncio
import contextlib

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, newest
from support.reader import Reader

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

ZONE = "limit_conn_zone $server_name zone=dss:1m;\n\n"

LIMITS = {
    "a circuit breaker": ("envoy", "type: STRICT_DNS\n", "circuit_breakers: { thresholds: [{ max_requests: 1 }] }"),
    "a queue": ("haproxy", "option forwardfor\n", "timeout queue 1s\n    default-server maxconn 1"),
    "a limit on connections": ("nginx", "location / {\n", "    limit_conn dss 1;"),
}
"""For each limit of one connection: the proxy, a text in its config, and what follows there."""


@pytest.fixture(params=LIMITS.values(), ids=LIMITS)
def full(request, dss):
    """A proxy whose only connection to DSS another user has."""
    name, text, limit = request.param
    recipe = RECIPES[name]
    config = recipe.config(https=False)
    published = config.read_text()
    assert published.count(text) == 1, f"{config.name}: expected {text!r} once: correct the test"
    indent = published.splitlines()[published[: published.index(text)].count("\n")].split(text.strip())[0]
    added = text + limit if text.strip() == text else f"{text}{indent}{limit}\n"
    changed = published.replace(text, added).replace(
        "server {\n", f"{ZONE}server {{\n" if name == "nginx" else "server {\n"
    )
    with (
        proxy(recipe, newest(config), config, dss, changed={config: changed}) as site,
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(Reader(site).socket(ECHO))
        yield site


def test_a_limit_that_others_reached_is_named_or_suspected(full, verdict):
    diagnosis = diagnose(asyncio.run(look(Target(full.origin))))
    findings = [finding.id for finding in diagnosis.findings]
    verdict("proxy", "connections-exhausted", findings)
    named = [*findings, *diagnosis.candidates]
    assert findings in ([], ["connections-exhausted"])
    assert named[0] == "connections-exhausted"
