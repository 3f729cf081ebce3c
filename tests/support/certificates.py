"""Certificates for scripted servers, some of them with hostile names."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.server import server_tls

AUTHORITY = trustme.CA()
"""The authority that `diagnose` trusts here."""

TLS = server_tls(AUTHORITY.issue_cert("127.0.0.1"))
TLS_WITH_HTTP_2 = server_tls(AUTHORITY.issue_cert("127.0.0.1"), "h2", "http/1.1")


def tls_named(name, *, trusted, others=0):
    """Return the TLS settings of a server with a certificate for this name.

    The name is in every field. `others` is the number of further names.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(AUTHORITY.private_key_pem.bytes(), None) if trusted else key
    issuer = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes()).subject
    subject = x509.Name([x509.NameAttribute(oid, name) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])
    ascii_only = name.encode("ascii", "ignore").decode()
    names = [x509.DNSName(f"{number}.{ascii_only}") for number in range(others + 1)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer if trusted else subject)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), *names]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem, encoding = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    private = key.private_bytes(pem, encoding, serialization.NoEncryption())
    return server_tls(trustme.LeafCert(private, certificate.public_bytes(pem), []))
