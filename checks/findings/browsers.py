"""Compare the handshakes of several browsers on one path."""

from __future__ import annotations

from typing import NamedTuple

from checks.evidence import CLOSED, OTHER_BROWSERS, Handshake, Variant
from checks.findings.facts import TOO_MANY, Facts

BROWSERS: dict[Variant, str] = {"firefox": "Firefox", "safari": "Safari"}
"""The variants with the handshake of a browser, and its name."""

CHROMIUM = "Chrome, Edge"

REPEATED = 3
"""How often the handshakes of two browsers must differ."""


class Split(NamedTuple):
    """The browsers whose handshakes open on a path, and those whose do not."""

    path: str
    opened: list[str]
    refused: dict[str, Handshake]
    """The last handshake by browser."""
    by_connection: bool | None
    """Whether the value of Connection decides; None if that was not tried."""


def split(facts: Facts) -> Split | None:
    """Return how browsers differ; None if they do not, or have several outcomes."""
    for path in facts.evidence.paths:
        tried = _attempts(facts, path)
        refused = {name: shakes[-1] for name, shakes in tried.items() if not shakes[0].opened}
        opened = [name for name in tried if name not in refused]
        if refused and opened and _consistent(tried) and all(map(_rejected, refused.values())):
            return Split(path, opened, refused, _by_connection(facts, path))
    return None


def _attempts(facts: Facts, path: str) -> dict[str, list[Handshake]]:
    """Return the handshakes on a path by browser, for those that were tried."""
    names = (CHROMIUM, *map(BROWSERS.__getitem__, OTHER_BROWSERS))
    return {name: shakes for name, shakes in zip(names, facts.every_attempt(path)) if shakes}


def _consistent(tried: dict[str, list[Handshake]]) -> bool:
    """Tell whether each browser has one outcome.

    It was seen several times for Chrome, and for each browser that differs from it.
    """
    chromium = tried.get(CHROMIUM, [])
    differing = [shakes for shakes in tried.values() if chromium and shakes[0].opened != chromium[0].opened]
    repeated = all(len(shakes) >= REPEATED for shakes in (chromium, *differing))
    return repeated and all(len({shake.opened for shake in shakes}) == 1 for shakes in tried.values())


def opens_in_another(facts: Facts) -> bool:
    """Tell whether the WebSocket opens in a browser, and not in Chrome."""
    found = split(facts)
    return found is not None and CHROMIUM in found.refused


def _rejected(shake: Handshake) -> bool:
    """Tell whether the handshake was rejected, and not because of a limit."""
    return CLOSED in shake.response.error or shake.response.status not in {0, *TOO_MANY}


def _by_connection(facts: Facts, path: str) -> bool | None:
    """Tell whether Chrome's handshake has Firefox's result with its Connection."""
    tried = [shake.opened for shake in facts.evidence.handshakes if (shake.path, shake.variant) == (path, "keep-alive")]
    chromium, firefox = (facts.evidence.handshake(path, variant).opened for variant in ("", "firefox"))
    return tried[0] == firefox if tried and chromium != firefox else None
