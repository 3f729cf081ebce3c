"""A proxy or a server refuses requests whose headers are large, and cookies make them large."""

from __future__ import annotations

from checks.evidence import Evidence, Response

TITLE = "The request headers are too large"
HOP = "reverse proxy"
FIX = "raise the limit on request headers of the proxy in front of DSS to 32 KB, or delete old cookies of its domain"

SAYS_SO = ("too large", "too long", "too big", "exceeds server limit")
"""The words of nginx, Go, lighttpd; of IIS; of Squid; of Apache."""


def proof(evidence: Evidence) -> str | None:
    """Look for a refusal that goes away without cookies, and is about size."""
    for path in evidence.paths:
        asked, bare = evidence.handshake(path).response, evidence.handshake(path, "no-cookies")
        if asked.status not in {400, 413, 431} or bare.response.status in {0, asked.status}:
            continue
        # Who only says 400 means the cookies when nothing gets through with them and a socket opens without.
        alike = evidence.page.status == evidence.health_check.status == asked.status
        if _says_so(asked) or (alike and bare.opened):
            return f"answered {asked}, expected 101 Switching Protocols; without cookies it answered {bare.response}"
    return None


def _says_so(answer: Response) -> bool:
    """Tell whether an answer names the size of the headers (431: RFC 6585, section 5)."""
    said = f"{answer.reason} {answer.body}".lower()
    return answer.status == 431 or any(words in said for words in SAYS_SO)
