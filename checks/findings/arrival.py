"""How the request that reached `checks echo` differs from the one that was sent."""

from __future__ import annotations

from checks.evidence import Handshake

WORDS = {"Upgrade": "websocket", "Connection": "upgrade"}
"""The word in each header that requests an upgrade (RFC 6455, section 4.1)."""


def difference(shake: Handshake, name: str) -> str:
    """Return how a changed header arrived, as a clause."""
    sent, arrived = dict(shake.sent).get(name, ""), shake.arrived_header(name)
    return f"{name} was sent {f'as {sent!r} and arrived as {arrived!r}' if arrived else 'and did not arrive'}"


def missing_upgrade(shake: Handshake) -> list[str]:
    """Return which of Upgrade and Connection no longer request an upgrade."""
    return [name for name, word in WORDS.items() if name in shake.changed_headers and word not in _words(shake, name)]


def _words(shake: Handshake, name: str) -> list[str]:
    return [word.strip() for word in shake.arrived_header(name).lower().split(",")]


def elsewhere(shake: Handshake) -> bool:
    """Tell whether the request arrived with another method or URL."""
    return bool(shake.arrived_request) and shake.arrived_request.rpartition(" ")[0] != f"GET {shake.path}"


def over_http_2(shake: Handshake) -> bool:
    """Tell whether the request arrived over HTTP/2, where Upgrade does not exist."""
    return shake.arrived_request.endswith(" HTTP/2")


def over_http_1_0(shake: Handshake) -> bool:
    """Tell whether the request arrived in a version that has no upgrades."""
    return shake.arrived_request.endswith(" HTTP/1.0")
