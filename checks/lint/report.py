"""Show a report of the lint as text, JSON, annotations of GitHub, or SARIF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from checks.report.text import WIDTH, clean, wrap

from .judge import SEVERITIES, Finding, Report

PLACE = 22
"""Columns for the severity and the line."""

LEVELS = {"broken": "error", "depends": "warning", "endangers": "warning", "note": "notice"}
"""The level of each severity on GitHub."""


def lines_of(report: Report) -> Iterator[str]:
    """Yield the lines of a report for a terminal."""
    name = clean(report.file or "input")
    told: dict[tuple[tuple[str, str], ...], str] = {}
    same: list[str] = []
    number = 0
    for (file, where), findings in _grouped(report.findings).items():
        signature = tuple((each.rule, each.says) for each in findings)
        if signature in told:
            other = f" of {clean(file)}" if file != report.file else ""
            same.append(f"Same findings in {clean(where)}: {_lines(findings)}{other}.")
            continue
        told[signature] = where
        yield from [""] * bool(number)
        number += 1
        yield from wrap(f"{clean(file or 'input')}   {report.proxy}: {clean(where)}")
        for each in findings:
            yield from _lines_of_finding(each)
    if not number:
        yield f"{name}   {report.proxy}"
    yield from _rest("seen", [*report.seen, *same])
    yield from _rest("unknown", report.unknown)
    yield from _verdict(report)


def _grouped(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Return the findings by their file and the blocks that they are about."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for each in findings:
        found.setdefault((each.file, " and ".join(each.where)), []).append(each)
    return found


def _lines(findings: list[Finding]) -> str:
    numbers = sorted({each.line for each in findings})
    return f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _lines_of_finding(finding: Finding) -> Iterator[str]:
    first = f"  {finding.severity:<10} line {finding.line}"
    yield from wrap(clean(finding.says, 1000), f"{first:<{PLACE}}", " " * PLACE, max(WIDTH, 96))
    if finding.fix:
        yield f"{' ' * PLACE}fix: {clean(finding.fix, 500)}"


def _rest(label: str, texts: list[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield from wrap(clean(text, 500), f"  {label if not number else '':<10} ", " " * 13, max(WIDTH, 96))


def _verdict(report: Report) -> Iterator[str]:
    """Say in one sentence what is known; never more where something is unknown."""
    if any(each.severity == "broken" for each in report.findings):
        return
    if not report.decided and not report.findings and not report.unknown:
        yield f"  {'verdict':<10} Found no line that sends a WebSocket to a server. Give the other files too."
    elif not report.decided:
        yield f"  {'verdict':<10} It is not known whether a WebSocket opens. Give the files that are missing too."
    elif not report.findings:
        rest = " in these lines, but what was not given may" if report.unknown else ""
        yield f"  {'verdict':<10} Found nothing that breaks a WebSocket{rest}."


def as_json(reports: Iterable[Report], page_of: Any) -> list[dict[str, Any]]:
    """Return all findings as plain values."""
    return [
        {
            "file": each.file,
            "line": each.line,
            "severity": each.severity,
            "rule": each.rule,
            "says": each.says,
            "fix": each.fix,
            "page": page_of(each.cause),
        }
        for report in reports
        for each in report.findings
    ]


def as_github(reports: Iterable[Report]) -> Iterator[str]:
    """Yield a workflow command of GitHub Actions for each finding."""
    for report in reports:
        for each in report.findings:
            message = _escaped(f"{each.says}{' Fix: ' + each.fix if each.fix else ''}")
            place = f"file={_escaped(each.file, more=True)},line={each.line},title={each.rule} ({each.severity})"
            yield f"::{LEVELS[each.severity]} {place}::{message}"
        for text in report.unknown:
            yield f"::notice file={_escaped(report.file, more=True)},title=unknown::{_escaped(text)}"


def _escaped(text: str, *, more: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if more else text


def as_sarif(reports: Iterable[Report], rules: list[Any], version: str, page_of: Any) -> dict[str, Any]:
    """Return a log of SARIF 2.1.0."""
    levels = {"broken": "error", "depends": "warning", "endangers": "warning", "note": "note"}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "websocket-doctor",
                        "version": version,
                        "rules": [
                            {
                                "id": rule["id"],
                                "shortDescription": {"text": rule["says"]},
                                "help": {"text": page_of(rule["cause"])},
                            }
                            for rule in rules
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": each.rule,
                        "level": levels[each.severity],
                        "message": {"text": f"{each.says}{' Fix: ' + each.fix if each.fix else ''}"},
                        "properties": {"severity": each.severity},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": each.file},
                                    "region": {"startLine": max(1, each.line)},
                                }
                            }
                        ],
                    }
                    for report in reports
                    for each in report.findings
                ],
            }
        ],
    }


def worst(reports: Iterable[Report]) -> int:
    """Return the exit code: 0 nothing, 1 findings, 2 not decided."""
    found = list(reports)
    serious = SEVERITIES[:3]
    if any(each.severity in serious for report in found for each in report.findings):
        return 1
    return 0 if found and all(report.decided for report in found) else 2
