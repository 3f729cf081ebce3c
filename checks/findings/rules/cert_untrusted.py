"""Detect a certificate that browsers do not trust."""

from __future__ import annotations

from checks.findings.advice import ISSUER
from checks.findings.facts import Facts
from checks.findings.rule import Rule

REASONS = {
    9: "the certificate is not valid yet",
    10: "the certificate expired",
    18: "the certificate is self-signed",
    19: "this computer does not trust a certificate in the chain",
    20: "this computer does not know the issuer, or the server does not send the whole chain",
    21: "this computer does not know the issuer, or the server does not send the whole chain",
    62: "the certificate is for another host name",
    64: "the certificate is for another IP address",
}
"""The meaning of OpenSSL's codes (openssl-verification-options(1), x509_vfy.h)."""


def detect(facts: Facts) -> str | None:
    """Look for a rejected certificate that no hop on the user's side made."""
    theirs = facts.certificate_inspected or facts.certificate_from_this_computer or facts.certificate_may_be_proxys
    if not facts.certificate_rejected or theirs:
        return None
    certificate = facts.tls.certificate
    names = f", for {', '.join(certificate.names[:5])}" if certificate.names else ""
    dates = f", valid from {certificate.begins[:10]} to {certificate.ends[:10]}" if certificate.ends else ""
    issuer = certificate.issuer or "an unnamed issuer"
    details = f"; it was issued by {issuer}{names}{dates}" if certificate.sha256 else ""
    reason = REASONS.get(facts.tls.code) or facts.tls.untrusted or "the certificate is not trusted"
    return f"{reason}{details}"


def suspect(facts: Facts) -> str | None:
    """Look for a certificate that cannot be judged, or may be the forward proxy's."""
    if facts.tls.code and facts.tls.no_trust_store:
        return "this Python has no trusted certificates: pass those of this computer with --ca FILE"
    if facts.tls.code and facts.certificate_may_be_proxys:
        return ISSUER
    return None


RULE = Rule(
    __name__,
    title="The certificate is not trusted",
    hop="TLS",
    symptom="The browser warns about the certificate, and Safari fails",
    summary=(
        "Browsers do not trust the certificate for this host name, and a WebSocket cannot ask the user "
        "whether to continue"
    ),
    fix=(
        "install a certificate that browsers trust, with its whole chain; if the certificate is not yours, see "
        'the cause "TLS inspection breaks the WebSocket" (tls-interception)'
    ),
    detect=detect,
    suspect=suspect,
)
