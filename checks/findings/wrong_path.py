"""There is no socket at the address that was given, and there is one on this server."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "There is no WebSocket at this URL"
HOP = "server"
FIX = "take the address from the developer tools of the browser; a kernel that has ended has no socket any more"


def proof(evidence: Evidence) -> str | None:
    """Look for an address that is not found, with Upgrade and without, beside one whose socket opens."""
    opened = next((path for path in evidence.paths if evidence.handshake(path).opened), "")
    # Jupyter says 400 where Upgrade is missing; other servers may say 404 then too.
    for path in (path for path in evidence.paths if path.startswith("/jupyter/")):
        if opened and evidence.answered_like_plain_get(path) and evidence.handshake(path).response.status == 404:
            answer = evidence.handshake(path).response
            return f"{path} answered {answer} with Upgrade and without, expected 101; {opened} answered 101"
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for an address that is not found; Starlette says 403 to a handshake and 404 to a plain request.

    Who answers 400 or 426 to the plain one has a socket there.
    """
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).response, evidence.handshake(path, "no-upgrade").response
        if (asked.status == 404 and plain.status not in {400, 426}) or (asked.status == 403 and plain.status == 404):
            return "compare the address with the one in the developer tools of a browser in which it works"
    return None
