"""Each cause is proven by its evidence, and by nothing that only resembles it.

`cases/` has a module for each cause: what proves it, near misses that prove nothing, and evidence that leaves it open.
"""

import importlib
import pkgutil
from dataclasses import replace

import pytest
from findings import cases
from support.evidence import (
    HEALTHY,
    HTTPS,
    KERNEL,
    NOT_AN_UPGRADE,
    OPEN,
    PROXY,
    handshakes,
    observed,
    redirect,
    response,
    tls,
)

from checks.evidence import Handshake, Route
from checks.findings import cause, diagnose, ids
from checks.findings.rule import BEHIND_THE_FORWARD_PROXY
from checks.findings.rules import all_rules
from checks.probe import NOTIFICATIONS

CASES = {
    module.name.replace("_", "-"): importlib.import_module(f"findings.cases.{module.name}")
    for module in pkgutil.iter_modules(cases.__path__)
}


def cases_of(table):
    """Return the parameters (cause, case) of every case in the tables of this name."""
    tables = {name: getattr(module, table, {}) for name, module in CASES.items()}
    return [
        pytest.param(name, case, id=f"{name}: {title}")
        for name, table in tables.items()
        for title, case in table.items()
    ]


def found(evidence):
    return [finding.id for finding in diagnose(evidence).findings]


def test_every_cause_has_cases():
    differing = sorted(set(CASES) ^ set(ids()))
    assert not differing, f"expected one rule and one file in tests/findings/cases/ for each of {differing}"


@pytest.mark.parametrize("name", CASES)
def test_a_cause_has_evidence_that_proves_it(name):
    assert CASES[name].FIRES


@pytest.mark.parametrize("name", CASES)
def test_a_cause_has_near_misses(name):
    assert CASES[name].QUIET


@pytest.mark.parametrize(("name", "evidence"), cases_of("FIRES"))
def test_evidence_of_a_cause_proves_it_and_no_other(name, evidence):
    assert found(evidence) == [name]


@pytest.mark.parametrize(("name", "evidence"), cases_of("QUIET"))
def test_a_near_miss_proves_nothing(name, evidence):
    assert found(evidence) == [], f"near miss of {name}"


@pytest.mark.parametrize(("name", "case"), cases_of("UNDECIDED"))
def test_undecided_evidence_proves_nothing(name, case):
    assert found(case[0]) == [], f"undecided about {name}"


@pytest.mark.parametrize(("name", "case"), cases_of("UNDECIDED"))
def test_undecided_evidence_has_its_candidates(name, case):
    evidence, candidates = case
    assert list(diagnose(evidence).candidates) == candidates, f"undecided about {name}"


@pytest.mark.parametrize(("name", "case"), cases_of("UNDECIDED"))
def test_undecided_evidence_is_about_a_cause_of_its_own(name, case):
    assert name in case[1]


@pytest.mark.parametrize(("name", "case"), cases_of("UNDECIDED"))
def test_undecided_evidence_has_a_next_step(name, case):
    assert diagnose(case[0]).next_step, f"undecided about {name}"


@pytest.mark.parametrize("server", ["nginx", "Apache", "envoy", "istio-envoy"])
@pytest.mark.parametrize("plain", [200, 302, 400, 401, 403, 404, 405, 500], ids="without Upgrade {}".format)
@pytest.mark.parametrize("upgraded", [302, 400, 401, 403, 404, 500], ids="handshake {}".format)
def test_a_user_who_is_not_signed_in_gets_no_cause(upgraded, plain, server):
    answers = [response(status, Server=server, Location="/login", Content_Length="0") for status in (upgraded, plain)]
    assert found(observed(handshakes(*answers), handshakes(*answers, path=KERNEL))) == []


BEHIND = [
    case
    for case in cases_of("FIRES")
    if cause(case.values[0]).hop in BEHIND_THE_FORWARD_PROXY
    and not case.values[1].handshake(NOTIFICATIONS).opened
    and case.values[1].paths[:1] == [NOTIFICATIONS]
]


@pytest.mark.parametrize(("name", "evidence"), BEHIND)
def test_a_direct_success_clears_what_is_behind_the_forward_proxy(name, evidence):
    direct = Handshake(NOTIFICATIONS, "direct", OPEN)
    route = Route(PROXY, tunnel=HEALTHY)
    assert name not in found(replace(evidence, route=route, handshakes=(*evidence.handshakes, direct)))


LOST = response(400, NOT_AN_UPGRADE)
TWO_MISTAKES = observed(
    handshakes(redirect("/dip/websocket/?sessionId=diagnose00")), handshakes(LOST, LOST, path=KERNEL)
)


def test_two_mistakes_are_two_causes():
    assert found(TWO_MISTAKES) == ["redirect-on-handshake", "upgrade-not-forwarded"]


def test_the_nearest_cause_is_first():
    untrusted = replace(TWO_MISTAKES, url=HTTPS, route=Route(tls=tls(code=10)))
    assert found(untrusted) == ["cert-untrusted", "redirect-on-handshake", "upgrade-not-forwarded"]


def test_an_unknown_cause_is_an_error_that_lists_the_known():
    with pytest.raises(LookupError, match="unknown cause 'no-such'; expected one of accept-mismatch, "):
        cause("no-such")


TEXTS = [
    pytest.param(getattr(rule, name), id=f"{rule.id}: {name}")
    for rule in all_rules()
    for name in ("title", "summary", "fix")
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_a_rule_has_no_full_stop(text):
    assert not text.endswith(".")
