"""The handshake gets no answer while pages do; most often a proxy is collecting a message that never ends."""

from __future__ import annotations

from checks.evidence import NO_RESPONSE, Evidence

TITLE = "The handshake gets no response"
HOP = "reverse proxy"
FIX = "in the proxy in front of DSS, turn WebSocket on, and turn off the buffering of whole requests or answers"


def proof(evidence: Evidence) -> str | None:
    """Look for handshakes that all stay without an answer, where the same without Upgrade are answered."""
    if not evidence.paths or evidence.health_check.status != 200:
        return None
    # All of them: the kernel of a notebook that computes may by itself be late.
    for path in evidence.paths:
        for variant in ("", "no-origin"):
            if not evidence.handshake(path, variant).response.error.startswith(NO_RESPONSE):
                return None
        if not evidence.handshake(path, "no-upgrade").response.status:
            return None
    path = evidence.paths[0]
    asked, plain = evidence.handshake(path).response, evidence.handshake(path, "no-upgrade").response
    return f"{asked}, expected 101 Switching Protocols; the same without Upgrade answered {plain}"
