"""Every sentence of a diagnosis is true of its evidence, whatever the evidence."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import pytest
from findings import cases
from findings.claims import firsts, holds, untrue, untrue_advice, untrue_row
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from support.any_evidence import any_evidence, changed, rearranged
from support.impossible import impossible

from checks.evidence import Evidence
from checks.findings import HOPS, cause, diagnose
from checks.report import terminal
from checks.report.text import clean


def known():
    """Return every evidence in the cases of the rules."""
    modules = [importlib.import_module(f"findings.cases.{each.name}") for each in pkgutil.iter_modules(cases.__path__)]
    tables = [table for module in modules for table in vars(module).values() if isinstance(table, dict)]
    values = [value if isinstance(value, tuple) else (value,) for table in tables for value in table.values()]
    return [each for value in values for each in value if isinstance(each, Evidence)]


KNOWN = known()
EVIDENCE = {"a case with other values": st.sampled_from(KNOWN).flatmap(changed), "any values": any_evidence()}
QUICK = settings(
    max_examples=300,
    deadline=None,
    database=None,
    print_blob=False,
    verbosity=Verbosity.quiet,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Without shrinking, a failure takes no minutes; the message names what is wrong."""

EXAMPLES = {"a case with other values": 250, "any values": 80}
"""How many of each kind one test tries."""

OF_EACH_KIND = pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind in EVIDENCE for number in range(4)])


def brief(record):
    """Return a record as text, without the fields that have their default."""
    if isinstance(record, tuple):
        return f"({', '.join(map(brief, record))})"
    if not is_dataclass(record):
        return repr(record)
    values = {field.name: (getattr(record, field.name), field.default) for field in fields(record)}
    shown = [f"{name}={brief(value)}" for name, (value, default) in values.items() if value != default]
    return f"{type(record).__name__}({', '.join(shown)})"


def faults(evidence):
    """Yield what is wrong with a report, as sentences."""
    diagnosis = diagnose(evidence)
    found = {finding.id: untrue(finding.proof, evidence) for finding in diagnosis.findings}
    yield from (f"{name} claims: {clause}" for name, clause in found.items() if clause)
    summaries = [f"{finding.id}: {finding.summary}" for finding in diagnosis.findings]
    yield from (f"the summary {text!r}" for text in summaries if not holds(text, evidence, "summary"))
    if sentence := untrue_advice(diagnosis.next_step, evidence):
        yield f"the next step claims: {sentence}"
    if not (diagnosis.findings or diagnosis.next_step):
        yield "no finding, and no next step"
    if len(diagnosis.candidates) > 4:
        yield f"more than 4 candidates: {diagnosis.candidates}"
    places = [HOPS.index(cause(candidate).hop) for candidate in diagnosis.candidates]
    if places != sorted(places):
        yield f"candidates not in the order of the hops: {diagnosis.candidates}"
    if wrong := impossible(evidence) & set(diagnosis.candidates):
        yield f"impossible: {wrong}"
    if nothing_failed(evidence) and found.keys() - {"works"}:
        yield f"nothing failed, and still {set(found)}"
    yield from (f"the row {row!r}" for row in terminal.stages(evidence) if untrue_row(row, evidence))
    if diagnosis.exit_code == 2 and any(shake.response.status for shake in evidence.handshakes):
        yield "could not test, although something responded"


def nothing_failed(evidence):
    """Tell whether no probe failed, and nothing arrived changed."""
    browsers = [shake for shake in evidence.handshakes if shake.variant in {"", "again", "http2", "firefox", "safari"}]
    opened = [shake.opened and not shake.changed_headers and not shake.arrived_request for shake in browsers]
    opened += [shake.opened for shake in firsts(evidence)] + [each.opened for each in evidence.rechecks]
    needed = [evidence.page] if evidence.url.startswith("ws") else [evidence.page, evidence.health_check]
    loaded = all(page.status == 200 for page in needed)
    failed = [evidence.route.failed, evidence.route.tls.code, *(hold.dropped for hold in evidence.holds)]
    failed += [not size.passed for size in evidence.sizes]
    failed += [ping.error or ping.frame_error for ping in evidence.pings]
    failed += [evidence.route.tunnel.status not in {0, 200} or evidence.route.tunnel.error]
    has_policy = "Content-Security-Policy" in f"{evidence.page.headers} {evidence.page.body}"
    return loaded and all(opened) and not any(failed) and not has_policy and evidence.page.status != 101


@pytest.fixture(autouse=True)
def plain_rows(monkeypatch):
    """Print each row of a report on one line, without its time."""
    monkeypatch.setattr(terminal, "_row", lambda label, text, _seconds=0.0: [f"{label}\t{clean(text)}"])


def test_every_sentence_about_a_case_is_true():
    wrong = {brief(evidence): found for evidence in KNOWN if (found := list(faults(evidence)))}
    assert wrong == {}


@OF_EACH_KIND
def test_every_sentence_is_true(kind, number):
    @seed(number)
    @settings(QUICK, max_examples=EXAMPLES[kind])
    @given(EVIDENCE[kind])
    def reports(evidence):
        assert list(faults(evidence)) == [], brief(evidence)

    reports()


@pytest.mark.parametrize(("holds", "number"), [(holds, number) for holds in (False, True) for number in range(2)])
def test_neither_order_nor_time_changes_the_verdict(holds, number):
    """A proof from durations may be missing then, but not change.

    The durations are those of holds, and of a proxy that waited for its server.
    """
    pairs = st.sampled_from(KNOWN).flatmap(lambda each: st.tuples(st.just(each), rearranged(each, holds=holds)))

    @seed(number)
    @QUICK
    @given(pairs)
    def verdicts(pair):
        first, second = (diagnose(evidence) for evidence in pair)
        names = [finding.id for finding in first.findings]
        timed = names == ["backend-down"] or (holds and pair[0].holds and not first.works)
        found = [finding.id for finding in second.findings]
        assert found in ([names, []] if timed else [names]), brief(pair[1])
        assert timed or first.candidates == second.candidates

    verdicts()
