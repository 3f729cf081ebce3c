"""TLS over any stream, and what its certificate is worth."""

from __future__ import annotations

import contextlib
import functools
import ssl
import time
from pathlib import Path
from typing import Any, Callable

from checks.evidence import NOT_TLS, Tls

from .stream import READ_SIZE, Stream
from .target import Target

RECORD_TYPES = range(20, 25)
"""The first byte of every TLS record (RFC 8446, section 5.1, and RFC 6520, section 3)."""

UNKNOWN_ISSUER = {19, 20, 21}
"""The error codes of OpenSSL for an issuer that is not in the trust store (x509_vfy.h)."""


class TlsStream(Stream):
    """TLS over a stream, which may itself be TLS."""

    def __init__(self, below: Stream, context: ssl.SSLContext, host: str) -> None:
        self.below, self._pushed_back, self.first_bytes = below, b"", b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def handshake(self) -> None:
        """Complete the TLS handshake.

        Raises ssl.SSLError.
        """
        await self._run(self.tls.do_handshake)

    async def read(self) -> bytes:
        """Return the next decrypted bytes; empty at the end of the stream."""
        pushed_back, self._pushed_back = self._pushed_back, b""
        with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return pushed_back or bytes(await self._run(lambda: self.tls.read(READ_SIZE)))
        return b""

    async def write(self, data: bytes) -> None:
        """Encrypt and send bytes."""
        self.tls.write(data)
        await self._flush()

    def unsent(self) -> int:
        """Return how many of our bytes the other end has not yet confirmed."""
        return self.below.unsent()

    def close(self) -> None:
        """Send what is buffered, and close without `close_notify`, as browsers do."""
        self.below.close()

    def abort(self) -> None:
        """Close at once, and drop what is buffered."""
        self.below.abort()

    async def _run(self, operation: Callable[[], Any]) -> Any:
        """Run one TLS operation, exchanging bytes with the peer until it completes."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:  # noqa: PERF203  # one round for each flight of TLS
                await self._flush()
                data = await self.below.read()
                self.first_bytes = self.first_bytes or data
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush()  # the alert that tells the peer why
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self.below.write(data)


async def start_tls(below: Stream, context: ssl.SSLContext, host: str) -> tuple[TlsStream, Tls]:
    """Start TLS on a stream; return the encrypted stream, and what was negotiated.

    Raises ssl.SSLError, and ValueError where the port does not respond with TLS.
    """
    from .certificate import decoded, described  # noqa: PLC0415  # only for TLS

    began, stream = time.monotonic(), TlsStream(below, context, host)
    try:
        await stream.handshake()
    except ssl.SSLError as error:
        if stream.first_bytes and stream.first_bytes[0] not in RECORD_TYPES:
            protocol = "HTTP" if stream.first_bytes.startswith(b"HTTP/") else "text"
            raise ValueError(f"the port responded with plain {protocol} {NOT_TLS}") from error
        raise
    der = stream.tls.getpeercert(binary_form=True) or b""
    verified = stream.tls.getpeercert()
    certificate = described(verified, der) if verified else decoded(der)
    version, alpn = stream.tls.version() or "", stream.tls.selected_alpn_protocol() or ""
    return stream, Tls(version, alpn, certificate, seconds=time.monotonic() - began)


def client_context(target: Target, *, any_certificate: bool = False) -> ssl.SSLContext:
    """Return the TLS settings for a target.

    With `any_certificate`, no certificate is verified.
    """
    if not any_certificate:
        return target.tls or _system_trust()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def certificate_error(error: ssl.SSLError, target: Target) -> Tls:
    """Return why the certificate is not trusted.

    Empty when TLS failed for another reason.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Tls()
    no_trust_store = error.verify_code in UNKNOWN_ISSUER and not _has_authorities(client_context(target))
    return Tls(untrusted=error.verify_message, code=error.verify_code, no_trust_store=no_trust_store)


def _has_authorities(context: ssl.SSLContext) -> bool:
    """Return whether any authority is trusted.

    The installer of python.org for macOS leaves the trust store empty.
    """
    folder = ssl.get_default_verify_paths().capath  # read only when a certificate is verified
    with contextlib.suppress(OSError):
        return bool(context.cert_store_stats()["x509_ca"] or (folder and any(Path(folder).iterdir())))
    return False


@functools.cache
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading all authorities takes longer than a handshake
