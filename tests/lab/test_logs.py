"""What proxies log is understood, as recorded and as logged today."""

import json

import pytest
from support.machine import RECIPES

from checks import findings, symptoms
from checks.lab.logs import MISTAKES, RECORD, record

RECORDED = json.loads(RECORD.read_text())
NAMES = [f"{mistake.proxy}: {mistake.title}" for mistake in MISTAKES]
PAGE = "wss://dss.example.com/dip/websocket"
"""Some lines do not show that they are about a WebSocket."""


def test_the_record_has_every_mistake():
    assert [case["cause"] for case in RECORDED] == [mistake.cause for mistake in MISTAKES]
    assert [case["mistake"] for case in RECORDED] == [mistake.title for mistake in MISTAKES]


def test_the_cause_of_each_mistake_exists():
    assert {mistake.cause for mistake in MISTAKES} <= set(findings.ids())


@pytest.mark.parametrize("case", RECORDED, ids=NAMES)
def test_every_recorded_line_names_its_cause_or_none(case):
    for line in case["lines"]:
        readings = symptoms.read(f"{line}\n{PAGE}").readings
        causes = {cause for reading in readings for cause in reading.causes}
        assert readings, f"nothing matches {line!r}"
        assert not causes or case["cause"] in causes, f"{line!r} is read as {causes}"


@pytest.mark.parametrize("case", RECORDED, ids=NAMES)
def test_recorded_lines_together_name_their_cause(case):
    assert case["cause"] in causes_of(case["lines"])


@pytest.mark.parametrize("mistake", MISTAKES, ids=NAMES)
def test_a_proxy_still_logs_what_is_understood(mistake, dss):
    _, lines = record(mistake, RECIPES[mistake.proxy], dss)
    assert mistake.cause in causes_of(lines), "\n".join(lines)


def causes_of(lines):
    """Return the causes of the first reading."""
    readings = symptoms.read("\n".join([*lines, PAGE])).readings
    return readings[0].causes if readings else ()
