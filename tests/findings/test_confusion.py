"""Scripted servers get their cause from `diagnose`, and never a wrong one."""

import asyncio

import pytest
from support.confusion import (
    CAUSES,
    NEAR_MISSES,
    WORKS,
    ScriptedProxy,
    ScriptedServer,
    all_urls_send,
    buffers_all,
    closed_port,
    named,
    observe,
    response,
)

from checks.probe import Target, look, survey


@pytest.fixture
def judged(monkeypatch, verdict):
    """Return a function that diagnoses a server and records the result."""

    def judge(truth, server, options):
        server.connections.clear()
        server.handshakes = server.requests = 0
        options = dict(options)
        monkeypatch.setattr(survey, "HOLD_STAGGER", options.pop("apart", 2.0))
        monkeypatch.setattr(survey, "PING_EVERY", options.pop("every", 15.0))
        findings, candidates = named(observe(server, **options))
        verdict("peer", truth, findings)
        return findings, candidates

    return judge


@pytest.mark.parametrize(("cause", "server", "options"), CAUSES.values(), ids=CAUSES)
def test_a_server_with_one_mistake_gets_exactly_its_cause(cause, server, options, judged):
    findings, candidates = judged(cause, server, options)
    assert findings == [cause], f"expected {cause} alone, got {findings}: correct the rule of one of them"
    assert candidates == [], f"expected no candidates beside {cause}, got {candidates}"


@pytest.mark.parametrize(("server", "options"), WORKS.values(), ids=WORKS)
def test_a_server_without_a_mistake_works(server, options, judged):
    findings, candidates = judged("works", server, options)
    assert findings == ["works"], f"expected works alone, got {findings}: correct the rule that detects a cause"
    assert candidates == [], f"expected no candidates beside works, got {candidates}"


@pytest.mark.parametrize(("server", "expected", "options"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_server_that_resembles_a_cause_gets_none(server, expected, options, judged):
    findings, candidates = judged("something else", server, options)
    assert findings == [], f"expected no cause, got {findings}: its rule needs more evidence"
    assert candidates == expected, f"expected the candidates {expected}, got {candidates}"


@pytest.mark.parametrize("wanted", ["401 of the server", "407 of the forward proxy"])
def test_rejected_credentials_are_not_retried(wanted):
    server, forward_proxy = ScriptedServer(all_urls_send(response(401, "", "WWW-Authenticate: Basic"))), None
    if "407" in wanted:
        server, forward_proxy = ScriptedServer(), ScriptedProxy(response(407, "", "Proxy-Authenticate: Basic"))
    evidence = observe(server, forward_proxy=forward_proxy)
    repeats = [handshake for handshake in evidence.handshakes if handshake.variant == "again"]
    assert repeats == [], f"expected no second handshake after {wanted}, got {len(repeats)}"


def test_without_a_pong_no_message_sizes_are_tried():
    evidence = observe(ScriptedServer(talk=buffers_all), timeout=1, size=100_000)
    assert evidence.sizes == (), f"expected no message without a pong, got {evidence.sizes}"
    reason = dict(evidence.skipped)["message size"]
    assert "no pong" in reason, f"expected the missing pong as the reason for the skipped step, got {reason!r}"


def test_a_refused_connection_is_not_blamed_on_websocket(verdict):
    with closed_port() as port:
        evidence = asyncio.run(look(Target(f"http://127.0.0.1:{port}", timeout=1)))
    findings, candidates = named(evidence)
    assert findings == ["unreachable"], f"expected unreachable alone, got {findings}"
    assert candidates == [], f"expected no candidates beside unreachable, got {candidates}"
    verdict("peer", "unreachable", ["unreachable"])
