"""Something on the way opens TLS and answers with a certificate of its own, and may not know WebSocket."""

from __future__ import annotations

from checks.evidence import Evidence

HOP = "forward proxy"
FIX = "have the name of DSS exempt from TLS inspection"

PRODUCTS = (
    "zscaler",
    "netskope",
    "fortinet",
    "fortigate",
    "palo alto",
    "blue coat",
    "bluecoat",
    "symantec web security",
    "forcepoint",
    "websense",
    "mcafee web gateway",
    "skyhigh",
    "cisco umbrella",
    "check point",
    "sophos",
    "barracuda",
    "untangle",
    "contentkeeper",
    "iboss",
    "menlo security",
    "mitmproxy",
)
"""Words in the names of issuers that are products for the inspection of TLS in a network."""


def proof(evidence: Evidence) -> str | None:
    """Look for a socket that fails behind a certificate which somebody on the way made."""
    if evidence.works or not inspected(evidence):
        return None
    here, direct = evidence.way.tls.certificate, evidence.direct.tls.certificate
    asked = evidence.handshake(evidence.paths[0]).answer if evidence.paths else evidence.page
    other = f"; without the proxy it is issued by {direct.issuer}" if direct.sha256 else ""
    trust = f" and is not trusted here ({evidence.way.tls.untrusted})" if evidence.way.tls.code else ""
    return f"the certificate is issued by {here.issuer}{trust}{other}; the handshake was answered {asked}"


def inspected(evidence: Evidence) -> bool:
    """Tell whether the certificate was made by somebody on the way.

    Proof is another certificate for the same name without the proxy, or an issuer that is a product for this.
    """
    here, direct = evidence.way.tls.certificate, evidence.direct.tls.certificate
    issuer = here.issuer.lower()
    named = any(product in issuer for product in PRODUCTS)
    return named or bool(evidence.way.proxy and here.sha256 and direct.sha256 and here.issuer != direct.issuer)
