"""Find out whether a Content-Security-Policy blocks every WebSocket."""

from __future__ import annotations

import re


def blocks_sockets(policy: str) -> str:
    """Return `blocks` if a policy allows no WebSocket at all, or an empty text."""
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = part.strip().split()
        if words and words[0].lower() not in directives:
            directives[words[0].lower()] = words[1:]
    for name in ["connect-src", "default-src"]:
        if name in directives:
            sources = directives[name]
            return "" if any(_may_allow(source) for source in sources) else "blocks"
    return ""


def _may_allow(source: str) -> bool:
    """Return whether a source may allow a WebSocket; unknown sources may."""
    if source in ["'none'", "'unsafe-inline'", "'unsafe-eval'"] or re.search(r"^'(nonce|sha\d+)-", source):
        return False
    return not re.search(r"^(https?|data|blob|filesystem|mediastream):", source.lower())
