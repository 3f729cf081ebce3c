"""Apply every rule to the evidence, once."""

from __future__ import annotations

import os
from dataclasses import dataclass

from checks.evidence import Evidence
from checks.findings.advice import DEFAULT_PAGE, MOVED, NOT_DSS
from checks.findings.browsers import opens_in_another
from checks.findings.facts import Facts
from checks.findings.next_steps import next_step
from checks.findings.rule import BEFORE_THE_SERVER, BEHIND_THE_FORWARD_PROXY, Hop, Rule
from checks.findings.rules import all_rules

SITE = os.environ.get("SITE_URL", "")
"""The URL of the published site; empty if it is not known."""

WORKS = "works"
"""The id of the finding that nothing is wrong."""

UNREACHABLE = "unreachable"
"""The id of the finding that nothing could be tested."""

INTERMITTENT = "intermittent"
"""The id of the finding that makes every comparison of two handshakes unreliable."""

BROWSER_REFUSED = "browser-refused"
"""The id of the finding that the headers of the browser decide."""

EXHAUSTED = "connections-exhausted"
"""The id of the finding that explains different outcomes of one handshake."""


MOST = 4
"""How many candidates a diagnosis lists, the nearest to the user first."""


@dataclass(frozen=True)
class Finding:
    """A cause that the evidence proves."""

    id: str
    title: str
    """The cause for people, as in headings."""
    hop: Hop
    """Where the cause is."""
    summary: str
    """The cause in one sentence, without its full stop."""
    proof: str
    """What proves it, with the expected and the actual value."""
    fix: str
    """The one thing to do."""
    page: str
    """The URL of its page; empty if the URL of the site is not known."""


@dataclass(frozen=True)
class Diagnosis:
    """The proven causes, or the candidates and the next step."""

    findings: tuple[Finding, ...]
    """The proven causes, nearest to the user first; `works` alone if nothing is wrong."""
    candidates: tuple[str, ...] = ()
    """The ids of the causes that the evidence allows but does not prove."""
    next_step: str = ""
    """What to try next, without a full stop."""
    exit_code: int = 1
    """0 if it works, 1 if a cause was found or something does not work, 2 if nothing could be tested."""

    @property
    def works(self) -> bool:
        """Whether nothing is wrong."""
        return any(finding.id == WORKS for finding in self.findings)


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the proven causes, or the candidates and the next step."""
    facts = Facts(evidence)
    rules = _applicable(facts)
    proofs = {rule: proof for rule in rules if rule.id != WORKS and (proof := rule.detect(facts))}
    if not proofs:
        proofs = {rule: proof for rule in rules if rule.id == WORKS and (proof := rule.detect(facts))}
    findings = tuple(_finding(rule, proof) for rule, proof in proofs.items())
    candidates, step = ((), "") if findings else _undecided(facts, rules)
    return Diagnosis(findings, candidates, step, _exit_code(facts, findings))


def page(cause: str) -> str:
    """Return the URL of a cause's page; empty if that of the site is not known."""
    return f"{SITE.rstrip('/')}/findings/{cause}.html" if SITE else ""


def _applicable(facts: Facts) -> list[Rule]:
    """Return the rules that this evidence can support."""
    rules = all_rules()
    if facts.inconsistent_paths:  # a comparison of two handshakes proves nothing
        return [rule for rule in rules if rule.hop == "TLS" or rule.id in {INTERMITTENT, EXHAUSTED}]
    if opens_in_another(facts):  # so nothing is broken for every browser
        return [rule for rule in rules if rule.hop == "TLS" or rule.id == BROWSER_REFUSED]
    if facts.opens_without_proxy:  # so nothing is broken behind the forward proxy
        return [rule for rule in rules if rule.hop not in BEHIND_THE_FORWARD_PROXY]
    return list(rules)


def _finding(rule: Rule, proof: str) -> Finding:
    return Finding(rule.id, rule.title, rule.hop, rule.summary, proof, rule.fix, page(rule.id))


def _undecided(facts: Facts, rules: list[Rule]) -> tuple[tuple[str, ...], str]:
    """Return the candidates and the next step."""
    if facts.moved_to:
        return (), MOVED.format(url=facts.moved_to)
    if facts.default_page:
        return (), DEFAULT_PAGE.format(program=facts.default_page)
    suspected = {rule: advice for rule in rules if rule.suspect and (advice := rule.suspect(facts))}
    candidates = tuple(rule.id for rule in suspected)[:MOST]
    nearest, advice = next(iter(suspected.items()), (None, ""))
    before_the_server = nearest is not None and nearest.hop in BEFORE_THE_SERVER
    if facts.may_not_be_dss and not before_the_server and not facts.opened_paths:
        return candidates, NOT_DSS
    return candidates, advice or next_step(facts)


def _exit_code(facts: Facts, findings: tuple[Finding, ...]) -> int:
    ids = {finding.id for finding in findings}
    if WORKS in ids:
        return 0
    return 1 if facts.responded or ids - {UNREACHABLE} else 2
