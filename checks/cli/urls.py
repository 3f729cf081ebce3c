"""Complete a URL as people type or paste it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .parser import UsageError

AROUND = " \t\r\n\u00a0\u200b\u200e\u200f\ufeff\"'`<>()\u00ab\u00bb\u2018-\u201f\u2039\u203a\u300c\u300d"
"""Characters around a pasted URL that are not part of it, as in a pattern: blanks, quotes and brackets."""

EDGES = re.compile(rf"^(?:[{AROUND}]|\x1b\[[0-9;]*m)+|(?:[{AROUND}]|\x1b\[[0-9;]*m)+$")

ENDS = re.compile(r"[.,;!\u2026\u3002]+(?=:[0-9]*$|$)")
"""Punctuation at the end of a host name, as at the end of a sentence; a host name may end in a dot."""

SCHEME = re.compile(r"(https?|wss?)(?:[:;]?[/\\]{2,}|:/|:(?![0-9]+(?:[/?#]|$)))", re.IGNORECASE)
"""The scheme of a URL with what separates it, in every form that browsers accept, and mistyped."""

OTHER_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|[A-Za-z]:\\")
"""Any other scheme, or the drive of a path."""

LABEL = re.compile(r"^[^/?#\s]*[=:\[{](?=(?:https?|wss?)://)", re.IGNORECASE)
"""What may precede a URL without a blank, such as `DSS_URL=`."""

BEGINS = re.compile(rf"(?:^|[\s,;|{AROUND}])(?=(?:https?|wss?)://)", re.IGNORECASE)
"""Where a URL begins within a text."""

IN_TEXT = re.compile(rf"[^\s\[\]{{}}{AROUND}]+")
"""A URL within a text, which ends at a blank, a quote or a bracket."""

SEVERAL = re.compile(r"[^/?#]*[^/?#\s,;|][\s,;|]+[^/?#\s,;|]")
"""Several words where a host name is expected."""

IPV6 = re.compile(r"[0-9a-f.:%\]]*:[0-9a-f.:%\]]*:[0-9a-f.:%\]]*", re.IGNORECASE)
"""A text like an IPv6 address, perhaps with a port."""

EXPECTED = "expected something like https://dss.example.com"

HTTP_PORTS = {"80", "8080"}
"""Ports that people use for HTTP; without a scheme, every other port is tested with HTTPS first."""


@dataclass(frozen=True)
class TypedUrl:
    """A URL as it was typed, made complete."""

    url: str
    guessed: bool = False
    """Whether https was assumed, so that http may be right."""
    left_out: bool = False
    """Whether the URL had a path, a query or a fragment, which are not tested."""


def complete(text: str) -> TypedUrl:
    """Return the URL that was meant.

    Without a scheme, it is https, or http on a port for HTTP. A host name in another script becomes ASCII (RFC 5890).
    What follows the port is left out, except in the URL of a WebSocket: DSS cannot run below a path. So is the text
    around a URL.
    Raises UsageError if the text has no URL, or several.
    """
    url = _only(text)
    found = SCHEME.match(url)
    scheme, rest = (found[1], url[found.end() :]) if found else ("", url.removeprefix("//"))
    other = OTHER_SCHEME.match(rest)
    if other:
        wrong = "a second scheme" if found else other[0]
        raise UsageError(f"{_shown(url)!r}: expected a URL with https://, http://, wss:// or ws://, got {wrong}")
    authority, end = re.fullmatch(r"([^/?#\\]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]  # matches everything
    authority = _ascii(_bracketed(ENDS.sub("", authority)))
    if not authority:
        raise UsageError(f"invalid URL {_shown(url)!r}; {EXPECTED}")
    guessed = False
    if not scheme:
        port = re.search(r":([0-9]+)$", authority)
        scheme = "http" if port and port[1] in HTTP_PORTS else "https"
        guessed = scheme == "https"
    if scheme.lower() in {"ws", "wss"}:
        return TypedUrl(f"{scheme}://{authority}{end}")
    return TypedUrl(f"{scheme}://{authority}", guessed, left_out=bool(end.strip("/\\")))


def over_http(url: str) -> str:
    """Return a URL whose https was assumed, with http."""
    return re.sub("^https:", "http:", url)


def has_port(url: str) -> bool:
    """Tell whether a complete URL names its port."""
    return urlsplit(url).port is not None


def given_scheme(text: str) -> bool:
    """Tell whether a text has a URL with its scheme."""
    return bool(SCHEME.match(_only(text)))


def is_within(text: str) -> bool:
    """Tell whether other words are around the URL in a text."""
    place = BEGINS.search(LABEL.sub("", EDGES.sub("", text)))
    return bool(place and place.end())


def _only(text: str) -> str:
    """Return the only URL in a text, or the text if it has none with a scheme.

    Raises UsageError if it has several.
    """
    text = LABEL.sub("", EDGES.sub("", text))
    places = [found.end() for found in BEGINS.finditer(text)]
    if len(places) > 1 or (not places and SEVERAL.match(text)):
        raise UsageError(f"expected one URL per argument, got {_shown(text)!r}")
    found = IN_TEXT.match(text, places[0]) if places and places[0] else None
    return found[0] if found else text


def _shown(text: str) -> str:
    """Return a text without what may be secret."""
    from checks.probe.target import shown  # noqa: PLC0415  # slow to import, and only errors need it

    return shown(text)


def _bracketed(authority: str) -> str:
    """Return an IPv6 address in brackets; anything else as it is.

    Raises UsageError if a port may follow the address.
    """
    if authority.startswith("["):
        return authority.replace("%25", "%")  # before a zone (RFC 6874)
    try:
        return f"[{ipaddress.IPv6Address(authority)}]"
    except ValueError:
        if IPV6.fullmatch(authority):
            raise UsageError(
                f"{authority!r}: expected an IPv6 address in brackets, such as [2001:db8::1]:11200"
            ) from None
        return authority


def _ascii(authority: str) -> str:
    """Return host and port in ASCII, as browsers send them."""
    if authority.isascii():
        return authority
    before, at, host = authority.rpartition("@")
    try:
        return f"{before}{at}{host.encode('idna').decode()}"
    except UnicodeError:
        raise UsageError(f"invalid host name {host!r}; expected something like dss.example.com") from None
