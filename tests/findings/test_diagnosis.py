"""A diagnosis holds together, whatever the evidence."""

import pytest
from support.evidence import (
    CLOSED,
    OPEN,
    everywhere,
    handshakes,
    no_tunnel,
    not_connected,
    observed,
    response,
    with_policy,
)
from support.impossible import impossible
from support.random_evidence import random_evidence

from checks.findings import cause, diagnose
from checks.findings.facts import Facts

EXIT_CODES = {
    "works": (observed(handshakes(OPEN)), 0),
    "a cause": (everywhere(response(502)), 1),
    "no cause, and a response": (everywhere(response(500)), 1),
    "no connection": (not_connected("tcp", "connection refused"), 2),
    "no response": (everywhere(CLOSED), 2),
    "a cause without a response": (no_tunnel(407), 1),
}


@pytest.mark.parametrize(("evidence", "code"), EXIT_CODES.values(), ids=EXIT_CODES)
def test_the_exit_code_tells_whether_it_works(evidence, code):
    assert diagnose(evidence).exit_code == code


def test_a_healthy_site_works():
    assert diagnose(observed(handshakes(OPEN))).works


def test_a_broken_site_does_not_work():
    assert not diagnose(everywhere(response(502))).works


@pytest.mark.parametrize("name", ["id", "title", "hop", "summary", "fix"])
def test_a_finding_has_the_texts_of_its_rule(name):
    (finding,) = diagnose(everywhere(response(502))).findings
    assert getattr(finding, name) == getattr(cause("backend-down"), name)


def test_a_proof_tells_whether_the_page_is_refused_too():
    (finding,) = diagnose(no_tunnel(403, page=response(403), health_check=response(403))).findings
    assert "it refuses the page too" in finding.proof


@pytest.mark.parametrize("url", ["http://[half", "http://h:port", "", "\x00"])
def test_a_malformed_url_gets_a_diagnosis(url):
    (finding,) = diagnose(with_policy("connect-src a; default-src b", url=url)).findings
    assert finding.id in {"works", "csp-blocks"}


SEEDS = pytest.mark.parametrize("seeds", [range(first, first + 250) for first in range(0, 2000, 250)], ids=str)


@SEEDS
def test_works_is_never_beside_a_cause(seeds):
    diagnoses = {seed: [finding.id for finding in diagnose(random_evidence(seed)).findings] for seed in seeds}
    assert {seed: found for seed, found in diagnoses.items() if "works" in found and len(found) > 1} == {}


@SEEDS
def test_candidates_have_a_next_step(seeds):
    diagnoses = {seed: diagnose(random_evidence(seed)) for seed in seeds}
    assert [seed for seed, each in diagnoses.items() if each.candidates and not each.next_step] == []


@SEEDS
def test_proven_evidence_has_no_candidates(seeds):
    diagnoses = {seed: diagnose(random_evidence(seed)) for seed in seeds}
    assert [seed for seed, each in diagnoses.items() if each.findings and each.candidates] == []


@SEEDS
def test_no_candidate_is_impossible(seeds):
    wrong = {
        seed: impossible(random_evidence(seed)) & set(diagnose(random_evidence(seed)).candidates) for seed in seeds
    }
    assert {seed: causes for seed, causes in wrong.items() if causes} == {}


@SEEDS
def test_no_step_claims_a_rejection_where_nothing_responded(seeds):
    drawn = {seed: random_evidence(seed) for seed in seeds}
    silent = {seed: each for seed, each in drawn.items() if not (Facts(each).responded or each.route.tunnel.status)}
    steps = {seed: diagnose(evidence).next_step for seed, evidence in silent.items()}
    assert {seed: step for seed, step in steps.items() if "reject" in step or "redirect" in step} == {}
