"""A proxy or a server refuses requests whose headers are large, and cookies make them large."""

from __future__ import annotations

from checks.evidence import Evidence

FIX = "raise the limit on request headers on the proxy in front of DSS to 32 KB, or delete old cookies of its domain"


def proof(evidence: Evidence) -> str | None:
    """Look for a refusal that goes away without cookies (RFC 6585, section 5; nginx answers 400, others 413)."""
    for path in evidence.paths:
        asked, bare = evidence.handshake(path).answer, evidence.handshake(path, "no-cookies")
        if asked.status in {400, 413, 431} and bare.opened:
            return f"answered {asked}, expected 101 Switching Protocols; the same without cookies answered 101"
    return None
