"""Which forward proxy a connection takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Proxy:
    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    source: str = ""

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}"


def parse(text: str, source: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    return Proxy(
        parts.scheme,
        parts.hostname or "",
        parts.port or 80,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        source,
    )


def from_environment(url, environ):  # noqa
    return None


def from_pac(script, url, host):  # noqa
    return [None]
