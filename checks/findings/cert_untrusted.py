"""The certificate is not one that browsers trust for this name, and a WebSocket cannot ask whether to go on."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings.tls_interception import inspected

HOP = "TLS"
FIX = "give the server a certificate for this name, with its whole chain, from an authority that your readers' browsers trust"

KINDS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself",
    19: "an authority in its chain is not known here",
    20: "its issuer is not known here, or the server does not send the whole chain",
    21: "its issuer is not known here, or the server does not send the whole chain",
    62: "it is for another name",
    64: "it is for another IP address",
}
"""What the numbers of OpenSSL mean (openssl-verification-options(1), x509_vfy.h)."""


def proof(evidence: Evidence) -> str | None:
    """Look for a certificate that was refused, and for who issued it."""
    tls = evidence.way.tls
    if not tls.code or inspected(evidence):
        return None
    certificate = tls.certificate
    names = f", for {', '.join(certificate.names[:5])}" if certificate.names else ""
    dates = f", valid from {certificate.begins[:10]} to {certificate.ends[:10]}" if certificate.ends else ""
    issued = f"; issued by {certificate.issuer or 'nobody named'}{names}{dates}" if certificate.sha256 else ""
    return f"{KINDS.get(tls.code, tls.untrusted)}{issued}"
