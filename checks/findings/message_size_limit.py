"""Something on the way, or the server, allows only messages up to a size and closes the socket at a larger one."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "A message size limit closes the WebSocket"
HOP = "any"
FIX = "raise the limit on the size of a message in the gateway before DSS; if DSS itself answers so, it is its own"


def proof(evidence: Evidence) -> str | None:
    """Look for the size up to which messages pass, with the code for too large ones above it."""
    passed = [each.size for each in evidence.sizes if each.passed]
    failed = [each for each in evidence.sizes if not each.passed]
    # Who closes with another code, or with none, may have minded what the message says.
    if not passed or not failed or any(each.size <= max(passed) or each.close_code != 1009 for each in failed):
        return None
    return (
        f"a message of {max(passed)} bytes passed; one of {min(each.size for each in failed)} was answered by"
        " close code 1009 (message too big)"
    )
