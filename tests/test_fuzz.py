"""Whatever a peer sends, and whatever stands in a file of evidence: it is read, or refused with ValueError."""

import json
import math

import pytest
from fuzz_peers import ENTRIES, GOOD, SEEDS, told
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from checks.evidence import Evidence
from checks.probe import Target
from checks.probe.secrets import scrubbed, secrets

settings.register_profile(
    "few",
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
settings.load_profile("few")

SIGNS = st.characters(codec=None) | st.sampled_from("\x00\x1b\x9b\x7f\u202e\u2028\ud800\r\n{}[]`*<")
"""Every character, also half ones, which JSON can hold; and those that steer something."""

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
    """Return the path to everything in JSON."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def put(data, path, value):
    """Return JSON with something else at one place."""
    if not path:
        return value
    copied = data.copy()
    copied[path[0]] = put(data[path[0]], path[1:], value)
    return copied


def read(text):
    """Read evidence and say everything about it; what is refused, is with ValueError and in one short line."""
    try:
        seen = Evidence.from_json(text)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        told(seen)
    assert len(refusal) < 200


@given(ANY)
def test_any_json_is_evidence_that_can_be_shown_or_is_refused(data):
    read(json.dumps(data))


@given(st.data())
def test_evidence_with_one_thing_changed_can_be_shown_or_is_refused(data):
    whole = json.loads(GOOD.to_json())
    read(json.dumps(put(whole, data.draw(st.sampled_from(places(whole))), data.draw(ANY))))


@given(st.builds(Evidence, format=st.just(1)))
def test_all_evidence_that_fits_the_types_can_be_shown_and_kept(evidence):
    finite = not any(math.isnan(number) for number in numbers(json.loads(evidence.to_json())))
    kept = evidence.to_json()
    assert not finite or Evidence.from_json(kept) == evidence
    told(evidence)


def numbers(data):
    """Return the floats in JSON."""
    if isinstance(data, (dict, list)):
        return [number for value in (data.values() if isinstance(data, dict) else data) for number in numbers(value)]
    return [data] if isinstance(data, float) else []


@given(st.text(SIGNS, min_size=4, max_size=20) | st.sampled_from(["page", "status", "true", "200,", "http", "****"]))
def test_a_secret_of_any_form_is_masked_and_breaks_nothing(secret):
    target = Target("http://127.0.0.1", {"X-Api-Key": secret})
    texts = secrets(target, ())
    clean = scrubbed(GOOD, texts)
    assert Evidence.from_json(clean.to_json()) == clean
    assert [shake.variant for shake in clean.handshakes] == [""]


@pytest.mark.parametrize("name", ENTRIES)
@given(data=st.data())
def test_bytes_of_a_peer_are_read_and_told_without_an_error(name, data):
    entry = ENTRIES[name]
    seed = data.draw(st.sampled_from([b"", *SEEDS[entry]]))
    begin = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(begin, len(seed)))
    entry(seed[:begin] + data.draw(st.binary(max_size=60)) + seed[end:])
