"""Read a certificate, whether it is trusted or not."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from checks.evidence import Certificate

MAX_LENGTH = 200
"""Characters of a name that are kept: anyone may have made the certificate."""

MAX_NAMES = 200
"""The number of names that are kept."""


def described(data: Mapping[str, Any], der: bytes) -> Certificate:
    """Return a trusted certificate from the result of `SSLObject.getpeercert()`."""
    begins, ends = (_iso(ssl.cert_time_to_seconds(data[key])) for key in ("notBefore", "notAfter"))
    names = tuple(value for kind, value in data.get("subjectAltName", ()) if kind in {"DNS", "IP Address"})
    subject, issuer = (_name(dict(pair[0] for pair in data.get(key, ()))) for key in ("subject", "issuer"))
    return Certificate(subject, issuer, names[:MAX_NAMES], begins, ends, _digest(der))


def decoded(der: bytes) -> Certificate:
    """Return an untrusted certificate from its DER encoding.

    It has only its digest when it cannot be parsed.
    """
    from asn1crypto.x509 import Certificate as Asn1  # noqa: PLC0415  # slow to import, and rarely needed

    try:
        parsed = Asn1.load(der)
        validity = parsed["tbs_certificate"]["validity"]
        begins, ends = (_iso(validity[key].native.timestamp()) for key in ("not_before", "not_after"))
        names = tuple(name[:MAX_LENGTH] for name in [*parsed.valid_domains, *parsed.valid_ips])
        subject, issuer = (_name(_asn1_names(part)) for part in (parsed.subject, parsed.issuer))
        return Certificate(subject, issuer, names[:MAX_NAMES], begins, ends, _digest(der))
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        return Certificate(sha256=_digest(der))


def _asn1_names(part: Any) -> dict[str, str]:
    names = {"common_name": "commonName", "organization_name": "organizationName"}
    return {names.get(key, key): str(value) for key, value in part.native.items()}


def _name(parts: Mapping[str, str]) -> str:
    """Return common name and organization; only one when they are equal."""
    names = [parts.get("commonName", ""), parts.get("organizationName", "")]
    return ", ".join(dict.fromkeys(part[:MAX_LENGTH] for part in names if part))


def _digest(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest() if der else ""


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
