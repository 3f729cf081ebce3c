"""The certificate is not one that browsers trust for this name, and a WebSocket cannot ask whether to go on."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings.endpoint_security import on_this_computer
from checks.findings.tls_interception import inspected

TITLE = "The certificate is not trusted"
HOP = "TLS"
FIX = "give the server a certificate, with its whole chain, that browsers trust; is it not yours, see tls-interception"

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
    tls = evidence.route.tls
    if not tls.refused or inspected(evidence) or on_this_computer(evidence) or _may_be_another(evidence):
        return None
    certificate = tls.certificate
    names = f", for {', '.join(certificate.names[:5])}" if certificate.names else ""
    dates = f", valid from {certificate.begins[:10]} to {certificate.ends[:10]}" if certificate.ends else ""
    issued = f"; issued by {certificate.issuer or 'nobody named'}{names}{dates}" if certificate.sha256 else ""
    return f"{KINDS.get(tls.code, tls.untrusted)}{issued}"


def _may_be_another(evidence: Evidence) -> bool:
    """Tell whether the forward proxy may have made this certificate: nobody has seen the server's own without it."""
    return bool(evidence.route.proxy) and evidence.direct.tls.certificate != evidence.route.tls.certificate


def maybe(evidence: Evidence) -> str | None:
    """Look for a certificate that is not trusted, behind a forward proxy."""
    if evidence.route.tls.no_trust_store:
        return "this Python knows no authority at all: give those of this computer with --ca FILE"
    if evidence.route.tls.code and _may_be_another(evidence):
        return "compare the issuer with the one seen from where DSS can be reached without the forward proxy"
    return None
