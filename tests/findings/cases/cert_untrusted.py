"""Evidence for and against: the certificate is not trusted."""

from dataclasses import replace

from support.evidence import (
    HTTPS,
    NO_TRUST_STORE,
    OPEN,
    certified,
    handshakes,
    not_connected,
    observed,
    through_proxy,
    tls,
)

from checks.evidence import Route

FIRES = {
    **{f"code {code} of OpenSSL": certified("R11, Let's Encrypt", code) for code in (9, 10, 18, 62, 64)},
    "an unknown issuer": certified("Example Corp CA", 20),
    "no request after the TLS handshake": not_connected("tls", "the certificate is not trusted", tls=tls("x", 10)),
    "the same certificate with and without the proxy": through_proxy(
        handshakes(OPEN), secured=tls("Example Corp CA", 20), direct=Route(tls=tls("Example Corp CA", 20))
    ),
    "an appliance's factory certificate, for its own name": observed(
        handshakes(OPEN), url=HTTPS, route=Route(tls=tls("FG100F, Fortinet", 18, names=("FG100F",)))
    ),
    "an issuer whose name contains that of a product": certified("Big Data Platform CA", 20),
    "another issuer whose name contains that of a product": certified("Preset Root CA", 20),
}

QUIET = {
    "no trusted certificates on this computer": observed(handshakes(OPEN), url=HTTPS, route=Route(tls=NO_TRUST_STORE)),
    "no trusted certificates on this computer, and a product as the issuer": observed(
        handshakes(OPEN),
        url=HTTPS,
        route=Route(tls=replace(NO_TRUST_STORE, certificate=tls("Zscaler Root CA", 20).certificate)),
    ),
    "a certificate that may be the proxy's": through_proxy(
        handshakes(OPEN), secured=tls("Example Corp CA", 20), direct=Route(failed="tcp", error="connection refused")
    ),
    "a failed TLS handshake": not_connected("tls", "TLS failed: sslv3 alert handshake failure", url=HTTPS),
}

UNDECIDED = {
    "an unknown issuer, and no connection without the proxy": (
        QUIET["a certificate that may be the proxy's"],
        ["tls-interception", "cert-untrusted"],
    ),
    "no trusted certificates on this computer": (QUIET["no trusted certificates on this computer"], ["cert-untrusted"]),
}
