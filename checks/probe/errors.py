"""Describe network errors in words that users understand."""

from __future__ import annotations

import os
import socket
import ssl

MAX_LENGTH = 200
"""Characters of a description that are kept."""


def describe(error: BaseException) -> str:
    """Return what went wrong, as a clause in lower case."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # asyncio rewords strerror
    if isinstance(error, ConnectionError):
        return str(error).lower() or "connection lost"  # asyncio has errors of its own, without a number
    return (str(error) or type(error).__name__)[:MAX_LENGTH]
