"""Texts that no entry was written for are read correctly."""

from collections import Counter

import pytest

from checks import symptoms
from checks.symptoms.data import MOST_CAUSES

from .corpus import FOLDER, entries, lines, table, verdict


def mistake(entry):
    """Return what is wrong with how a text is read, or None."""
    readings = symptoms.read(entry["input"]).readings
    found = verdict(entry, readings)
    if found == "wrong":
        return "a wrong cause"
    if any(len(reading.causes) > MOST_CAUSES for reading in readings):
        return f"more than {MOST_CAUSES} causes"
    return "not the right cause first" if entry.get("first") and found != "first" else None


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.json")))
def test_no_text_gets_a_wrong_cause(name):
    wrong = {entry["input"]: found for entry in entries(name) if (found := mistake(entry))}
    assert wrong == {}


def test_enough_texts_are_understood():
    total = sum(table().values(), Counter())
    assert total["missed"] <= total.total() / 10, "\n".join(lines())
    assert total["first"] >= 0.7 * total.total(), "\n".join(lines())
