"""Every symptom is complete, and wins on each of its examples."""

import re
from collections import Counter

import pytest
from support.proof import ROOT

from checks import findings, symptoms
from checks.symptoms.data import MOST_CAUSES, ONLY_IN_BROWSER, files, steps

FAMILIES = pytest.mark.parametrize("family", symptoms.families())

KEYS = {"shown", "pattern", "status", "close", "causes", "means", "next", "do", "source", "examples"} | {
    *("needs_websocket", "weight", "when", "harmless", "case"),
}

NOT_PORTABLE = re.compile(r"\(\?<|\(\?P|\(\?[a-zA-Z]+[):]|\\[AZz]|[*+?}]\+|\)[*+]|\)\{\d+,\}")
"""Lookbehind, named groups, flags, possessive quantifiers, and quantifiers of a group without a limit."""


@pytest.mark.parametrize("name", [name for name, content in files().items() if "symptoms" in content])
def test_a_file_has_the_expected_keys(name):
    content = files()[name]
    assert (
        {"about", "family", "symptoms"}
        <= set(content)
        <= {
            *("about", "family", "weight", "most_lines", "not", "requires", "symptoms"),
            *("before_status", "before_close"),
        }
    )
    for entry in content["symptoms"]:
        assert set(entry) <= KEYS, f"{name}: {entry['shown']}"
        assert len({"pattern", "status", "close"} & set(entry)) == 1, f"{name}: {entry['shown']} needs one pattern"
        assert len({"next", "do"} & set(entry)) == 1, f"{name}: {entry['shown']} needs one first step"
        assert entry["shown"], name
        assert entry["examples"], f"{name}: {entry['shown']} needs an example"


def test_every_first_step_is_written_once():
    entries = [entry for content in files().values() for entry in content.get("symptoms", ())]
    shared = Counter(entry["do"] for entry in entries if "do" in entry)
    own = Counter([*steps().values(), *(entry["next"] for entry in entries if "next" in entry)])
    assert shared.keys() == steps().keys()
    assert [name for name, count in shared.items() if count == 1] == [], "write these as `next`"
    assert [text for text, count in own.items() if count > 1] == [], "share these in next.json"


def of(family):
    """Return the symptoms of a family."""
    return [symptom for symptom in symptoms.symptoms() if symptom.family == family]


@FAMILIES
def test_data_of_a_symptom_is_valid(family):
    known = {*findings.ids(), *ONLY_IN_BROWSER}
    for symptom in of(family):
        name = symptom.shown[0]
        assert NOT_PORTABLE.findall(symptom.pattern) == [], name
        assert set(symptom.causes) <= known, f"unknown cause in {name}"
        assert len(symptom.causes) <= MOST_CAUSES, name
        assert len(set(symptom.causes)) == len(symptom.causes), name
        assert symptom.means.endswith("."), name
        assert symptom.next.endswith((".", "?")), name
        assert "*" not in re.sub("`[^`]*`", "", f"{symptom.means} {symptom.next}"), f"{name}: only `code` is rendered"
        assert symptom.source.startswith(("https://", "measured with ", "seen on ")), name


def read_as(symptom, example):
    """Return what is read in an example instead of its symptom, or None."""
    readings = symptoms.read(example + ("\nwss://" if symptom.needs_websocket else "")).readings
    if not readings:
        return "nothing"
    first = readings[0].symptom
    # Two programs may print the same text; then it does not matter which of them is named.
    alike = first.family != symptom.family and set(first.causes[:1]) <= set(symptom.causes)
    return None if first == symptom or alike else f"{first.family} {first.shown[0]!r}"


@FAMILIES
def test_data_examples_are_read_as_their_symptom(family):
    pairs = [(symptom, example) for symptom in of(family) for example in symptom.examples]
    wrong = {example: found for symptom, example in pairs if (found := read_as(symptom, example))}
    assert wrong == {}, "use `weight` or a narrower pattern"


def test_every_family_is_on_one_page():
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*messages.md"))
    listed = [name.strip() for found in re.findall(r"\{symptom-list\} (.*)", pages) for name in found.split(";")]
    assert sorted(listed) == sorted(symptoms.families())
