"""Evidence survives as JSON, and nothing else is taken for it."""

import json

import pytest
from support.random_evidence import random_evidence

from checks.evidence import FORMAT, Evidence

SEEDS = pytest.mark.parametrize("seeds", [range(first, first + 250) for first in range(0, 2000, 250)], ids=str)


@SEEDS
def test_evidence_from_json_is_what_was_written(seeds):
    for evidence in map(random_evidence, seeds):
        # 1 and 1.0 are equal, but a report prints them differently.
        assert repr(Evidence.from_json(evidence.to_json())) == repr(evidence)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": 1}', "[" * 100_000])
def test_anything_else_is_rejected(text):
    with pytest.raises(ValueError, match=r"not evidence|Expecting value"):
        Evidence.from_json(text)


def test_another_format_is_rejected():
    text = json.dumps(json.loads(random_evidence(0).to_json()) | {"format": 99})
    with pytest.raises(ValueError, match=f"saved by a newer version .format 99, not {FORMAT}.: save it again"):
        Evidence.from_json(text)
