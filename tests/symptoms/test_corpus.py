"""Texts that no entry was written for are read correctly."""

from collections import Counter

import pytest

from checks import symptoms
from checks.symptoms.data import MOST_CAUSES

from .corpus import entries, lines, table, verdict

ENTRIES = entries()
TOTAL = sum(table().values(), Counter())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["input"][:60])
def test_no_text_gets_a_wrong_cause(entry):
    readings = symptoms.read(entry["input"]).readings
    assert verdict(entry) != "wrong", [(reading.symptom.shown, reading.causes) for reading in readings]
    assert all(len(reading.causes) <= MOST_CAUSES for reading in readings)
    if entry.get("first"):
        assert verdict(entry) == "first", [(reading.symptom.shown, reading.causes) for reading in readings]


def test_nine_of_ten_texts_are_understood():
    assert TOTAL["missed"] <= TOTAL.total() / 10, "\n".join(lines())


def test_the_first_cause_is_right_in_seven_of_ten_texts():
    assert TOTAL["first"] >= 0.7 * TOTAL.total(), "\n".join(lines())
