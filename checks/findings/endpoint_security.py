"""Security software on this computer opens TLS and answers with a certificate of its own."""

from __future__ import annotations

import re

from checks.evidence import Evidence

TITLE = "Security software on the computer decrypts HTTPS"
HOP = "computer"
FIX = "exempt the name of DSS from the web shield or HTTPS scanning of the security software"

PRODUCTS = (
    "kaspersky",
    "avast",
    "avg",
    "eset",
    "bitdefender",
    "norton",
    "g data",
    "dr.web",
    "adguard",
    "trend micro",
    "comodo internet security",
    "360 total security",
    "panda security",
    "bullguard",
    "f-secure",
)
"""Words in the names of issuers that are made by security software for the computer it runs on."""


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that fails behind a certificate which the computer itself made."""
    issuer = evidence.route.tls.certificate.issuer
    # Where it is trusted, a login, a proxy, or the server may be what refuses the socket.
    if not evidence.route.tls.refused or not on_this_computer(evidence):
        return None
    asked = evidence.handshake(evidence.paths[0]).response if evidence.paths else evidence.page
    return f"the certificate is issued by {issuer}; the handshake: {asked}"


def maybe(evidence: Evidence) -> str | None:
    """Look for a socket that fails behind a certificate which the computer itself made, and which is trusted."""
    if not evidence.works and on_this_computer(evidence):
        return "turn the web shield off for a moment, and look again"
    return None


def on_this_computer(evidence: Evidence) -> bool:
    """Tell whether the certificate was made by a product for the computer it runs on."""
    return bool(re.search(rf"(?i)\b({'|'.join(map(re.escape, PRODUCTS))})\b", evidence.route.tls.certificate.issuer))
