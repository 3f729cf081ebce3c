"""Judge the facts of a configuration by the rules, which are data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .text import VALUE, before
from .tree import ADDRESSES, Fact, Model, Options, Route

SEVERITIES = ["broken", "depends", "endangers", "note"]


@dataclass
class Finding:
    """A line that breaks or endangers a WebSocket."""

    rule: str
    severity: str
    file: str
    line: int
    says: str
    fix: str
    """Lines to write, or what to do."""
    cause: str
    where: list[str] = field(default_factory=list)
    """The blocks that it is about."""
    address: str = ""
    writes: bool = False
    """Whether the fix is lines to write."""


@dataclass
class Report:
    """What a lint found in one file."""

    file: str
    proxy: str
    """What people call the proxy."""
    findings: list[Finding] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    pending: dict[str, list[str]] = field(default_factory=dict)
    """The unknown facts, by their reason."""
    decided: bool = True
    """Whether it is known if a WebSocket opens."""


def judge(model: Model, options: Options, rules: list[Any], file: str, titles: dict[str, str]) -> Report:
    """Return a report; `titles` are what people call the proxies."""
    report = Report(file, titles[model.proxy])
    about: dict[str, list[Any]] = {}
    for rule in rules:
        about.setdefault(rule["fact"], []).append(rule)
    for route in model.routes:
        for fact in route.facts:
            for rule in about.get(fact.key, []):
                if fact.key == "path" and route.address not in ADDRESSES and fact.value != "decoded":
                    continue
                if applies(rule, fact, model.proxy, options):
                    _add(report, rule, fact, route, options, titles[route.proxy])
        _see(report, route)
    for reason, subjects in report.pending.items():
        report.unknown.append(f"{', '.join(subjects)}: {reason}.")
    report.unknown += [
        f"{what} was not given." for what in model.missing if f"{what} was not given." not in report.unknown
    ]
    report.unknown = [each.replace(VALUE, "…") for each in report.unknown]
    report.findings.sort(key=lambda each: SEVERITIES.index(each.severity) * 1000000 + each.line)
    report.decided = bool(model.routes) and not any(
        fact.unless for route in model.routes for fact in route.facts if fact.key in ["upgrade", "connection"]
    )
    return report


def applies(rule: Any, fact: Fact, proxy: str, options: Options) -> bool:
    """Return whether a rule is about a fact, with this version and this server."""
    if rule["fact"] != fact.key or ("only" in rule and rule["only"] != options.server):
        return False
    until = rule.get("until", {})
    if proxy in until and options.version and not before(options.version, until[proxy]):
        return False
    if rule.get("known_only", False) and not options.version:
        return False
    since = rule.get("since", {})
    if proxy in since and options.version and before(options.version, since[proxy]):
        return False
    if "below" in rule and fact.number >= rule["below"]:
        return False
    return "is" not in rule or bool(fact.value in rule["is"])


def filled(sentence: str, fact: Fact, title: str) -> str:
    """Return a sentence with its blanks filled."""
    whole = sentence.replace("{proxy}", title)
    for name, value in fact.text.items():
        whole = whole.replace("{" + name + "}", value)
    return whole[:1].upper() + whole[1:] if whole.startswith(("the ", "a ")) else whole


def _add(report: Report, rule: Any, fact: Fact, route: Route, options: Options, title: str) -> None:
    proxy = route.proxy
    severity, says = rule["severity"], rule["says"]
    if options.version and "says_known" in rule:
        says = rule["says_known"]
    if fact.unless:
        if severity == "note":
            return
        if "unsure" not in rule:
            _wait(report, fact, route)
            return
        severity, says = rule["unsure"], rule["says_unsure"]
    lines = rule.get("fix", {}).get(proxy, "")
    fix = filled(lines or advice(rule, proxy), fact, title)
    made = Finding(rule["id"], severity, fact.file, fact.line, filled(says, fact, title), fix, rule["cause"])
    made.writes = bool(lines)
    same = [
        each for each in report.findings if each.rule == made.rule and each.line == made.line and each.file == made.file
    ]
    if same:
        made = same[0]
    else:
        made.address = route.address
        report.findings.append(made)
    if route.where not in made.where:
        made.where.append(route.where)


def advice(rule: Any, proxy: str) -> str:
    """Return what to do where a rule has no lines to write."""
    found: Any = rule.get("advice", "")
    if isinstance(found, dict):
        found = found.get(proxy, found.get("", ""))
    return str(found)


def _wait(report: Report, fact: Fact, route: Route) -> None:
    """Keep what is unknown, to say it in one sentence for each reason."""
    subjects = report.pending.setdefault(f"{fact.unless}, in {route.where}", [])
    subject = SUBJECTS.get(fact.key, fact.key)
    if subject not in subjects:
        subjects.append(subject)


SUBJECTS: dict[str, str] = {
    "upgrade": "Upgrade",
    "connection": "Connection",
    "http": "HTTP version",
    "host": "Host",
    "idle": "idle timeout",
    "response": "response",
    "answer": "destination",
}
"""What an uncertain fact is about."""


def _place(report: Report, fact: Fact) -> str:
    """Return the line of a fact, and its file if that is another one."""
    return f"line {fact.line}" if fact.file == report.file else f"{fact.file}, line {fact.line}"


def _see(report: Report, route: Route) -> None:
    """Add what the configuration does right, with its lines."""
    forwarded = [
        fact for fact in route.facts if fact.key == "upgrade" and fact.value == "forwarded" and not fact.unless
    ]
    texts = [f"Upgrade is forwarded ({_place(report, fact)})." for fact in forwarded]
    for fact in route.facts:
        if fact.key == "host" and fact.value == "kept" and not fact.unless:
            texts.append(f"Host is forwarded ({_place(report, fact)}).")
        if fact.key == "idle" and fact.number >= 120 and not fact.unless:
            texts.append(f"Idle connections stay open for {fact.text['time']} ({_place(report, fact)}).")
        if fact.unless and fact.key in ["upgrade", "connection"]:
            _wait(report, fact, route)
    for text in [*texts, *route.seen]:
        if text not in report.seen:
            report.seen.append(text)
