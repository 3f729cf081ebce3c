"""The address says http where the port speaks https, or the reverse."""

from __future__ import annotations

from checks.evidence import NOT_TLS, Evidence

TITLE = "HTTP and HTTPS are mixed up"
HOP = "network"
FIX = "use the other scheme in the address, or the right port; a link or a proxy must say what the port speaks"

PLAIN_TO_TLS = ("https port", "ssl-enabled server port", "http request to an https server")
"""The words of nginx, of Apache httpd, of Go, about plain HTTP on a port for TLS."""


def proof(evidence: Evidence) -> str | None:
    """Look for a port that does not answer in the scheme it was asked in, and does in the other."""
    if not evidence.other_scheme.status:
        return None
    secure = evidence.url.startswith(("https:", "wss:"))
    asked, other = ("https", "http") if secure else ("http", "https")
    complains = evidence.page.status == 400 and any(words in evidence.page.body.lower() for words in PLAIN_TO_TLS)
    plain = NOT_TLS in evidence.route.error
    silent = not evidence.page.status and not evidence.route.failed
    if not (plain if secure else silent or complains):
        return None
    return f"asked in {asked}, the port answered: {evidence.page}; asked in {other} it answered {evidence.other_scheme}"
