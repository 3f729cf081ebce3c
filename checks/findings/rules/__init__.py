"""The causes: each module in this folder has a `RULE`, and no list names it."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from checks.findings.rule import HOPS, Rule


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, nearest to the user first."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found: list[Rule] = [importlib.import_module(f"{__name__}.{name}").RULE for name in names]
    return tuple(sorted(found, key=lambda rule: (HOPS.index(rule.hop), rule.id)))
