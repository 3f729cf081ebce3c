"""A drop that comes a second early or late changes no cause into another."""

import itertools
from dataclasses import replace

import pytest
from findings.cases import idle_timeout, lifetime_limit, proxy_reload

from checks.findings import diagnose

JITTER = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Seconds."""

CASES = {
    f"{name}: {title}": (name, evidence)
    for name, module in (
        ("idle-timeout", idle_timeout),
        ("lifetime-limit", lifetime_limit),
        ("proxy-reload", proxy_reload),
    )
    for title, evidence in module.FIRES.items()
}


def shifted(evidence):
    """Yield the evidence with each drop a little earlier or later."""
    for shifts in itertools.product(JITTER, repeat=len(evidence.holds)):
        pairs = zip(evidence.holds, shifts, strict=True)
        holds = [replace(hold, seconds=max(0.0, hold.seconds + shift * hold.dropped)) for hold, shift in pairs]
        yield replace(evidence, holds=tuple(holds))


@pytest.mark.parametrize(("name", "evidence"), CASES.values(), ids=CASES)
def test_jitter_turns_no_cause_into_another(name, evidence):
    named = {tuple(finding.id for finding in diagnose(each).findings) for each in shifted(evidence)}
    assert named <= {(name,), ()}


@pytest.mark.parametrize("evidence", [evidence for _, evidence in CASES.values()], ids=list(CASES))
def test_undecided_jitter_leaves_candidates(evidence):
    undecided = [each for each in map(diagnose, shifted(evidence)) if not each.findings]
    assert [each for each in undecided if not each.candidates] == []
