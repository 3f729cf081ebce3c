"""Detect security software that decrypts HTTPS on the user's computer."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for an untrusted certificate from security software on this computer."""
    # If the certificate is trusted, a sign-in, a proxy or the server may reject the handshake.
    if not facts.certificate_rejected or not facts.certificate_from_this_computer:
        return None
    return f"the certificate was issued by {facts.tls.certificate.issuer}; {facts.first_outcome}"


def suspect(facts: Facts) -> str | None:
    """Look for a WebSocket that fails behind security software."""
    if not facts.works and facts.certificate_from_this_computer:
        return "temporarily turn off the web shield, and run diagnose again"
    return None


RULE = Rule(
    __name__,
    title="Security software on the computer decrypts HTTPS",
    hop="computer",
    symptom="Only one computer fails, on any network",
    summary="Security software on this computer decrypts HTTPS and replaces the certificate",
    fix="add an exception for the host name of DSS to the web shield or HTTPS scanning of the security software",
    detect=detect,
    suspect=suspect,
)
