"""What `checks echo` needs of a program that serves pages beside its sockets."""

from __future__ import annotations

from typing import Protocol

from .arrived import Request

MAX_BODY = 16384
"""Bytes of the longest request body that an application gets."""


class Watch(Protocol):
    """Notes what happens to one handshake."""

    refused: bool
    """Whether the server must refuse it."""

    def accepted(self) -> None:
        """Note that the server accepted it."""

    def message(self) -> None:
        """Note that the end of a message arrived."""


class Application(Protocol):
    """Serves pages, and notes the requests of those who open them."""

    def respond(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """Return status code, headers and body; None leaves the response to the server."""

    def watch(self, request: Request) -> Watch | None:
        """Return what notes a request for a WebSocket, or None."""
