"""Detect a proxy that accepts the handshake of some browsers only."""

from __future__ import annotations

from checks.findings.browsers import CHROMIUM, split
from checks.findings.facts import Facts
from checks.findings.rule import Rule

SAME = "Chrome's handshake with this Connection fails too"


def detect(facts: Facts) -> str | None:
    """Look for browsers whose handshakes open, and others whose do not."""
    found = split(facts)
    if not found:
        return None
    names: dict[str, list[str]] = {}
    for name, shake in found.refused.items():
        names.setdefault(str(shake.response), []).append(name)
    got = " and ".join(f"{_joined(refused)} got {response}" for response, refused in names.items())
    proof = f"expected each browser's handshake to open a WebSocket; {_joined(found.opened)} opened one, but {got}"
    if found.by_connection and CHROMIUM in found.opened:
        return f"{proof}; the reason is Connection: keep-alive, Upgrade, which many versions of Firefox send: {SAME}"
    return proof


def _joined(names: list[str]) -> str:
    each = ", ".join(names).split(", ")
    return " and ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)


RULE = Rule(
    __name__,
    title="A proxy accepts the handshake of some browsers only",
    hop="any",
    symptom="Works in one browser, and fails in another on the same computer",
    summary="A proxy or firewall decides by headers that differ between browsers, such as Connection or User-Agent",
    fix=(
        "in the proxy or firewall, look for rules on Connection or User-Agent that apply to WebSocket URLs, and "
        "test Upgrade instead. In Apache httpd, that is RewriteCond %{HTTP:Upgrade} =websocket [NC]. Until then, "
        "use a browser that the proof lists as open"
    ),
    detect=detect,
)
