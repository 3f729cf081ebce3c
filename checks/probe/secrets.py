"""What must not be in evidence, wherever a peer may have repeated it."""

from __future__ import annotations

import base64
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from checks.evidence import Evidence

from .target import NOTIFICATIONS, Target

MASK = "***"

TELLING = re.compile(r"(?i)token|key|secret|passw|pwd|auth|sig|jwt|session|code|credential")
"""Names of parameters whose values open doors."""

OURS = {"variant", "failed", "source", "host", "recorded_at", "skipped"}
"""Fields that hold no word of a peer, and no secret."""

ASKED = {"url", "path"}
"""Fields that hold what was asked for: only what follows the ? can be secret."""

SHORTEST = 4
"""Characters; what is shorter is no secret, and would be found in every text."""


def secrets(target: Target, paths: tuple[str, ...]) -> set[str]:
    """Return every text that is secret in what was asked."""
    said = {value for name, value in target.headers.items() if name.lower() != "cookie"}
    said |= {word for value in said for word in value.split()[1:]}
    cookies = next((value for name, value in target.headers.items() if name.lower() == "cookie"), "")
    said |= {cookie.partition("=")[2].strip() for cookie in cookies.split(";")}
    for address in (target.url, *paths):
        if address != NOTIFICATIONS:
            said |= {value for name, value in parse_qsl(urlsplit(address).query) if TELLING.search(name)}
            pairs = [part.partition("=") for part in urlsplit(address).query.split("&")]
            said |= {value for name, _, value in pairs if TELLING.search(name)}  # as it was typed
    if target.proxy and target.proxy.password:
        password = target.proxy.password
        said |= {password, base64.b64encode(f"{target.proxy.username}:{password}".encode()).decode()}
    return {text for text in said | {quote(text, safe="") for text in said} if len(text) >= SHORTEST}


def scrubbed(evidence: Evidence, texts: set[str]) -> Evidence:
    """Return the evidence with each of these texts masked, also where a peer sent it back."""
    if not texts:
        return evidence
    pattern = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
    clean: Evidence = _masked(evidence, pattern)
    return clean


def _masked(value: Any, pattern: re.Pattern[str], *, asked: bool = False) -> Any:
    """Return the same with the pattern masked in every text, but for the words that are ours."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in OURS}
        return replace(value, **{name: _masked(each, pattern, asked=name in ASKED) for name, each in kept.items()})
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return (value[0], _masked(value[1], pattern))  # a header's name is no secret, and findings go by it
    if isinstance(value, tuple):
        return tuple(_masked(each, pattern) for each in value)
    if not isinstance(value, str):
        return value
    before, mark, rest = value.partition("?") if asked else ("", "", value)
    return before + mark + pattern.sub(MASK, rest)
