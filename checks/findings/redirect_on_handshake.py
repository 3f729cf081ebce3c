"""The handshake is answered with a redirect, and browsers do not follow one there."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "make the proxy in front of DSS answer the socket's address itself, without a redirect"


def proof(evidence: Evidence) -> str | None:
    """Look for a redirect of a handshake, on a site whose page has none."""
    if evidence.page.status != 200:
        return None
    for path in evidence.paths:
        asked = evidence.handshake(path).answer
        if asked.status in {301, 302, 303, 307, 308}:
            there = next((value for name, value in asked.headers if name.lower() == "location"), "nowhere")
            return f"answered {asked} to {there}, expected 101 Switching Protocols; the page answered {evidence.page}"
    return None
