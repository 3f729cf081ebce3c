"""Evidence of every shape that its types allow, for hypothesis."""

from dataclasses import is_dataclass, replace
from functools import cache
from typing import Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from checks.evidence import Evidence, Response
from checks.probe import NOTIFICATIONS

from .evidence import HOST, KERNEL, PROXY, WEBAPP
from .random_evidence import BODIES, ERRORS, FAULTS, HEADERS, ISSUERS, PING_ERRORS, STATUSES

URLS = [
    f"http://{HOST}",
    f"https://{HOST}",
    f"https://{HOST}:8443",
    f"ws://{HOST}/x",
    f"wss://{HOST}/x",
    "http://[half",
]
FIELDS = {
    (Response, "body"): BODIES,
    (Response, "error"): ERRORS,
    "status": STATUSES,
    "code": [0, 0, 0, 10, 18, 20, 62, 99],
    "close_code": [0, 0, 1000, 1001, 1002, 1009, 1011, 1012, 4000],
    "error": PING_ERRORS,
    "fault": FAULTS,
    "issuer": ISSUERS,
    "path": [NOTIFICATIONS, KERNEL, WEBAPP, "//[", ""],
    "proxy": ["", PROXY],
    "url": URLS,
    "version": ["", "TLSv1.3"],
    "ping_every": [0.0, 0.5, 15.0],
    "size": [0, 1, 1024, 65536, 1 << 24],
    "format": [1],
}
"""The values of a field, by its record and name or by its name alone; hypothesis invents others from the type."""

PAIRS = {
    "headers": HEADERS,
    "sent": [
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Host", HOST),
        ("Upgrade", "websocket"),
        ("Cookie", "***"),
    ],
    "arrived": [("host", "other"), ("Upgrade", "websocket"), ("Upgrade", "")],
}
WORDS = st.sampled_from(["", "x", "OK", "127.0.0.1:443", "2026-01-01", HOST])
SECONDS = st.one_of(st.sampled_from([0.0, 0.1, 2.0, 10.0, 58.0, 60.0]), st.floats(0, 400))


@cache
def of_type(kind, field=""):
    """Return a strategy for the values of a type, in a field of this name."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: _field(kind, name, hints[name]) for name in hints})
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(of_type(inner[0], field), max_size=6 if field == "handshakes" else 3).map(tuple)
    if origin is tuple:
        return st.tuples(*(of_type(each, field) for each in inner))
    if origin is Literal:
        return st.sampled_from(inner)
    return {str: WORDS, bool: st.booleans(), int: st.integers(0, 600), float: SECONDS}[kind]


def _field(record, name, kind):
    if name in PAIRS:
        return st.lists(st.sampled_from(PAIRS[name]), max_size=4).map(tuple)
    values = FIELDS.get((record, name)) or (FIELDS.get(name) if kind in {str, int, float} else None)
    return st.sampled_from(values) if values else of_type(kind, name)


def any_evidence():
    """Return a strategy for evidence, however odd."""
    return of_type(Evidence)


@st.composite
def changed(draw, evidence, most=3):
    """Return evidence with up to `most` of its values replaced, wherever they are."""
    for _ in range(draw(st.integers(0, most))):
        evidence = _with_another_value(draw, evidence)
    return evidence


def _with_another_value(draw, record):
    """Replace a field of this record, or of a record inside it."""
    hints = get_type_hints(type(record))
    name = draw(st.sampled_from(sorted(hints.keys() - {"format"})))
    value = getattr(record, name)
    if is_dataclass(value) and draw(st.booleans()):
        return replace(record, **{name: _with_another_value(draw, value)})
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        place = draw(st.integers(0, len(value) - 1))
        inner = draw(st.sampled_from([(), (value[place],) * 2, None]))
        inner = (_with_another_value(draw, value[place]),) if inner is None else inner
        return replace(record, **{name: (*value[:place], *inner, *value[place + 1 :])})
    return replace(record, **{name: draw(_field(type(record), name, hints[name]))})


@st.composite
def rearranged(draw, evidence, *, holds=False):
    """Return the same evidence, with its probes in another order.

    Responses take up to a quarter less or more. With `holds`, held WebSockets drop up to a second early or late. The
    order of paths, holds and sizes is a part of what was observed.
    """
    shakes = draw(st.permutations(evidence.handshakes))
    order = evidence.paths
    shift = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]) if holds else st.just(0.0)
    return replace(
        evidence,
        page=_timed(draw, evidence.page),
        health_check=_timed(draw, evidence.health_check),
        handshakes=tuple(
            replace(shake, response=_timed(draw, shake.response))
            for shake in sorted(shakes, key=lambda each: order.index(each.path))
        ),
        pings=tuple(draw(st.permutations(evidence.pings))),
        holds=tuple(
            replace(hold, seconds=max(0.0, hold.seconds + draw(shift) * hold.dropped)) for hold in evidence.holds
        ),
    )


def _timed(draw, response):
    return replace(response, seconds=response.seconds * draw(st.floats(0.75, 1.25)))
