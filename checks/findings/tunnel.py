"""Questions about the response of a forward proxy to CONNECT."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from checks.evidence import Response
from checks.findings.facts import Facts

WORDS = 160
"""Characters of a response body that a message quotes."""

CREDENTIALS = ("authenticat", "credential", "not logged in", "log in", "login", "sign in", "cache_access_denied")
"""Phrases of proxies that want to know the user, in lower case; Squid sends the last in `X-Squid-Error`."""

NOT_TRIED = {501, 505, 511}
"""Status codes of a proxy that has no CONNECT, or wants a sign-in to the network first (RFC 6585, section 6)."""

NOT_TEXT = re.compile(r"(?is)<(style|script)\b.*?(</\1>|\Z)|<!--.*?(-->|\Z)|<[^>]*(>|\Z)")
"""The parts of an HTML page that a browser does not show."""


def words(response: Response) -> str:
    """Return what a proxy sent about its reason, in headers or in the body."""
    import html  # noqa: PLC0415  # slow to import

    headers = [response.header(name) for name in ("X-Squid-Error", "Proxy-Status", "Location")]
    text = " ".join(html.unescape(NOT_TEXT.sub(" ", response.body)).split())
    shown = text if len(text) <= WORDS else f"{text[:WORDS]}..."
    return "; ".join(filter(None, [*headers, shown]))


def quoted(response: Response) -> str:
    """Return the same as the end of a sentence; empty if the proxy sent nothing."""
    reason = words(response)
    return f" (it sent: {reason})" if reason else ""


def wants_credentials(response: Response) -> bool:
    """Tell whether a proxy refuses a tunnel because it does not know the user."""
    text = f"{response.reason} {words(response)}".lower()
    return response.status == 401 or (response.status == 403 and any(phrase in text for phrase in CREDENTIALS))


def tried(response: Response) -> bool:
    """Tell whether a proxy failed to connect, rather than refuse the tunnel."""
    return response.status >= 500 and response.status not in NOT_TRIED


def advice(facts: Facts) -> str:
    """Return whom to ask about a refused tunnel, and what to show them."""
    route, direct = facts.evidence.route, facts.evidence.direct
    opened = "The WebSocket opens without the proxy. " if facts.opens_without_proxy else ""
    reached = "The server responds without the proxy. " if direct.host and not direct.failed else ""
    ask = f"ask the team that runs the forward proxy {route.proxy} why it responded {route.tunnel}"
    ask += f" to CONNECT {_authority(facts.evidence.url)}{quoted(route.tunnel)}"
    before = opened or reached
    return f"{before}A{ask[1:]}" if before else ask


def same_host(authority: str, url: str) -> bool:
    """Tell whether a tunnel leads to the host of a URL, at another port."""
    (host, _, port), (own, _, own_port) = authority.rpartition(":"), _authority(url).rpartition(":")
    return host.lower() == own.lower() != "" and port.isdigit() and port != own_port


def _authority(url: str) -> str:
    """Return host and port of a URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in {"https", "wss"} else 80)
        host = parts.hostname or ""
    except ValueError:  # in evidence that was edited
        return "the server"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
