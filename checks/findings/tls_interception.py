"""Something on the way opens TLS and answers with a certificate of its own, and may not know WebSocket."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from checks.evidence import Evidence, Handshake

TITLE = "TLS inspection breaks the WebSocket"
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
    # Where the certificate is trusted, a login, a proxy, or the server may be what refuses the socket.
    better = any(shake.opened and not evidence.handshake(shake.path).opened for shake in _direct(evidence))
    if evidence.works or not inspected(evidence) or not (evidence.route.tls.refused or better):
        return None
    here, direct = evidence.route.tls.certificate, evidence.direct.tls.certificate
    asked = evidence.handshake(evidence.paths[0]).response if evidence.paths else evidence.page
    other = f"; without the proxy it is issued by {direct.issuer}" if direct.sha256 else ""
    trust = f" and is not trusted here ({evidence.route.tls.untrusted})" if evidence.route.tls.refused else ""
    return f"the certificate is issued by {here.issuer}{trust}{other}; the handshake: {asked}"


def inspected(evidence: Evidence) -> bool:
    """Tell whether the certificate was made by somebody on the way.

    Proof is another certificate for the same name without the proxy, or an issuer that is a product for this.
    """
    here, direct = evidence.route.tls.certificate, evidence.direct.tls.certificate
    named = re.search(rf"(?i)\b({'|'.join(map(re.escape, PRODUCTS))})\b", here.issuer)
    # Their makers also sell what stands before servers, delivered with a certificate for its own name.
    made = named and evidence.route.tls.code != 62 and _is_for(_host(evidence), here.names)
    # Two servers of one name have two certificates, too; who inspects copies names and dates.
    copied = (here.names, here.ends) == (direct.names, direct.ends) and here.issuer != direct.issuer
    return bool(made or (evidence.route.proxy and here.sha256 and direct.sha256 and copied))


def _direct(evidence: Evidence) -> list[Handshake]:
    return [shake for shake in evidence.handshakes if shake.variant == "direct"]


def _host(evidence: Evidence) -> str:
    try:
        return urlsplit(evidence.url).hostname or ""
    except ValueError:  # half a bracket, from evidence that somebody wrote
        return ""


def _is_for(host: str, names: tuple[str, ...]) -> bool:
    """Tell whether a certificate with these names is for this host."""
    wide = "*." + host.partition(".")[2]
    return bool({host.lower(), wide.lower()} & {name.lower() for name in names})


def maybe(evidence: Evidence) -> str | None:
    """Look for a certificate that may be an inspector's."""
    here, direct = evidence.route.tls, evidence.direct.tls
    other = here.certificate != direct.certificate and (here.code or direct.certificate.sha256)
    if here.certificate.sha256 and not evidence.works and (inspected(evidence) or (evidence.route.proxy and other)):
        return "compare the issuer with the one seen from where DSS can be reached without the forward proxy"
    return None
