"""The target of a survey: its URL, what to send, and how to get there."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Callable
from urllib.parse import urlsplit

from .forward_proxy import ForwardProxy

NOTIFICATIONS = "/dip/websocket?sessionId=diagnose00"
"""The WebSocket whose failure DSS reports; path and parameter as seen on DSS 9.0.5."""

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""One part of a host name (RFC 1035, section 2.3.4), with the underscore that some internal names have."""

NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last part of an IPv4 address, in any notation: no host name ends in one."""

MAX_HOST = 253
"""Characters of the longest host name."""


def shown(url: str) -> str:
    """Return a URL without the parts that may be secret.

    These are user name, password, query and fragment.
    """
    return re.sub(r"[?#].*", lambda end: f"{end[0][0]}...", re.sub(r"//.*@", "//***@", url))


def is_host(host: str) -> bool:
    """Tell whether a text is a host name or an IP address, without brackets."""
    labels = host.lower().removesuffix(".").split(".")
    if ":" not in host and not NUMBER.fullmatch(labels[-1]):
        return len(host) <= MAX_HOST and all(map(LABEL.fullmatch, labels))
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Target:
    """The target of a survey.

    Raises ValueError when `url` is neither the URL of a site nor that of a WebSocket.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers to add to every request, such as cookies; never sent to a server whose certificate is not trusted."""
    tls: ssl.SSLContext | None = None
    """The TLS settings; by default those of the system, with its trust store."""
    timeout: float = 10.0
    """Seconds for one connection, and for one response."""
    proxy: ForwardProxy | None = None
    """The forward proxy to use."""
    family: int = 0
    """The IP version: socket.AF_INET or AF_INET6; 0 for both."""
    fallbacks: tuple[ForwardProxy | None, ...] = ()
    """What a PAC file returned after `proxy`, in its order; None for a direct connection."""
    permits: Callable[[str], bool] | None = field(default=None, repr=False)
    """Tells whether an IP address of the target may be connected to; by default, every address may."""

    def __post_init__(self) -> None:
        url = shown(self.url)
        try:
            parts = urlsplit(self.url)
            valid = parts.scheme in DEFAULT_PORTS and bool(parts.hostname)
        except ValueError:  # an unclosed bracket
            valid = False
        if not valid:
            raise ValueError(f"invalid URL {url!r}; expected something like https://dss.example.com")
        if not is_host(parts.hostname or ""):
            raise ValueError(
                f"invalid host in {url!r}; expected a name such as dss.example.com, or an IP address such as 10.0.0.5"
            )
        if " " in self.url or not self.url.isprintable():
            raise ValueError(f"{url!r} contains a space or a control character; in a path, write a space as %20")
        try:
            valid = parts.port != 0
        except ValueError:  # above 65535, or not a number
            valid = False
        if not valid:
            raise ValueError(f"invalid port in {url!r}; expected 1-65535")
        if parts.username or parts.password:
            raise ValueError("the URL contains a user name; remove it, and pass session cookies with --cookies")
        if parts.fragment:
            raise ValueError(f"{url!r} contains #, and what follows it is never sent; remove it")
        if not self.is_socket and (parts.path.strip("/") or parts.query):
            raise ValueError(
                f"{url!r} has more than scheme, host and port; DSS cannot run below a path:"
                " remove the rest, or give the URL of a WebSocket, which begins with ws:// or wss://"
            )

    @cached_property
    def is_socket(self) -> bool:
        """Whether the URL is that of a WebSocket: ws or wss."""
        return urlsplit(self.url).scheme in {"ws", "wss"}

    @cached_property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return urlsplit(self.url).scheme in {"https", "wss"}

    @cached_property
    def host(self) -> str:
        """The host name or IP address, without brackets."""
        return urlsplit(self.url).hostname or ""

    @cached_property
    def port(self) -> int:
        """The port; the default of the scheme where the URL has none."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @cached_property
    def bracketed(self) -> str:
        """The host as in a URL: an IPv6 address has brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @cached_property
    def authority(self) -> str:
        """Host and port as a browser sends them in Host.

        They are in lower case, without the default port.
        """
        return self.bracketed if self.port == (443 if self.secure else 80) else f"{self.bracketed}:{self.port}"

    @cached_property
    def origin(self) -> str:
        """The URL of the site as a browser sends it in Origin."""
        return f"http{'s' if self.secure else ''}://{self.authority}"

    @cached_property
    def sockets(self) -> tuple[str, ...]:
        """The path in the URL of a WebSocket; otherwise that of the notifications of DSS."""
        if not self.is_socket:
            return (NOTIFICATIONS,)
        parts = urlsplit(self.url)
        return ((parts.path or "/") + (f"?{parts.query}" if parts.query else ""),)
