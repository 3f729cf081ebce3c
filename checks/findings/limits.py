"""Questions about limits on connections, which several rules share."""

from __future__ import annotations

from checks.evidence import Response
from checks.findings.advice import BURST, GENTLY, LIMIT, MOMENT, QUEUE
from checks.findings.facts import Facts, gateway_error, limit_phrase, timed_out
from checks.findings.phrases import LIMITS, UNKNOWN_SERVER
from checks.findings.second_look import HEALTH_CHECK

WAITED_S = 0.5
"""Seconds; a proxy that responds later has waited for something: a place in a queue, or the server."""

HAPROXY_RETRIED_S = (2.8, 3.6)
"""Seconds after which HAProxy responds if it retries three times, as by default, each after 1 s."""

VARNISH_TIMED_OUT_S = 3.0
"""Seconds; by default Varnish waits 3.5 s for a connection."""

CAPACITY = "temporarily unable to service your"
"""A phrase of Apache httpd, which it sends at once if DSS refuses the connection, and later if no place gets free."""

PAGES = {"/", HEALTH_CHECK}
"""The URLs that work without a WebSocket."""

PLANNED_S = 60
"""Seconds; a longer `Retry-After` announces maintenance."""


def rejected(facts: Facts) -> list[Response]:
    """Return the responses that rejected a handshake or a page, the handshakes first."""
    shakes = [shake for path in facts.evidence.paths for shake in facts.attempts(path)]
    again = [each.response for each in facts.evidence.rechecks if each.upgrade and not each.opened]
    responses = [*(shake.response for shake in shakes if not shake.opened), *again, *_pages(facts)]
    return [response for response in responses if response.status >= 400 or response.error]


def _pages(facts: Facts) -> list[Response]:
    """Return the responses to requests for pages, in both looks."""
    again = [each.response for each in facts.evidence.rechecks if not each.upgrade and each.path in PAGES]
    return [*facts.pages, *again]


def proof(facts: Facts) -> str:
    """Return the proof that a limit on connections is reached, or nothing."""
    pages = {id(page) for page in _pages(facts)}
    for response in rejected(facts):
        if phrase := limit_phrase(response):
            expected = "a page" if id(response) in pages else "101 Switching Protocols"
            return f"expected {expected}, got {response} with the words {phrase!r}" + _alone(facts)
    for ping in facts.evidence.pings:
        reason = ping.close_reason.lower()
        if ping.error and ping.close_code and any(phrase in reason for phrase in LIMITS):
            return f"expected a pong, got the close code {ping.close_code} with the words {ping.close_reason!r}"
    recheck = facts.second_look.limit
    if not recheck:
        return ""
    number = f"{recheck.held} WebSocket{'' if recheck.held == 1 else 's'}"
    first, second = (str(each.response) for each in facts.second_look.at("held") if not each.opened)
    got = f"{first}, twice" if first == second else f"{first}, then {second}"
    return (
        f"expected a WebSocket to open beside {number} of this test, got {got};"
        " it opened each time after they were closed"
    )


def _alone(facts: Facts) -> str:
    opened = facts.second_look.recovered or any(each.opened and each.upgrade for each in facts.second_look.at("after"))
    return "; a WebSocket opened when no other connection of this test was open" if opened else ""


def suspicion(facts: Facts) -> str:
    """Return what to try next if a limit may be reached, or nothing."""
    responses, look = rejected(facts), facts.second_look
    if any(response.status == 429 for response in responses):
        return GENTLY
    if any(map(_planned, responses)) or look.stopped:
        return ""
    if facts.inconsistent_paths or facts.opened_paths:
        limited = [response for response in responses if response.status == 503 or timed_out(response)]
        return LIMIT if limited and len(limited) == len(responses) else ""
    return _recovered(facts, responses) if look.recovered else _all_rejected(facts, responses)


def _recovered(facts: Facts, responses: list[Response]) -> str:
    """Return the advice if the WebSocket opened when it was alone."""
    if facts.second_look.slow or (timed_out(facts.first_response) and facts.reached):
        return ""
    return MOMENT if any(map(gateway_error, responses)) else BURST


def _all_rejected(facts: Facts, responses: list[Response]) -> str:
    """Return the advice if no WebSocket opened."""
    first = facts.first_response
    if any(map(may_be_queue, responses)) or _nothing_responds(facts):
        return QUEUE
    if first.status != 503 or gateway_error(first):
        return ""
    return LIMIT if facts.reached else QUEUE


def may_be_queue(response: Response) -> bool:
    """Tell whether a proxy responded after a wait, perhaps in a full queue.

    A server that is down explains some waits as well.
    """
    text = f"{response.reason} {response.body}".lower()
    seconds = response.seconds
    if response.status != 503 or seconds < WAITED_S:
        return False
    if "backend fetch failed" in text:
        return seconds < VARNISH_TIMED_OUT_S
    if any(phrase in text for phrase in UNKNOWN_SERVER):
        return not HAPROXY_RETRIED_S[0] <= seconds <= HAPROXY_RETRIED_S[1]
    return CAPACITY in text


def may_know_no_server(response: Response) -> bool:
    """Tell whether a proxy responded at once, so it may have tried no server."""
    text = f"{response.reason} {response.body}".lower()
    return any(phrase in text for phrase in UNKNOWN_SERVER) and response.seconds < WAITED_S


def _planned(response: Response) -> bool:
    """Tell whether a response announces maintenance.

    Its `Retry-After` is a date, or many seconds.
    """
    after = response.header("Retry-After")
    return bool(after) and response.status == 503 and (not after.isdigit() or len(after) > 5 or int(after) >= PLANNED_S)


def _nothing_responds(facts: Facts) -> bool:
    """Tell whether the server accepts connections, and responds to none."""
    page = facts.second_look.page
    return not facts.responded and timed_out(facts.evidence.page) and bool(page) and all(map(timed_out, page))
