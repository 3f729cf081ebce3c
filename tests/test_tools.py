"""What other tools say, as the page has it: every line is of a real run, and curl and websockets say it again."""

import json
from pathlib import Path

import pytest
from machine import RECIPES

from checks.findings import ids
from checks.lab.proxy import proxy
from checks.lab.tools import CASES, RESULTS, Tool, ask, here
from checks.lab.zoo import PROGRAMS, program

SEEN = json.loads(RESULTS.read_text())
AGAIN = ["upgrade-not-forwarded", "accept-mismatch"]


def test_the_record_is_of_these_cases_and_diagnose_named_what_is_wrong_or_nothing():
    assert [case["twin"] for case in SEEN["cases"]] == [twin for _, twin in CASES]
    for case in SEEN["cases"]:
        assert set(case["said"]) == set(SEEN["versions"])
        assert case["found"] in ([case["twin"] or "works"], []), case["twin"]
        assert set(case["found"]) <= set(ids())


@pytest.mark.parametrize("twin", AGAIN)
@pytest.mark.parametrize("name", ["curl", "websockets"])
def test_a_tool_that_is_here_says_again_what_the_page_has(name, twin, dss):
    if name in PROGRAMS:
        program(name)
    (case,) = (case for case in SEEN["cases"] if case["twin"] == twin)
    tool = Tool(name, "", here()[name])
    with proxy(RECIPES["nginx"], RECIPES["nginx"].newest(), RECIPES["nginx"].twin(twin), dss) as site:
        said = ask(tool, site)
    assert {"words": said.words, "code": said.code} == case["said"][name]


def test_the_page_names_every_tool_that_was_asked():
    page = (Path(__file__).parents[1] / "docs" / "reference" / "other-tools.md").read_text()
    assert all(f"[{name}]" in page for name in SEEN["versions"])
