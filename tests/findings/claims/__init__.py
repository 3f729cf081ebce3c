"""The claims that a diagnosis makes, and what makes each of them true.

A proof is clauses between semicolons, an advice is sentences, and a report is rows. Each of these matches one pattern
here, or is a failure, so that no new sentence goes unchecked. The functions read the evidence afresh, without `Facts`.
"""

import html
import importlib
import pkgutil
import re
from functools import cache

TABLES = {"proof": [], "advice": [], "row": [], "summary": []}
"""The claims by kind.

Each is a pattern for the whole text, and a function of the evidence and the groups of the pattern.
"""

INSTRUCTION = re.compile(
    r"(?:add|ask|check|compare|connect|correct|find|if|look|make|open|otherwise|pass|point|repeat|run|sign in|switch"
    r"|take|temporarily|test|turn|use|wait|write)\b(?!.*(?:\bbecause\b|, but |; )).*",
    re.IGNORECASE | re.DOTALL,
)
"""A sentence that only says what to do; a condition claims nothing either."""

GATEWAY = {502, 503, 504}
LIMITED = {0, 429, *GATEWAY}


def claims(pattern, kind="proof"):
    """Add a function to a table, under its pattern."""

    def add(is_true):
        TABLES[kind].append((re.compile(pattern, re.DOTALL), is_true))
        return is_true

    return add


@cache
def tables():
    """Import every module of claims, and return the tables."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return TABLES


def holds(text, evidence, kind="proof"):
    """Tell whether a claim of this kind matches a text, and is true of the evidence."""
    matches = ((pattern.fullmatch(text), is_true) for pattern, is_true in tables()[kind])
    return any(match and is_true(evidence, *match.groups()) for match, is_true in matches)


def untrue(proof, evidence):
    """Return a proof from its first untrue or unknown clause on, or nothing.

    What a server sent may contain semicolons, so a clause may have several parts.
    """
    parts = proof.split("; ")
    reached = {0}
    for start in range(len(parts)):
        ends = range(start + 1, len(parts) + 1) if start in reached else ()
        reached |= {end for end in ends if holds("; ".join(parts[start:end]), evidence)}
    return "" if len(parts) in reached else "; ".join(parts[max(reached) :])


def untrue_advice(advice, evidence):
    """Return the first sentence of an advice that is untrue or unknown."""
    if not advice or holds(advice, evidence, "advice"):
        return ""
    sentences = re.split(r"\. (?=[A-Z])", advice)
    wrong = (each for each in sentences if not (holds(each, evidence, "advice") or INSTRUCTION.fullmatch(each)))
    return next(wrong, "")


def untrue_row(row, evidence):
    """Tell whether a row of the report is untrue or unknown."""
    return not holds(row, evidence, "row")


def firsts(evidence):
    """Return the first handshake of a browser on each path."""
    return [evidence.handshake(path) for path in evidence.paths]


def of(evidence, variant):
    """Return the handshakes with this change."""
    return [shake for shake in evidence.handshakes if shake.variant == variant]


def closed(evidence):
    """Return the first handshakes that opened no WebSocket."""
    return [shake for shake in firsts(evidence) if not shake.opened]


def pages(evidence):
    """Return the responses to page and health check, unless the URL is a WebSocket's."""
    return [] if evidence.url.startswith("ws") else [evidence.page, evidence.health_check]


def rechecks(evidence, *moments, upgrade):
    """Return the requests of the second look at these moments."""
    return [each for each in evidence.rechecks if each.moment in moments and each.upgrade == upgrade]


def near(number, values):
    """Tell whether a printed number is one of the values, rounded."""
    return any(abs(float(number) - value) <= 0.5 for value in values)


def words(text):
    """Return the words of a text, without tags, entities and quotes."""
    return re.findall(r"\w+", html.unescape(re.sub(r"<[^>]{0,200}>", " ", text)).replace("\\", "").lower())


def quotes(phrase, response):
    """Tell whether a response has this phrase."""
    return " ".join(words(phrase)) in " ".join(words(f"{response.reason}\n{response.body}"))
