"""The causes, one module each, found by listing this folder.

A module has a first docstring line (what is wrong, one line), `FIX` (the one thing to do) and
`proof(evidence)`, a pure function that returns what proves the cause, with both sides, or None.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from checks.evidence import Evidence

SITE = os.environ.get("SITE_URL", "")
"""Where the site is published; empty where it is not, and pages are then those of the checkout."""


@dataclass(frozen=True)
class Finding:
    """A cause that the evidence proves."""

    id: str
    summary: str
    proof: str
    fix: str
    page: str


def ids() -> list[str]:
    """Return the id of every finding, kebab-case, as in pages, addresses, twins and output."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def module(finding: str) -> ModuleType:
    """Return the module of a finding.

    Raises LookupError that names the ids there are.
    """
    if finding not in ids():
        raise LookupError(f"there is no finding {finding!r}; there are: {', '.join(ids())}")
    return importlib.import_module(f"{__name__}.{finding.replace('-', '_')}")


def summary(finding: str) -> str:
    """Return in one line what is wrong."""
    return (module(finding).__doc__ or "").splitlines()[0].rstrip(".")


def page(finding: str) -> str:
    """Return where the page of a finding is."""
    return f"{SITE}findings/{finding}.html" if SITE else f"docs/findings/{finding}.md"


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return every cause that this evidence proves."""
    found = []
    for name in ids():
        rule = module(name)
        if proof := rule.proof(evidence):
            found.append(Finding(name, summary(name), proof, rule.FIX, page(name)))
    return found
