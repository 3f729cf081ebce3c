"""A proxy replaces the Host header, or Origin, so that notebooks take their own page for a stranger."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "The proxy does not preserve the Host header"
HOP = "reverse proxy"
FIX = "make the proxy in front of DSS pass on Host as the browser sent it, port included, and Origin too"


def proof(evidence: Evidence) -> str | None:
    """Look for a socket of Jupyter that opens without Origin and is refused with the page's own."""
    for path in evidence.paths:
        changed = evidence.handshake(path).changed_headers.get("Host")
        if changed is not None:
            return (
                f"Host was sent as {dict(evidence.handshake(path).sent)['Host']} and arrived as {changed or 'nothing'}"
            )
    # Other web applications compare Origin with lists of their own, Jupyter with Host.
    for path in (path for path in evidence.paths if path.startswith("/jupyter/")):
        asked = evidence.handshake(path).response
        if asked.status != 403 or not evidence.handshake(path, "no-origin").opened:
            continue
        # A gate that minds Origin would refuse all sockets, and not in the words of Jupyter.
        if "cross origin" in asked.body.lower() or any(evidence.handshake(other).opened for other in evidence.paths):
            return (
                f"answered {asked} to the page's own Origin, expected 101 Switching Protocols;"
                " the same without Origin answered 101"
            )
    return None
