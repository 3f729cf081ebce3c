"""What a first look showed side by side counts only if it is also true alone."""

import asyncio
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from support.confusion import CAUSES, ScriptedServer, all_urls_send, named, observe, websocket_urls_send
from support.confusion import response as server_response
from support.evidence import (
    CLOSED,
    HAPROXY_503,
    HEALTHY,
    OPEN,
    PAGE,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    VARNISH_503,
    alone,
    everywhere,
)
from support.random_evidence import random_evidence

from checks.evidence import OTHER_BROWSERS, Response
from checks.findings import diagnose
from checks.probe.gentle import MAX_FAILURES
from checks.probe.second_look import ROUNDS

SEEDS = pytest.mark.parametrize("seeds", [range(first, first + 250) for first in range(0, 2000, 250)], ids=str)
MOST_REQUESTS, FOR_A_LIMIT, FOR_A_LATE_ERROR, FOR_BOTH = 26, 40, 40, 55
"""The requests of both looks, as docs/reference/diagnose.md states."""

FAILURES = [Response(status) for status in (429, 500, 502, 503, 504)] + [CLOSED, TIMED_OUT, HAPROXY_503, VARNISH_503]


def found(evidence):
    return {finding.id for finding in diagnose(evidence).findings}


@SEEDS
def test_what_loads_alone_is_not_down(seeds):
    wrong = []
    for seed in seeds:
        evidence = random_evidence(seed)
        loaded = [each for each in evidence.rechecks if each.moment == "alone" and 200 <= each.response.status < 300]
        health = any(each.path == "/dip/api/ping" for each in loaded)
        page = any(each.path == "/" for each in loaded) and evidence.page.status in {502, 503, 504}
        if (health or page) and "backend-down" in found(evidence):
            wrong.append(seed)
    assert wrong == []


@SEEDS
def test_without_a_second_look_nothing_is_down(seeds):
    first_looks = {seed: replace(random_evidence(seed), rechecks=()) for seed in seeds}
    unproven = {"backend-down", "http2-upstream", "handshake-unanswered"}
    assert [seed for seed, evidence in first_looks.items() if found(evidence) & unproven] == []


def shuffled(evidence, chance):
    """Return the evidence with another order of what was sent side by side."""
    again = [shake for shake in evidence.handshakes if shake.variant == "again"]
    others = [shake for shake in evidence.handshakes if shake.variant != "again"]
    first = others[:1]
    chance.shuffle(again)
    rest = others[1:]
    chance.shuffle(rest)
    rechecks = list(evidence.rechecks)
    for start, end in pairwise([0, *edges(rechecks), len(rechecks)]):
        part = rechecks[start:end]
        chance.shuffle(part)
        rechecks[start:end] = part
    return replace(evidence, handshakes=(*first, *rest, *again), rechecks=tuple(rechecks))


def edges(rechecks):
    """Return where the moment changes; requests that were alone stay in order."""
    moments = [each.moment for each in rechecks]
    side_by_side = {"together", "beside a handshake"}
    return [i for i in range(1, len(moments)) if moments[i] != moments[i - 1] or moments[i] not in side_by_side]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", ["a limit of two sockets", "a handshake that ends the requests beside it"])
def test_the_order_of_requests_side_by_side_changes_no_verdict(case, seed):
    cause, server, options = CAUSES[case]
    evidence = observe(server, **options)
    assert found(shuffled(evidence, random.Random(seed))) == {cause}


FINE = {"page": PAGE, "health_check": HEALTHY, "plain": UPGRADE_REQUIRED, "handshake": OPEN}


@pytest.mark.parametrize("answer", FAILURES, ids=str)
def test_a_site_that_recovers_gets_no_cause(answer):
    assert found(alone(everywhere(answer), **FINE)) == set()


@pytest.mark.parametrize("answer", FAILURES, ids=str)
def test_a_site_that_recovers_gets_a_next_step(answer):
    assert diagnose(alone(everywhere(answer), **FINE)).next_step


class GivesUp(ScriptedServer):
    """A proxy that gets no response to a handshake, and then sends 504."""

    async def serve_websocket(self, _head, _reader, writer):
        await asyncio.sleep(1.5)
        writer.write(server_response(504))


def test_each_repeated_handshake_gets_more_time():
    server = GivesUp()
    evidence = observe(server, timeout=1)
    alone = [each for each in evidence.rechecks if each.upgrade and each.moment == "alone"]
    assert [each.response.status for each in alone] == [504, 504]
    assert named(evidence) == ([], ["handshake-unanswered", "http2-upstream"])
    assert server.requests <= FOR_A_LATE_ERROR


class Flapping(ScriptedServer):
    """A server that is down for half of the requests, by chance."""

    chance = random.Random(0)

    def response_to(self, head):
        return server_response(502) if self.chance.random() < 1 / 2 else super().response_to(head)


