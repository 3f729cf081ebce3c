"""Complete a URL as people type or paste it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .parser import UsageError

AROUND = " \t\r\n\u00a0\u200b\ufeff\"'`<>\u2018\u2019\u201c\u201d\u00ab\u00bb"
"""Characters around a pasted URL that are not part of it: blanks, quotes and brackets."""

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
    What follows the port is left out, except in the URL of a WebSocket: DSS cannot run below a path.
    Raises UsageError when the host name cannot be ASCII.
    """
    url = text.strip(AROUND)
    scheme, separator, rest = url.partition("://")
    if not separator:
        rest = _bracketed(url.removeprefix("//"))
        port = re.match(r"[^/?#]*:([0-9]+)(?:[/?#]|$)", rest)
        scheme = "http" if port and port[1] in HTTP_PORTS else "https"
    if not rest:
        return TypedUrl(url)
    authority, end = re.fullmatch(r"([^/?#\\]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]  # matches everything
    authority = _ascii(re.sub(r"\.(?=:[0-9]*$|$)", "", authority))
    guessed = not separator and scheme == "https"
    if scheme.lower() in {"ws", "wss"} or not authority:
        return TypedUrl(f"{scheme}://{authority}{end}", guessed)
    return TypedUrl(f"{scheme}://{authority}", guessed, left_out=bool(end.strip("/")))


def over_http(url: str) -> str:
    """Return a URL whose https was assumed, with http."""
    return re.sub("^https:", "http:", url)


def has_port(url: str) -> bool:
    """Tell whether a complete URL names its port."""
    return urlsplit(url).port is not None


def _bracketed(rest: str) -> str:
    """Return an IPv6 address in brackets; anything else as it is."""
    try:
        return f"[{ipaddress.IPv6Address(rest)}]"
    except ValueError:
        return rest


def _ascii(authority: str) -> str:
    """Return host and port in ASCII, as browsers send them."""
    if authority.isascii():
        return authority
    before, at, host = authority.rpartition("@")
    try:
        return f"{before}{at}{host.encode('idna').decode()}"
    except UnicodeError:
        raise UsageError(f"invalid host name {host!r}; expected something like dss.example.com") from None
