"""Something on the way keeps the handshake and never answers it, while pages are answered."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "turn off what makes the proxy in front of DSS wait for whole requests or whole answers (buffering)"


def proof(evidence: Evidence) -> str | None:
    """Look for a handshake without an answer, where the page and the same address without Upgrade have one."""
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).answer, evidence.handshake(path, "no-upgrade").answer
        if evidence.page.status == 200 and asked.error.startswith("no answer within") and plain.status:
            return f"{asked.error}, expected 101 Switching Protocols; the same without Upgrade answered {plain}"
    return None
