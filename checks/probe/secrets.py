"""What must not be in evidence, wherever a peer may have repeated it."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import parse_qsl, quote, urlsplit

from checks.evidence import Evidence

from .target import NOTIFICATIONS, Target

MASK = "***"

TELLING = re.compile(r"(?i)token|key|secret|passw|pwd|auth|sig|jwt|session|code|credential")
"""Names of parameters whose values open doors."""

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
    if target.proxy and target.proxy.password:
        password = target.proxy.password
        said |= {password, base64.b64encode(f"{target.proxy.username}:{password}".encode()).decode()}
    return {text for text in said | {quote(text, safe="") for text in said} if len(text) >= SHORTEST}


def scrubbed(evidence: Evidence, texts: set[str]) -> Evidence:
    """Return the evidence with each of these texts masked, also where a peer sent it back."""
    if not texts:
        return evidence
    longest_first = sorted((json.dumps(text)[1:-1] for text in texts), key=len, reverse=True)
    return Evidence.from_json(re.sub("|".join(map(re.escape, longest_first)), MASK, evidence.to_json()))
