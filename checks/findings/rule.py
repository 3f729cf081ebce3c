"""The type of a rule: everything about one cause, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Optional

from checks.findings.facts import Facts

Hop = Literal["computer", "network", "forward proxy", "TLS", "gateway", "reverse proxy", "any", "server"]
"""Where a cause can be."""

HOPS: tuple[Hop, ...] = ("computer", "network", "forward proxy", "TLS", "gateway", "reverse proxy", "any", "server")
"""Every hop, nearest to the user first."""

BEFORE_THE_SERVER: frozenset[Hop] = frozenset({"computer", "network", "forward proxy", "TLS"})
"""The hops in front of everything that belongs to the server."""

BEHIND_THE_FORWARD_PROXY: frozenset[Hop] = frozenset({"gateway", "reverse proxy", "server"})
"""The hops that a connection without the forward proxy passes as well."""

Check = Callable[[Facts], Optional[str]]


@dataclass(frozen=True)
class Rule:
    """One cause: its texts, where it is, and the checks that recognize it.

    Texts have no full stop. The checks are pure and never raise.
    """

    module: str
    """The full name of the module that holds the rule."""
    title: str
    """The cause for people, as in headings."""
    hop: Hop
    symptom: str
    """What users see, in one line."""
    summary: str
    """The cause in one sentence."""
    fix: str
    """The one thing to do, in the imperative."""
    detect: Check
    """Return what proves the cause, with the expected and the actual value, or None."""
    suspect: Check | None = None
    """Return what to try next if the evidence allows the cause, or None."""

    @cached_property
    def id(self) -> str:
        """The name of the module in kebab case, as in URLs and output."""
        return self.module.rpartition(".")[2].replace("_", "-")
