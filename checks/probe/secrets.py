"""Keep secrets out of evidence, also where a peer repeats them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from checks.evidence import Evidence, Pairs

from .target import NOTIFICATIONS, Target

MASK = "***"
"""The text that replaces a secret."""

SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers, in lower case, whose values are never shown."""

SECRET_PARAMETERS = re.compile(r"(?i)token|key|secret|passw|pwd|auth|sig|jwt|session|code|credential")
"""Names of URL parameters whose values are never shown."""

TRUSTED_FIELDS = {"variant", "moment", "failed", "source", "host", "recorded_at", "skipped"}
"""Fields of evidence that hold neither text from a peer nor a secret."""

URL_FIELDS = {"url", "path", "arrived_request"}
"""Fields that hold a URL we requested: only its query can be secret."""

MIN_LENGTH = 4
"""Characters; a shorter text is not a secret, and would occur everywhere."""


def masked(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Return headers with the values of SECRET_HEADERS masked."""
    return tuple((name, MASK if name.lower() in SECRET_HEADERS else value) for name, value in headers)


def secrets(target: Target, paths: tuple[str, ...]) -> set[str]:
    """Return every text in our requests that is secret, also in its URL-encoded form."""
    texts = {*_in_headers(target), *_in_proxy(target)}
    for url in (target.url, *paths):
        if url != NOTIFICATIONS:
            texts.update(_in_query(urlsplit(url).query))
    return {text for text in texts | {quote(text, safe="") for text in texts} if len(text) >= MIN_LENGTH}


def _in_headers(target: Target) -> Iterator[str]:
    """Yield the values of headers and cookies.

    Also yields the credentials after a scheme such as Bearer.
    """
    cookies = ""
    for name, value in target.headers.items():
        if name.lower() == "cookie":
            cookies = cookies or value
        else:
            yield from (value, *value.split()[1:])
    yield from (cookie.partition("=")[2].strip() for cookie in cookies.split(";"))


def _in_query(query: str) -> Iterator[str]:
    """Yield the values of secret parameters, decoded and as they were typed."""
    pairs = parse_qsl(query) + [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
    yield from (value for name, value in pairs if SECRET_PARAMETERS.search(name))


def _in_proxy(target: Target) -> Iterator[str]:
    """Yield the password of the forward proxy, alone and in Basic authentication.

    A user name without a password may be a token.
    """
    proxy = target.proxy
    if proxy and proxy.username:
        yield proxy.password or proxy.username
        yield base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()


def masked_query(url: str) -> str:
    """Return a URL or a path with the values of secret parameters masked."""
    before, mark, query = url.partition("?")
    if query == NOTIFICATIONS.partition("?")[2]:
        return url
    pairs = [part.partition("=") for part in query.split("&")]
    secret = [bool(value and SECRET_PARAMETERS.search(name)) for name, _, value in pairs]
    parts = [name + equals + (MASK if hide else value) for (name, equals, value), hide in zip(pairs, secret)]
    return before + mark + "&".join(parts)


def scrubbed(evidence: Evidence, texts: set[str]) -> Evidence:
    """Return the evidence with these texts masked, also where a peer sent them."""
    if not texts:
        return evidence
    pattern = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
    clean: Evidence = _scrubbed(evidence, pattern)
    return clean


def _scrubbed(value: Any, pattern: re.Pattern[str], *, is_url: bool = False) -> Any:
    """Mask the pattern in every text of the value, except in TRUSTED_FIELDS."""
    if is_dataclass(value) and not isinstance(value, type):
        values = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in TRUSTED_FIELDS}
        clean = {name: _scrubbed(each, pattern, is_url=name in URL_FIELDS) for name, each in values.items()}
        return replace(value, **clean)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return (value[0], _scrubbed(value[1], pattern))  # the name of a header is not secret, and rules need it
    if isinstance(value, tuple):
        return tuple(_scrubbed(each, pattern) for each in value)
    if not isinstance(value, str):
        return value
    before, mark, rest = value.partition("?") if is_url else ("", "", value)
    return before + mark + pattern.sub(MASK, rest)
