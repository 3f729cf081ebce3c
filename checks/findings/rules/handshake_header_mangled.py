"""Detect a proxy that changes a header of the handshake or its response."""

from __future__ import annotations

import re

from checks.evidence import Handshake
from checks.findings.arrival import difference, missing_upgrade, over_http_2
from checks.findings.complaints import ANY, KEY, VERSION
from checks.findings.facts import Facts, expected_accept
from checks.findings.rule import Rule

REQUIRED = ("Upgrade", "Connection", "Sec-WebSocket-Accept")
"""The headers that every server sends with a 101, and every browser requires (RFC 6455, sections 4.1 and 4.2.2)."""


REQUESTED = ("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol")
"""The headers of the request that the response depends on (RFC 6455, section 4.2)."""


def detect(facts: Facts) -> str | None:
    """Look for a changed request, and for a 101 without a header, or with two.

    Every server sends the header once.
    """
    for path in facts.evidence.paths:
        shake = facts.evidence.handshake(path)
        changed = [name for name in REQUESTED if name in shake.changed_headers]
        if shake.response.status == 101 and REQUESTED[0] in changed:
            continue  # accept_mismatch reports this: the server computed Sec-WebSocket-Accept for another key
        if changed and not (shake.opened or missing_upgrade(shake) or over_http_2(shake)):
            return "; ".join([f"got {shake.response}{_because(shake)}", *(difference(shake, name) for name in changed)])
        if proof := _missed(facts, path):
            return proof
    if facts.evidence.page.status == 101:  # a server that sends it for everything does not know the handshake
        return None
    for path in facts.evidence.paths:
        response = facts.response(path)
        names = {name.lower() for name, _ in response.headers}
        # A missing subprotocol proves nothing: each version of DSS supports its own.
        missing = [name for name in REQUIRED if name.lower() not in names]
        if response.status == 101 and missing and facts.evidence.page.status:
            return f"expected {', '.join(REQUIRED)}, got {response} without {' and '.join(missing)}"
        for name, value in _single_values(facts.evidence.handshake(path)).items():
            values = re.split(", *", response.header(name))
            if response.status == 101 and len(values) > 1 and value.lower() in map(str.lower, values):
                return f"expected {name}: {value} and nothing else, got {response} with {name}: {', '.join(values)}"
    return None


def suspect(facts: Facts) -> str | None:
    """Look for a 101 without the requested subprotocol, or an empty 200."""
    if any(_emptied(facts, path) for path in facts.closed_paths):
        return (
            "connect to DSS directly, at its own port. If the response there is a 101, check that it has the headers"
            " Upgrade and Connection: without them, Caddy turns it into an empty 200"
        )
    if any("subprotocol" in facts.evidence.handshake(path).fault for path in facts.evidence.paths):
        return (
            "connect to DSS directly, at its own port: if Sec-WebSocket-Protocol comes back there, the proxy drops it"
        )
    return None


def _emptied(facts: Facts, path: str) -> bool:
    """Tell whether the handshake gets an empty 200, and a plain GET something else."""
    response, plain = facts.response(path), facts.plain(path)
    return response.status == 200 != plain.status > 0 and not response.body and not response.header("Content-Type")


def _missed(facts: Facts, path: str) -> str:
    """Return that the server misses a Sec-WebSocket header, in its own words."""
    miss, response, plain = facts.complaint(path), facts.response(path), facts.plain(path)
    if miss and miss.header in {ANY, KEY, VERSION}:
        return (
            f"expected 101 Switching Protocols, got {response}; {miss.header} was sent, and the response reports"
            f' "{miss.phrase}"'
        )
    # RFC 6455, section 4.4. Some servers send the same to a plain GET, so there Upgrade may be missing instead.
    versions = response.header(VERSION) if response.status == 426 != plain.status > 0 and not miss else ""
    if "13" in re.split(r"\D+", versions) and not facts.evidence.handshake(path).arrived:
        return f"expected 101 Switching Protocols for {VERSION}: 13, got {response} with {VERSION}: {versions}"
    return ""


def _because(shake: Handshake) -> str:
    return f" ({shake.fault})" if shake.response.status == 101 else ""


def _single_values(shake: Handshake) -> dict[str, str]:
    """Return the value of each header that browsers accept only once (Chromium 156)."""
    sent = dict(shake.sent)
    return {
        "Upgrade": "websocket",
        "Sec-WebSocket-Accept": expected_accept(sent.get("Sec-WebSocket-Key", "")),
        "Sec-WebSocket-Protocol": sent.get("Sec-WebSocket-Protocol", ""),
    }


RULE = Rule(
    __name__,
    title="A proxy changes a handshake header",
    hop="reverse proxy",
    symptom="Fails at once, for everyone, although the proxy logs 101",
    summary="A proxy changes a header of the handshake or of its response, so the handshake fails",
    fix=(
        "make the proxy in front of DSS forward the headers of the handshake and of its response unchanged, with "
        "Upgrade, Connection and each Sec-WebSocket header once"
    ),
    detect=detect,
    suspect=suspect,
)
