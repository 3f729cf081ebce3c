"""Find which WebSocket a line is about, and which one is that of DSS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from checks.symptoms.regex import compiled

URL = compiled(r"\b(wss?)://([^/ '?#]{0,300})(/[^ '?#]{0,1000})?")
PAGE = compiled(r"\b(https?)://([^/ '?#]{1,300})")

HOST = compiled(r"^(?:[^ /:@\[\]\\]+|\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\])$")
"""A name, or an IP address as in a URL."""

LOOPBACK = compiled(r"^(?:localhost|[\w-]+\.localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0)$")
"""Host names of your own computer."""

DSS_PATH = compiled(r"^/(?:dip|jupyter|public/api|webapp|code-studio)|/dip/|/jupyter/|/channels|/api/kernels")
"""Paths of DSS and of its notebooks."""

PORTS = {"ws": "80", "wss": "443", "http": "80", "https": "443"}


UNENCRYPTED = {"tls-interception", "cert-untrusted", "h2-websocket"}
"""Causes that need TLS, so a WebSocket at ws:// does not have them."""

ELSEWHERE = {"forward-proxy-blocks", "tls-interception", "connect-denied", "proxy-auth", "waf-blocks"}
"""Causes on the network, so a WebSocket to your own computer does not have them."""

Pages = Counter[tuple[str, str, str]]
"""How often the scheme, host and port of each page occur."""


class Socket(NamedTuple):
    """The WebSocket that a line names."""

    scheme: str
    host: str
    """In lower case, without a port."""
    port: str
    """Empty if the URL has none."""
    path: str

    @property
    def origin(self) -> str:
        """The URL without its path."""
        return f"{self.scheme}://{self.host}{self.port and ':'}{self.port}"

    @property
    def url(self) -> str:
        """The URL without its query; empty if its host or port cannot be right."""
        right = HOST.match(self.host) and int(self.port or 1) < 65536
        return f"{self.origin}{self.path}" if right else ""

    @property
    def loopback(self) -> bool:
        """Whether it is on your own computer."""
        return bool(LOOPBACK.match(self.host))

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for URLs of the same server."""
        return (self.scheme, self.host, self.port or PORTS[self.scheme])


def sockets_in(text: str) -> list[tuple[int, Socket]]:
    """Return the WebSocket URLs in a normalised text, with their places."""
    return [(found.start(), _socket(found[1], found[2], found[3] or "")) for found in URL.finditer(text)]


def _socket(scheme: str, authority: str, path: str) -> Socket:
    host, port = _split(authority)
    return Socket(scheme.lower(), host, port, path)


def _split(authority: str) -> tuple[str, str]:
    """Return the host in lower case, and the port or an empty text."""
    place = authority.rpartition("@")[2].rstrip(".,;)").lower()
    host, colon, port = place.rpartition(":")
    return (host, port) if colon and (port.isascii() and port.isdigit()) else (place.rstrip(":"), "")


def pages_in(text: str) -> Pages:
    """Return how often each page's scheme, host and port is in a normalised text."""
    found: Pages = Counter()
    for each in PAGE.finditer(text):
        if "upstream" not in text[max(0, each.start() - 12) : each.start()].lower():
            scheme = each[1].lower()
            host, port = _split(each[2])
            found[scheme, host, port or PORTS[scheme]] += 1
    return found


def evidence(socket: Socket, pages: Pages) -> set[str]:
    """Return what the pages in the text show about a WebSocket.

    `when` of a symptom may name one of these:

    `https-page`: it is not encrypted, but the page of its host is.
    `loopback`: it is on your own computer.
    `other-port`: the pages of its host have other ports.
    """
    ports = {(scheme, port) for scheme, host, port in pages if host == socket.host}
    shown = {"loopback"} if socket.loopback else set()
    if socket.scheme == "ws" and any(scheme == "https" for scheme, _ in ports):
        shown.add("https-page")
    if ports and socket.key[2] not in {port for _, port in ports}:
        shown.add("other-port")
    return shown


def in_order(groups: Iterable[tuple[Socket, int]], pages: Pages) -> list[Socket]:
    """Return the WebSockets with how often they fail, the one of the page first."""
    hosts = {host for _, host, _ in pages}

    def rank(pair: tuple[Socket, int]) -> tuple[bool, bool, bool, int, tuple[str, str, str]]:
        socket, count = pair
        return (socket.loopback, not DSS_PATH.search(socket.path), socket.host not in hosts, -count, socket.key)

    return [socket for socket, _ in sorted(groups, key=rank)]


def possible(causes: tuple[str, ...], socket: Socket) -> tuple[str, ...]:
    """Return the causes that the URL of the WebSocket allows, at least one."""
    excluded = UNENCRYPTED if socket.scheme == "ws" else set()
    excluded = excluded | (ELSEWHERE if socket.loopback else set())
    instead = {} if socket.scheme == "ws" else {"forward-proxy-blocks": "tls-interception"}
    left = dict.fromkeys(instead.get(cause, cause) for cause in causes if instead.get(cause, cause) not in excluded)
    return tuple(left) or causes
