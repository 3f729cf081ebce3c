"""Random bytes from a peer, and random evidence in a file.

Each is read, or rejected with ValueError.
"""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.fuzz import ENTRIES, GOOD, SEEDS, report

from checks.evidence import Evidence
from checks.probe import Target
from checks.probe.secrets import scrubbed, secrets

SIGNS = st.characters(codec=None) | st.sampled_from("\x00\x1b\x9b\x7f\u202e\u2028\ud800\r\n{}[]`*<")
"""Every character, also surrogates, which JSON allows; and those with a special meaning somewhere."""

WORDS = st.text(SIGNS, max_size=40) | st.sampled_from(
    ["http://127.0.0.1", "http://[", "wss://h:99999/x", "//[x", "/dip/websocket", "Location", "websocket", ","]
)

NUMBERS = st.integers() | st.sampled_from([101, 200, 302, 403, 404, 407, 426, 502, 10**400, -(10**400)])

st.register_type_strategy(str, WORDS)
st.register_type_strategy(int, NUMBERS)

ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=20,
)


def places(data, path=()):
    """Return the path to each value in JSON."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


def put(data, path, value):
    """Return JSON with another value at one path."""
    if not path:
        return value
    copied = data.copy()
    copied[path[0]] = put(data[path[0]], path[1:], value)
    return copied


def read(text):
    """Read evidence and report it, or reject it with ValueError in one line."""
    try:
        evidence = Evidence.from_json(text)
    except ValueError as error:
        assert len(str(error)) < 200  # noqa: PT017  # both outcomes are right
    else:
        report(evidence)


@given(ANY)
def test_any_json_is_reported_or_rejected(data):
    read(json.dumps(data))


@given(st.data())
def test_evidence_with_one_change_is_reported_or_rejected(data):
    good = json.loads(GOOD.to_json())
    read(json.dumps(put(good, data.draw(st.sampled_from(places(good))), data.draw(ANY))))


@given(st.builds(Evidence, format=st.just(1)))
def test_all_valid_evidence_can_be_reported_and_saved(evidence):
    finite = not any(math.isnan(number) for number in numbers(json.loads(evidence.to_json())))
    saved = evidence.to_json()
    assert not finite or Evidence.from_json(saved) == evidence
    report(evidence)


def numbers(data):
    """Return the floats in JSON."""
    if isinstance(data, (dict, list)):
        return [number for value in (data.values() if isinstance(data, dict) else data) for number in numbers(value)]
    return [data] if isinstance(data, float) else []


@given(st.text(SIGNS, min_size=4, max_size=20) | st.sampled_from(["page", "status", "true", "200,", "http", "****"]))
def test_any_secret_is_masked_and_the_evidence_stays_valid(secret):
    target = Target("http://127.0.0.1", {"X-Api-Key": secret})
    texts = secrets(target, ())
    clean = scrubbed(GOOD, texts)
    assert Evidence.from_json(clean.to_json()) == clean
    assert [shake.variant for shake in clean.handshakes] == [""]


@pytest.mark.parametrize("name", ENTRIES)
@given(data=st.data())
def test_random_bytes_from_a_peer_raise_no_error(name, data):
    entry = ENTRIES[name]
    seed = data.draw(st.sampled_from([b"", *SEEDS[entry]]))
    begin = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(begin, len(seed)))
    entry(seed[:begin] + data.draw(st.binary(max_size=60)) + seed[end:])
