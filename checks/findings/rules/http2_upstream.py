"""Detect two proxies with an HTTP/2 connection that carries no handshake."""

from __future__ import annotations

from checks.findings.facts import Facts, gateway_error
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a handshake beside which requests fail: they share a connection."""
    failed = facts.second_look.ends_others
    if not failed:
        return None
    alone = facts.second_look.alone(failed.path)[-1]
    return (
        f"expected {alone} for {failed.path}, got {failed.response} beside a handshake, repeatedly;"
        " requests side by side without a handshake got no such error"
    )


def suspect(facts: Facts) -> str | None:
    """Look for a handshake that gets a proxy's error, unlike a plain GET."""
    look = facts.second_look
    if look.only_handshake_fails and look.handshake and gateway_error(look.handshake.response):
        return (
            "find the last proxy whose log shows the handshake, and the reason in its error log. Its server may be"
            " down, expect TLS or not, or send too long headers. If it connects to another proxy over HTTP/2, switch"
            " that to HTTP/1.1 as a test"
        )
    return None


RULE = Rule(
    __name__,
    title="A hop over HTTP/2 cannot carry the handshake",
    hop="reverse proxy",
    symptom="Fails for everyone, and at the same moment some pages fail with 503",
    summary=(
        "Two proxies connect to each other over HTTP/2, and the second does not accept a WebSocket there (extended"
        " CONNECT, RFC 8441)"
    ),
    fix="turn on extended CONNECT in the second proxy, or let the first proxy connect to it over HTTP/1.1",
    detect=detect,
    suspect=suspect,
)
