"""An Envoy on the way has not been told that WebSocket is allowed, and refuses every request to upgrade."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "allow the upgrade to websocket in Envoy (upgrade_configs), or in what configures it"


def proof(evidence: Evidence) -> str | None:
    """Look for an empty 403 in the name of Envoy that a plain GET of the same address does not get."""
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        names = [value.lower() for name, value in asked.headers if name.lower() == "server"]
        if asked.status == 403 and not asked.body and "envoy" in names and plain.status not in {0, 403}:
            return (
                f"answered {asked} with nothing in it, in the name of Envoy, expected 101 Switching Protocols;"
                f" the same without Upgrade answered {plain}"
            )
    return None
