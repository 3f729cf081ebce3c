"""A proxy takes the request to upgrade out of the handshake, so that DSS sees an ordinary page request."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS pass on Upgrade and Connection"

# With these a server or a gate answers everybody alike, whatever he asked for: no proof of a lost header.
ALIKE_FOR_ALL = {301, 302, 303, 307, 308, 401, 403, 407, 429, 500, 502, 503, 504, 505}


def proof(evidence: Evidence) -> str | None:
    """Compare the handshake's answer with the answer to a plain GET of the same address."""
    if evidence.ping.status != 200:
        return None
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        alike = (asked.status, asked.body) == (plain.status, plain.body)
        if alike and asked.status and asked.status not in ALIKE_FOR_ALL:
            return f"answered {asked}, expected 101 Switching Protocols; the same without Upgrade answered {plain} too"
    return None
