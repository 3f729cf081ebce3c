"""Which causes the evidence proves, which it only allows, and what to do next."""

from __future__ import annotations

import sys

from checks.findings.diagnosis import WORKS, Diagnosis, Finding, diagnose, page
from checks.findings.rule import HOPS, Hop, Rule
from checks.findings.rules import all_rules

__all__ = ["HOPS", "WORKS", "Diagnosis", "Finding", "Hop", "Rule", "cause", "diagnose", "ids", "page", "source"]


def ids() -> list[str]:
    """Return the id of every cause, sorted."""
    return sorted(rule.id for rule in all_rules())


def cause(id: str) -> Rule:  # noqa: A002  # the field has this name
    """Return the rule of a cause.

    Raises LookupError that lists the known ids.
    """
    for rule in all_rules():
        if rule.id == id:
            return rule
    raise LookupError(f"unknown cause {id!r}; expected one of {', '.join(ids())}")


def source(id: str) -> str:  # noqa: A002
    """Return the file that holds the rule of a cause."""
    return str(sys.modules[cause(id).module].__file__)
