"""Something on the way opens TLS and answers with a certificate of its own, and may not know WebSocket."""

from __future__ import annotations

import re

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
    named = bool(re.search(rf"(?i)\b({'|'.join(map(re.escape, PRODUCTS))})\b", here.issuer))
    # Two servers of one name have two certificates, too; who inspects copies names and dates.
    copied = (here.names, here.ends) == (direct.names, direct.ends) and here.issuer != direct.issuer
    return named or bool(evidence.way.proxy and here.sha256 and direct.sha256 and copied)


def maybe(evidence: Evidence) -> str | None:
    """Look for a certificate that may be an inspector's."""
    here, direct = evidence.way.tls, evidence.direct.tls
    if evidence.way.proxy and (here.code or direct.certificate.sha256) and here.certificate != direct.certificate:
        return "compare the issuer with the one seen from where DSS can be reached without the forward proxy"
    return None
