"""Every symptom is complete, and wins on each of its examples."""

import re

import pytest
from support.proof import ROOT

from checks import findings, symptoms
from checks.symptoms.data import MOST_CAUSES, ONLY_IN_BROWSER, files

ALL = symptoms.symptoms()
NAMES = [f"{symptom.family}: {symptom.shown[0]}" for symptom in ALL]

KEYS = {"shown", "pattern", "status", "close", "causes", "means", "next", "source", "examples"} | {
    *("needs_websocket", "weight", "when", "harmless", "case"),
}

NOT_PORTABLE = re.compile(r"\(\?<|\(\?P|\(\?[a-zA-Z]+[):]|\\[AZz]|[*+?}]\+|\)[*+]|\)\{\d+,\}")
"""Lookbehind, named groups, flags, possessive quantifiers, and quantifiers of a group without a limit."""


@pytest.mark.parametrize("name", files())
def test_a_file_has_the_expected_keys(name):
    content = files()[name]
    assert (
        {"about", "family", "symptoms"}
        <= set(content)
        <= {*("about", "family", "weight", "most_lines", "not", "symptoms", "before_status", "before_close")}
    )
    for entry in content["symptoms"]:
        assert set(entry) <= KEYS, f"{name}: {entry['shown']}"
        assert len({"pattern", "status", "close"} & set(entry)) == 1, f"{name}: {entry['shown']} needs one pattern"
        assert entry["shown"], name
        assert entry["examples"], f"{name}: {entry['shown']} needs an example"


@pytest.mark.parametrize("symptom", ALL, ids=NAMES)
def test_data_of_a_symptom_is_valid(symptom):
    assert NOT_PORTABLE.findall(symptom.pattern) == []
    known = {*findings.ids(), *ONLY_IN_BROWSER}
    assert set(symptom.causes) <= known, f"unknown cause in {symptom.shown[0]}"
    assert len(symptom.causes) <= MOST_CAUSES
    assert len(set(symptom.causes)) == len(symptom.causes)
    assert symptom.means.endswith(".")
    assert symptom.next.endswith((".", "?"))
    assert "*" not in re.sub("`[^`]*`", "", f"{symptom.means} {symptom.next}"), "only `code` is rendered"
    assert symptom.source.startswith(("https://", "measured with ", "seen on "))


@pytest.mark.parametrize("symptom", ALL, ids=NAMES)
def test_data_examples_are_read_as_their_symptom(symptom):
    for example in symptom.examples:
        text = example + ("\nwss://" if symptom.needs_websocket else "")
        readings = symptoms.read(text).readings
        assert readings, f"nothing matches {example!r}"
        first = readings[0].symptom
        # Two programs may print the same text; then it does not matter which of them is named.
        alike = first.family != symptom.family and set(first.causes[:1]) <= set(symptom.causes)
        assert first == symptom or alike, (
            f"{example!r} is read as {first.family} {first.shown[0]!r}; use `weight` or a narrower pattern"
        )


def test_every_family_is_on_one_page():
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*messages.md"))
    listed = [name.strip() for found in re.findall(r"\{symptom-list\} (.*)", pages) for name in found.split(";")]
    assert sorted(listed) == sorted(symptoms.families())
