"""What tools print about the broken examples of the lab is read with their cause."""

import json

import pytest
from support.proof import ROOT

from checks import symptoms

TOOLS = json.loads((ROOT / "checks" / "tools.json").read_text(encoding="utf-8"))

LINES = sorted(
    {
        (case["broken"], output["line"])
        for case in TOOLS["cases"]
        for output in case["outputs"].values()
        if output["line"] and not output["line"].startswith("{")  # a message of the stand-in
    }
)


@pytest.mark.parametrize(("broken", "line"), LINES, ids=lambda text: text[:60])
def test_recorded_lines_of_tools_are_read_with_the_right_cause(broken, line):
    readings = symptoms.read(line).readings
    assert readings, "expected a reading, got none"
    if broken:
        assert broken in readings[0].causes
