"""The page quotes real output of other tools; curl and websockets print it again."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from support.machine import RECIPES

from checks.findings import ids
from checks.lab.programs import PROGRAMS, program
from checks.lab.proxy import proxy
from checks.lab.tools import CASES, CONNECTED_AFTER, RESULTS, Tool, commands_without_npm, run_tool

RECORD = json.loads(RESULTS.read_text())
REPEATED = ["upgrade-not-forwarded", "accept-mismatch"]


def test_diagnose_names_the_right_cause_or_none_in_every_case():
    assert [case["broken"] for case in RECORD["cases"]] == [broken for _, broken in CASES]
    for case in RECORD["cases"]:
        assert set(case["outputs"]) == set(RECORD["versions"])
        assert case["causes"] in ([case["broken"] or "works"], []), case["broken"]
        assert set(case["causes"]) <= set(ids())


@pytest.mark.parametrize("broken", REPEATED)
@pytest.mark.parametrize("name", ["curl", "websockets"])
def test_a_tool_prints_the_recorded_line_again(name, broken, dss):
    if name in PROGRAMS:
        program(name)
    (case,) = (case for case in RECORD["cases"] if case["broken"] == broken)
    tool = Tool(name, "", commands_without_npm()[name])
    with proxy(RECIPES["nginx"], RECIPES["nginx"].newest(), RECIPES["nginx"].variant(broken), dss) as site:
        ends = case["outputs"][name]["exit_code"] is not None
        output = run_tool(tool, site, 60 if ends else CONNECTED_AFTER)
    assert asdict(output) == case["outputs"][name]


def test_the_page_names_every_tool_of_the_record():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "other-tools.md").read_text()
    assert [name for name in RECORD["versions"] if f"[{name}]" not in page] == []
