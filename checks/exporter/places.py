"""The URLs that a module may probe: read them strictly, and compare them.

A URL that two programs could read differently is refused, so that the one that was compared is the one that is probed.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from checks.probe.target import DEFAULT_PORTS, LABEL, MAX_HOST, NUMBER, shown

URL = re.compile(r"(https?|wss?)://(\[[0-9a-f:]+\]|[a-z0-9_.*-]+)(?::([0-9]{1,5}))?(/[^#\\]*)?", re.IGNORECASE)
"""Scheme, host, port and path; nothing else, such as a user name, is allowed."""

MAX_URL = 2000
"""Characters of the longest URL."""

ANY_LABEL = "*."
"""The beginning of a pattern that stands for one label, as in a certificate."""


@dataclass(frozen=True)
class Place:
    """A URL in its parts, or a pattern of URLs, whose host may begin with `*.`."""

    scheme: str
    host: str
    """The host name in lower case, or the IP address without brackets."""
    port: int
    path: str
    """The path and query of a WebSocket; empty for http and https."""

    @property
    def url(self) -> str:
        """The URL in one form, whatever form was given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def covers(self, other: Place) -> bool:
        """Tell whether a URL matches this pattern."""
        same = (self.scheme, self.port, self.path) == (other.scheme, other.port, other.path)
        if self.host.startswith(ANY_LABEL):
            return same and other.host.partition(".")[2] == self.host[len(ANY_LABEL) :]
        return same and other.host == self.host


def place(text: str, *, pattern: bool = False) -> Place:
    """Return the parts of a URL; without a scheme, it is https.

    With `pattern`, the host may begin with `*.`.
    Raises ValueError, whose message never contains a user name, a password or a query.
    """
    url = text if "://" in text else f"https://{text}"
    reason = _unusual(url)
    match = None if reason else URL.fullmatch(url)
    if not match:
        expected = "https://*.example.com" if pattern else "https://dss.example.com"
        raise ValueError(f"{_quoted(url)}: {reason or f'expected a URL such as {expected}'}")
    scheme, host, port, path = (part or "" for part in match.groups())
    scheme, number = scheme.lower(), int(port) if port else DEFAULT_PORTS[scheme.lower()]
    if not 0 < number < 65536 or port.startswith("0"):
        raise ValueError(f"{_quoted(url)}: invalid port; expected 1-65535")
    if scheme in {"http", "https"} and path not in {"", "/"}:
        raise ValueError(f"{_quoted(url)}: expected no path, because DSS is not below one; for a WebSocket, use wss://")
    try:
        host = _host(host.lower(), pattern=pattern)
    except ValueError as error:
        raise ValueError(f"{_quoted(url)}: {error}") from None
    return Place(scheme, host, number, (path or "/") if scheme in {"ws", "wss"} else "")


def _unusual(url: str) -> str:
    """Return what makes a URL ambiguous; empty if nothing does."""
    if len(url) > MAX_URL:
        return f"longer than {MAX_URL} characters"
    if not url.isascii():
        return "has characters that are not ASCII; write a host name in another script as xn--..."
    if " " in url or not url.isprintable():
        return "contains a space or a control character"
    if "@" in re.split("[/?#]", url.partition("://")[2])[0]:
        return "contains a user name; credentials belong in files of the module"
    return ""


def _quoted(url: str) -> str:
    text = shown(url)
    return ascii(text if len(text) < 100 else f"{text[:100]}...")


def _host(host: str, *, pattern: bool) -> str:
    """Return a valid host, an IPv6 address without its brackets.

    Raises ValueError.
    """
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError("invalid IPv6 address") from None
    name = host[len(ANY_LABEL) :] if pattern and host.startswith(ANY_LABEL) else host
    labels = name.split(".")
    if NUMBER.fullmatch(labels[-1]):
        return _ipv4(host)
    if len(host) > MAX_HOST or not all(map(LABEL.fullmatch, labels)):
        where = "only the whole first part may be a *" if "*" in host and pattern else "invalid host name"
        raise ValueError(where)
    return host


def _ipv4(host: str) -> str:
    """Return an IPv4 address in its usual notation: four decimal numbers.

    Other programs read 0x7f.1 or 2130706433 as an address too. Raises ValueError.
    """
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError("invalid IPv4 address; expected four decimal numbers such as 10.0.0.5") from None