@pytest.mark.parametrize("seed", range(8))
def test_a_server_that_flaps_is_neither_down_nor_limited(seed):
    server = Flapping()
    server.chance = random.Random(seed)
    findings, _ = named(observe(server))
    assert findings in ([], ["intermittent"])


class Counting(ScriptedServer):
    """A server that counts failed requests, and those that are open at a time."""

    failed = pending = most_pending = 0

    def response_to(self, head):
        data = super().response_to(head)
        self.failed += bool(data) and not data.startswith(b"HTTP/1.1 2")
        return data

    async def serve(self, reader, writer):
        self.pending += 1
        self.most_pending = max(self.most_pending, self.pending)
        try:
            await super().serve(reader, writer)
        finally:
            self.pending -= 1


BROKEN = {
    "a lost Upgrade": websocket_urls_send(server_response(426), server_response(426)),
    "502 for everything": all_urls_send(server_response(502)),
    "502 for the handshake": websocket_urls_send(server_response(502), server_response(426)),
    "403 for everything": all_urls_send(server_response(403)),
    "429 for everything": all_urls_send(server_response(429)),
}
"""The responses of a server, by what is wrong."""


@pytest.mark.parametrize("responses", [{}, *BROKEN.values()], ids=["nothing wrong", *BROKEN])
def test_a_gentle_look_sends_one_request_at_a_time(responses):
    server = Counting(responses)
    observe(server, gentle=True)
    assert server.most_pending == 1


@pytest.mark.parametrize("responses", BROKEN.values(), ids=BROKEN)
def test_a_gentle_look_ends_after_three_failures(responses):
    server = Counting(responses)
    observe(server, gentle=True)
    assert server.failed <= MAX_FAILURES


def test_a_gentle_look_finds_a_lost_upgrade():
    evidence = observe(Counting(BROKEN["a lost Upgrade"]), gentle=True)
    assert named(evidence) == (["upgrade-not-forwarded"], [])


@pytest.mark.parametrize(("responses", "most"), [({}, 10), *((each, 50) for each in BROKEN.values())])
def test_a_look_makes_no_more_requests_than_its_page_states(responses, most):
    server = Counting(responses)
    observe(server)
    assert server.requests <= most


def test_a_lost_upgrade_makes_at_most_ten_requests_fail():
    server = Counting(BROKEN["a lost Upgrade"])
    observe(server)
    assert server.failed <= 10


FAILING = {
    "503 for each handshake, while pages load": ScriptedServer({"upgrade": server_response(503)}),
    "502 for each handshake, while pages load": ScriptedServer({"upgrade": server_response(502)}),
    "a handshake that ends the requests beside it": ScriptedServer(ends_others=True),
    "a limit of two sockets": ScriptedServer(most=2),
    "502 for everything": ScriptedServer(all_urls_send(server_response(502))),
}


@pytest.mark.parametrize("case", FAILING)
def test_both_looks_make_few_requests(case):
    server = FAILING[case]
    observe(server)
    assert server.requests <= (FOR_A_LIMIT if server.most else MOST_REQUESTS)


class RejectsOtherBrowsers(ScriptedServer):
    """A limit of two WebSockets that the repeated handshakes of Chromium reach first."""

    rejected = 0

    def response_to(self, head):
        if b"Chrome" not in head and b"Upgrade: websocket" in head and self.rejected < len(OTHER_BROWSERS):
            self.rejected += 1
            return server_response(503)
        return super().response_to(head)


def test_a_limit_that_only_other_browsers_met_is_found():
    assert named(observe(RejectsOtherBrowsers(most=2))) == (["connections-exhausted"], [])


class Threaded(ScriptedServer):
    """A proxy that puts each third request on the connection of the handshake."""

    async def beside_others(self, head):
        shares = b"Upgrade: websocket" in head or self.requests % 3 == 0
        return await super().beside_others(head) if shares else self.response_to(head)


@pytest.mark.parametrize("before", range(3))
def test_requests_that_take_another_connection_are_repeated(before):
    server = Threaded(ends_others=True, requests=before)
    assert named(observe(server)) == (["http2-upstream"], [])


class FailsOnce(ScriptedServer):
    """A proxy whose handshakes fail late, and whose page fails once."""

    pages = 0

    def response_to(self, head):
        self.pages += head.startswith(b"GET / ")
        return server_response(502) if self.pages == 1 and head.startswith(b"GET / ") else super().response_to(head)

    async def serve_websocket(self, _head, _reader, writer):
        await asyncio.sleep(0.5)
        writer.write(server_response(502))


def test_requests_that_failed_once_are_repeated_beside_a_handshake():
    server = FailsOnce()
    evidence = observe(server)
    rounds = [each for each in evidence.rechecks if each.moment == "beside a handshake" and each.upgrade]
    assert len(rounds) == ROUNDS
    assert named(evidence) == ([], ["http2-upstream"])
    assert server.requests <= FOR_BOTH
