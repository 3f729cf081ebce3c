"""Evidence survives as JSON, and nothing else is taken for it."""

import json

import pytest
from support.random_evidence import random_evidence

from checks.evidence import FORMAT, Evidence
from checks.findings import diagnose

SEEDS = pytest.mark.parametrize("seeds", [range(first, first + 250) for first in range(0, 2000, 250)], ids=str)


def loaded(evidence):
    return Evidence.from_json(evidence.to_json())


@SEEDS
def test_evidence_from_json_is_what_was_written(seeds):
    assert [seed for seed in seeds if loaded(random_evidence(seed)) != random_evidence(seed)] == []


@SEEDS
def test_evidence_from_json_gives_the_same_diagnosis(seeds):
    kept = {seed: (random_evidence(seed), loaded(random_evidence(seed))) for seed in seeds}
    assert [seed for seed, (one, other) in kept.items() if diagnose(one) != diagnose(other)] == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": 1}', "[" * 100_000])
def test_anything_else_is_rejected(text):
    with pytest.raises(ValueError, match=r"not evidence|Expecting value"):
        Evidence.from_json(text)


def test_another_format_is_rejected():
    text = json.dumps(json.loads(random_evidence(0).to_json()) | {"format": 99})
    with pytest.raises(ValueError, match=f"saved by a newer version .format 99, not {FORMAT}.: save it again"):
        Evidence.from_json(text)
