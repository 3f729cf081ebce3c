"""The handshake is answered with a redirect to nearly the same address, and browsers follow none there."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from checks.evidence import Evidence

TITLE = "The handshake is redirected"
HOP = "reverse proxy"
FIX = "make the proxy in front of DSS answer the socket's address itself, without a redirect"


def proof(evidence: Evidence) -> str | None:
    """Look for a redirect that changes scheme, port, slashes or case only, on a site whose page has none."""
    for path in evidence.paths:
        asked = evidence.handshake(path).response
        redirected = evidence.page.status == 200 and asked.status in {301, 302, 303, 307, 308}
        there = next((value for name, value in asked.headers if name.lower() == "location"), "")
        if redirected and _nearly_the_same(evidence.url, path, there):
            return f"answered {asked} to {there}, expected 101 Switching Protocols; the page answered {evidence.page}"
    return None


def _nearly_the_same(url: str, path: str, location: str) -> bool:
    """Tell whether the redirect leads to the path it comes from, written differently, or to a socket.

    A login is elsewhere, and never at an address that begins with ws.
    """
    try:
        here = urljoin(url, path)
        one, other = urlsplit(here), urlsplit(urljoin(here, location))
    except ValueError:  # half a bracket, from a server that is no friend
        return False
    # Who writes rules for an address often forgets its query; who strips no more than that has another reason.
    moved = one[:3] != other[:3] and other.query in {"", one.query}
    return other.scheme in {"ws", "wss"} or (moved and _loosely(one) == _loosely(other))


def _loosely(address: SplitResult) -> tuple[str | None, str]:
    return address.hostname, address.path.strip("/").lower()
