"""Where to look, and as whom."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from checks.route import Proxy

NOTIFICATIONS = "/dip/websocket?sessionId=diagnose00"
"""The socket behind the message; path and parameter as seen on DSS 9.0.5."""

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def shown(address: str) -> str:
    """Return an address without what may be secret in it: who asks, and what follows the ? or the #."""
    return re.sub(r"[?#].*", lambda end: f"{end[0][0]}...", re.sub(r"//.*@", "//***@", address))


@dataclass(frozen=True)
class Target:
    """Where to look and as whom.

    Raises ValueError when `url` is neither the address of a page nor that of a socket.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request, but never to a server whose certificate is not trusted: cookies, for example."""
    tls: ssl.SSLContext | None = None
    """What to trust; by default what the system trusts."""
    timeout: float = 10.0
    """Seconds for one connection, one answer."""
    proxy: Proxy | None = None
    """The forward proxy to go through."""
    family: int = 0
    """socket.AF_INET or AF_INET6; 0 for both."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            known = parts.scheme in DEFAULT_PORTS and parts.hostname
        except ValueError:  # half a bracket
            known = False
        if not known:
            raise ValueError(
                f"{shown(self.url)!r} is not the address of a page; expected something like https://dss.example.com"
            )
        try:
            numbered = parts.port != 0
        except ValueError:  # beyond 65535, or no number
            numbered = False
        if not numbered:
            raise ValueError(f"{shown(self.url)!r} has a port that is none; expected a number from 1 to 65535")
        if parts.username or parts.password:
            raise ValueError("the address holds a user name; leave it out, and give what a login needs with --cookies")
        if parts.fragment:
            raise ValueError(f"{shown(self.url)!r} holds a #, and what follows never reaches a server: leave it out")
        if not self.is_socket and (parts.path.strip("/") or parts.query):
            raise ValueError(
                f"{shown(self.url)!r} holds more than scheme, host and port; DSS cannot live below a path:"
                " leave the rest out, or give the address of a socket, which begins with ws:// or wss://"
            )

    @property
    def is_socket(self) -> bool:
        """Whether the address is one of a socket: ws or wss."""
        return urlsplit(self.url).scheme in {"ws", "wss"}

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme in {"https", "wss"}

    @property
    def host(self) -> str:
        """The name or IP address, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the address does not name it."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def bracketed(self) -> str:
        """The name or IP address, in brackets where it has colons."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def authority(self) -> str:
        """Host and port, as a browser sends them in Host: in lower case, without the scheme's own port."""
        return self.bracketed if self.port == (443 if self.secure else 80) else f"{self.bracketed}:{self.port}"

    @property
    def origin(self) -> str:
        """The address of the page, as a browser sends it in Origin."""
        return f"http{'s' if self.secure else ''}://{self.authority}"

    @property
    def sockets(self) -> tuple[str, ...]:
        """The path that the address names, or that of the notifications of DSS."""
        if not self.is_socket:
            return (NOTIFICATIONS,)
        parts = urlsplit(self.url)
        return ((parts.path or "/") + (f"?{parts.query}" if parts.query else ""),)
