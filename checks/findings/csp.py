"""Match the Content-Security-Policy of a page against its own WebSocket.

The rules are those of CSP Level 3, where Chromium 156 and Firefox 153 follow them; tests compare the result with both.
"""

from __future__ import annotations

import html
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from checks.evidence import Response

HEADER = "Content-Security-Policy"
UPGRADES = "upgrade-insecure-requests"

PORTS = {"ws": 80, "wss": 443}
"""The default ports."""

TOKENS = re.compile(
    r"<!--.*?(?:-->|$)|<!doctype[^>]*>|<(script|style|title|noscript|template)\b.*?(?:</\1\s*>|$)"
    r"|<(/?[a-z][a-z0-9]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>|[^<]+|<",
    re.IGNORECASE | re.DOTALL,
)
"""The parts of a document: comments, elements with text, tags and text."""

IN_HEAD = {"html", "head", "meta", "link", "base"}
"""Tags that do not end the head of a document."""

ATTRIBUTE = re.compile(r"([a-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
HOST_SOURCE = re.compile(r"(?i)(wss?)://(\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(\d+|\*))?(/[^?#]*)?(?:[?#].*)?")


class Socket(NamedTuple):
    """The URL of a WebSocket, as the browser opens it."""

    scheme: str
    host: str
    port: int
    path: str


def blocking_policy(page: Response, url: str, path: str) -> str | None:
    """Return what in the policies of a page blocks the WebSocket at a path.

    The result is the list of sources, or the directive that sends the WebSocket to another port. It is None if each
    policy allows the WebSocket.
    """
    try:
        site = urlsplit(url)
        port = site.port
    except ValueError:  # half a bracket, in evidence that was edited
        return None
    scheme, policies = "wss" if site.scheme == "https" else "ws", _policies(page)
    socket = Socket(scheme, (site.hostname or "").lower(), port or PORTS[scheme], path.partition("?")[0])
    if scheme == "ws" and any(UPGRADES in policy for policy in policies) and not _is_this_computer(site):
        if socket.port != PORTS["ws"]:  # nor is there TLS, because the page came without it
            return UPGRADES
        socket = socket._replace(scheme="wss", port=PORTS["wss"])
    for policy in policies:
        sources = policy.get("connect-src", policy.get("default-src"))
        if sources is not None and not any(_allows(source, socket) for source in sources):
            return " ".join(sources) or "'none'"
    return None


def _policies(page: Response) -> list[dict[str, list[str]]]:
    """Return the directives of each policy, from the header and the head of the page."""
    texts = [*page.header(HEADER).split(","), *_in_head(page.body)]
    return [_directives(text) for text in texts]


def _directives(policy: str) -> dict[str, list[str]]:
    """Return the values of each directive; the first of a name counts."""
    found: dict[str, list[str]] = {}
    for words in (part.split() for part in policy.split(";")):
        if words:
            found.setdefault(words[0].lower(), words[1:])
    return found


def _in_head(document: str) -> list[str]:
    """Return the policies in meta tags; they count only in the head of a document."""
    found: list[str] = []
    for token in TOKENS.finditer(document):
        element, tag, attributes = token.groups()
        if element or token[0].startswith("<!") or not token[0].strip():
            continue
        if (tag or "").lower() not in IN_HEAD:
            break
        values = {name.lower(): html.unescape("".join(parts)) for name, *parts in ATTRIBUTE.findall(attributes)}
        if values.get("http-equiv", "").strip().lower() == HEADER.lower():
            found += values.get("content", "").split(",")
    return found


def _is_this_computer(site: SplitResult) -> bool:
    """Tell whether a site is on this computer: browsers do not upgrade its URLs."""
    host = (site.hostname or "").lower()
    return (
        host == "localhost" or host.endswith(".localhost") or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)
    )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _allows(source: str, socket: Socket) -> bool:
    """Tell whether one source allows a WebSocket to the site of its page.

    A host without a scheme has the scheme of the page, http or https, and browsers do not match that with ws or wss.
    """
    lower = source.lower()
    if lower in {"*", "'self'"}:
        return True
    if lower in {"ws:", "wss:"}:
        return lower in {"ws:", f"{socket.scheme}:"}
    match = HOST_SOURCE.fullmatch(source)
    if not match:
        return False
    scheme, host, port, path = match.groups()
    return (
        _host_fits(host.lower(), socket.host) and _port_fits(scheme.lower(), port, socket) and _path_fits(path, socket)
    )


def _host_fits(host: str, actual: str) -> bool:
    if host == "*":
        return True
    return actual.endswith(host[1:]) and not _is_ip(actual) if host.startswith("*.") else host == actual


def _port_fits(scheme: str, port: str | None, socket: Socket) -> bool:
    """Tell whether scheme and port fit; ws also allows wss on the default port."""
    if scheme == "wss" and socket.scheme == "ws":
        return False
    if port == "*":
        return True
    number = int(port) if port else PORTS[scheme]
    if scheme != socket.scheme:
        return (number, socket.port) == (PORTS["ws"], PORTS["wss"])
    return number == socket.port


def _path_fits(path: str | None, socket: Socket) -> bool:
    """Tell whether the path fits: a slash at its end allows everything below."""
    wanted, actual = unquote(path or "/"), unquote(socket.path)
    return actual.startswith(wanted) if wanted.endswith("/") else actual == wanted
