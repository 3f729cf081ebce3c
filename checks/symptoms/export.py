"""What docs/_static/symptoms.js needs to read a text as `read` does."""

from __future__ import annotations

from re import Pattern
from typing import Any

from checks.symptoms import answer, data, match, prefilter, sockets, text
from checks.symptoms.regex import SOURCES

PATTERNS: dict[str, Pattern[str]] = {
    "about": match.ABOUT,
    "arguments": answer.ARGUMENTS,
    "begun": match.BEGUN,
    "blanks": text.BLANKS,
    "breaks": text.LINE_BREAKS,
    "dashes": text.DASHES,
    "dss": sockets.DSS_PATH,
    "each": text.EACH_LINE,
    "entity": text.ENTITY,
    "escapes": text.ESCAPES,
    "foreign": match.FOREIGN,
    "host": sockets.HOST,
    "invisible": text.INVISIBLE,
    "loopback": sockets.LOOPBACK,
    "page": sockets.PAGE,
    "query": text.QUERY,
    "quotes": text.QUOTES,
    "secrets": answer.SECRETS,
    "source": text.SOURCE,
    "start": text.START,
    "surely": match.SURELY,
    "url": sockets.URL,
}


def for_page() -> dict[str, Any]:
    """Return the symptoms, patterns and limits, ready for JSON."""
    return {
        "limit": text.LIMIT,
        "tail": text.TAIL,
        "most": data.MOST_CAUSES,
        "log": answer.LOG,
        "rare": answer.RARE,
        "shown": answer.SHOWN,
        "quoted": answer.MOST_LINES,
        "head": prefilter.HEAD,
        "window": match.WINDOW,
        "typos": [[right, SOURCES[wrong]] for right, wrong in text.TYPOS.items()],
        "entities": text.ENTITIES,
        "ports": sockets.PORTS,
        "unencrypted": sorted(sockets.UNENCRYPTED),
        "elsewhere": sorted(sockets.ELSEWHERE),
        "patterns": {name: SOURCES[pattern] for name, pattern in PATTERNS.items()},
        "questions": answer.QUESTIONS,
        "replies": answer.REPLIES,
        "symptoms": [_symptom(symptom) for symptom in data.symptoms()],
    }


def _symptom(symptom: data.Symptom) -> dict[str, Any]:
    fields = {
        "pattern": text.straight(symptom.pattern),
        "clauses": symptom.clauses,
        "digits": symptom.number,
        "causes": symptom.causes,
        "means": symptom.means,
        "next": symptom.next,
        "weight": symptom.weight,
        "needs": symptom.needs_websocket,
        "when": symptom.when,
        "gate": text.straight(symptom.gate),
        "lines": symptom.most_lines,
        "case": symptom.case,
        "harmless": symptom.harmless,
    }
    return {name: value for name, value in fields.items() if value}
