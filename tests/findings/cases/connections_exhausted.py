"""Evidence for and against: a limit on connections is reached."""

from support.evidence import (
    DROPPED,
    HEALTHY,
    OPEN,
    PAGE,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    alone,
    everywhere,
    handshakes,
    observed,
    ping,
    pinged,
    recheck,
    repeated,
    response,
)

from checks.probe import NOTIFICATIONS

OVERFLOW = response(
    503, "upstream connect error or disconnect/reset before headers. reset reason: overflow", x_envoy_overloaded="true"
)
FULL = response(503)
IN_TURN = [recheck("in turn", NOTIFICATIONS, OPEN, upgrade=True)] * 6


def held(*answers):
    """Return the handshakes while one more WebSocket is held each time."""
    return [recheck("held", NOTIFICATIONS, answer, upgrade=True, held=number) for number, answer in enumerate(answers)]


def after(answer=OPEN):
    return recheck("after", NOTIFICATIONS, answer, upgrade=True)


def limited(*rechecks, rejected=FULL):
    """Return evidence in which some handshakes were rejected side by side."""
    return alone(observed(repeated(OPEN, rejected, OPEN)), *rechecks)


FIRES = {
    "a circuit breaker of Envoy": everywhere(OVERFLOW),
    "a circuit breaker of Envoy for the handshake only": observed(handshakes(OVERFLOW)),
    "a circuit breaker of Envoy beside WebSockets that open": observed(repeated(OPEN, OVERFLOW, TIMED_OUT)),
    "503 with words about connections": observed(handshakes(response(503, "Too many open connections."))),
    "429 with words about sessions": observed(handshakes(response(429, "Maximum number of sessions reached"))),
    "503 with a reason about connections": observed(handshakes(response(503, reason="Connection limit exceeded"))),
    "a close frame with words about connections": pinged(
        ping(DROPPED, close_code=1013, close_reason="too many connections")
    ),
    "the third of those that are held, twice": limited(
        *held(OPEN, OPEN, FULL), after(), *IN_TURN, *held(OPEN, OPEN, FULL), after()
    ),
    "502 for the second of those that are held, twice": limited(
        *held(OPEN, response(502)), after(), *IN_TURN, *held(OPEN, response(502)), after(), rejected=response(502)
    ),
    "no response to the second of those that are held, twice": limited(
        *held(OPEN, TIMED_OUT), after(), *IN_TURN, *held(OPEN, TIMED_OUT), after(), rejected=TIMED_OUT
    ),
}

QUIET = {
    "503 with other words": observed(handshakes(response(503, "Back soon."))),
    "a page of 200 about connections": observed(handshakes(response(200, "What if there are too many connections?"))),
    "rejected at another number the second time": limited(
        *held(OPEN, OPEN, FULL), after(), *IN_TURN, *held(OPEN, FULL), after()
    ),
    "rejected in turn, too": limited(*held(OPEN, FULL), after(), *IN_TURN[:2], recheck("in turn", NOTIFICATIONS, FULL)),
    "rejected after the others were closed": limited(*held(OPEN, FULL), after(FULL)),
    "rejected once": limited(*held(OPEN, FULL), after(), *IN_TURN, *held(*[OPEN] * 6)),
    "planned maintenance": everywhere(response(503, "Back at noon.", Retry_After="3600")),
}

UNDECIDED = {
    "503 with Upgrade only": (observed(handshakes(response(503), UPGRADE_REQUIRED)), ["connections-exhausted"]),
    "503 for the page only": (
        observed(handshakes(OPEN), page=response(503), health_check=response(503)),
        ["connections-exhausted"],
    ),
    "429": (observed(handshakes(response(429), response(429))), ["connections-exhausted"]),
    "503 for everything": (everywhere(response(503, "<center>nginx</center>")), ["connections-exhausted"]),
    "503 side by side, and all is well alone": (
        alone(
            everywhere(response(503, "<center>nginx</center>")),
            page=PAGE,
            health_check=HEALTHY,
            plain=UPGRADE_REQUIRED,
            handshake=OPEN,
        ),
        ["connections-exhausted"],
    ),
    "connections are accepted, and nothing responds": (everywhere(TIMED_OUT), ["connections-exhausted"]),
    "rejected after the others were closed": (
        QUIET["rejected after the others were closed"],
        ["connections-exhausted", "intermittent"],
    ),
}
