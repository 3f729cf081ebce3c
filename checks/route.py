"""Which forward proxy a connection takes: the one that is named, that of the environment, or that of a PAC file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The ports of proxies that name none: the scheme's own, as in browsers; 1080 for SOCKS (RFC 1928, section 3)."""

SECONDS = 5
"""The time that a PAC file has to answer."""


@dataclass(frozen=True)
class Proxy:
    """A forward proxy. Its text is its address without the password."""

    scheme: str
    """http, https, socks5 or socks5h."""
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    source: str = ""
    """Who named it."""

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}"


def parse(text: str, source: str) -> Proxy:
    """Return the proxy at an address; a bare host:port is one of HTTP.

    Raises ValueError, which never holds a password.
    """
    shown = re.sub(r"//.*@", "//***@", text) if "://" in text else re.sub(r".*@", "***@", text)
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
        sound = parts.scheme in PORTS and parts.hostname and port != 0 and not (parts.path.strip("/") or parts.query)
    except ValueError:  # a port beyond 65535, half a bracket
        sound = False
    if not sound:
        raise ValueError(
            f"{shown!r} is not the address of a proxy; expected something like http://proxy.example.com:3128"
            " or socks5://proxy.example.com"
        )
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.scheme, parts.hostname or "", port or PORTS[parts.scheme], username, password, source)


def from_environment(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that the environment names for an address, as most programs read it; None for no proxy.

    Browsers read these variables on some systems only. Raises ValueError when a variable holds no proxy.
    """
    if not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from urllib import request  # noqa: PLC0415  # slow to import

    named = request.getproxies_environment()
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    kind = scheme if scheme in named else "all"
    if kind not in named or request.proxy_bypass_environment(parts.netloc.rpartition("@")[2], named):  # type: ignore[attr-defined]
        return None
    return parse(named[kind], f"environment: {kind}_proxy")


def from_pac(script: str, url: str, host: str) -> list[Proxy | None]:
    """Return the proxies that a PAC file names for an address, in its order; None stands for DIRECT.

    Browsers give it the scheme of the socket, ws or wss, and of a secure address no path. It runs in a process of its
    own, with limits. Raises ValueError when it gives no answer that a browser would take.
    """
    parts = urlsplit(url)
    asked = f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"https", "wss"} else url
    question = json.dumps({"script": script, "url": asked, "host": host})
    command = [sys.executable, "-m", "checks.pac"]
    try:
        done = subprocess.run(command, input=question, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"the PAC file gave no answer within {SECONDS} s") from None
    if "No module named" in done.stderr:
        raise ValueError("PAC files take a checkout; here, give what the file answers with --proxy")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ValueError("the PAC file took too much memory, or broke what runs it") from None
    if "error" in answer:
        raise ValueError(f"the PAC file fails: {answer['error'][:200]}")
    return [_choice(part) for part in str(answer["proxies"]).split(";") if part.strip()] or [None]


def _choice(text: str) -> Proxy | None:
    """Return one of the choices in what a PAC file answers."""
    kind, _, where = text.strip().partition(" ")
    schemes = {"PROXY": "http", "HTTP": "http", "HTTPS": "https", "SOCKS5": "socks5", "SOCKS": "socks5"}
    if kind.upper() == "DIRECT":
        return None
    if kind.upper() not in schemes:
        raise ValueError(
            f"the PAC file answers {text.strip()[:80]!r}; expected DIRECT, PROXY host:port or SOCKS5 host:port"
        )
    return parse(f"{schemes[kind.upper()]}://{where.strip()}", "PAC file")
