"""Detect TLS inspection that breaks the WebSocket."""

from __future__ import annotations

from checks.findings.advice import ISSUER
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a WebSocket that fails behind a certificate that a hop made."""
    # If the certificate is trusted, a sign-in, a proxy or the server may reject the handshake.
    broken = facts.certificate_rejected or facts.opens_without_proxy
    if facts.works or not facts.certificate_inspected or not broken:
        return None
    here, direct = facts.tls.certificate, facts.direct_certificate
    other = f"; without the proxy, it was issued by {direct.issuer or 'an unnamed issuer'}" if direct.sha256 else ""
    trust = f" and is not trusted here ({facts.tls.untrusted})" if facts.certificate_rejected else ""
    issuer = here.issuer or "an unnamed issuer"
    return f"the certificate was issued by {issuer}{trust}{other}; {facts.first_outcome}"


def suspect(facts: Facts) -> str | None:
    """Look for a certificate that a hop may have made."""
    here, direct = facts.tls, facts.direct_certificate
    if not here.certificate.sha256 or facts.works:
        return None
    comparable = here.code or direct.sha256
    return ISSUER if facts.certificate_inspected or (facts.certificate_may_be_proxys and comparable) else None


RULE = Rule(
    __name__,
    title="TLS inspection breaks the WebSocket",
    hop="forward proxy",
    symptom="Works at home, fails at work, and your company issued the certificate",
    summary="A hop decrypts HTTPS and replaces the certificate, and it may not support WebSocket",
    fix=(
        "ask the team that runs the TLS inspection not to decrypt connections to the host name of DSS; many "
        "products call this an SSL bypass or a do-not-decrypt list"
    ),
    detect=detect,
    suspect=suspect,
)
