"""Find the forward proxy: from an option, the environment or a PAC file."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080, "socks5h": 1080}
"""The port of a proxy whose URL has none: the scheme's own, as in browsers; 1080 for SOCKS (RFC 1928, section 3)."""

PAC = Path(__file__).with_name("pac.py")
"""The script that runs a PAC file in a process of its own."""

PAC_TIMEOUT = 20
"""Seconds that a PAC file may take, also on a busy computer."""

PAC_CPU = 5
"""Seconds of CPU time that a PAC file may take, where the system can limit that."""

PAC_SCHEMES = {
    "PROXY": "http",
    "HTTP": "http",
    "HTTPS": "https",
    "SOCKS": "socks4",
    "SOCKS4": "socks4",
    "SOCKS5": "socks5",
}
"""The scheme of the proxy for each keyword that a PAC file may return; in browsers, SOCKS is version 4."""


@dataclass(frozen=True)
class ForwardProxy:
    """A forward proxy; its text is its URL without the password."""

    scheme: str
    """http, https, socks4, socks5 or socks5h."""
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    source: str = ""
    """Where the setting comes from, such as "environment: https_proxy"."""

    def __str__(self) -> str:
        # A user name without a password may be a token.
        user = f"{self.username if self.password else '***'}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}"


def parse(text: str, source: str) -> ForwardProxy:
    """Return the proxy at a URL; host:port without a scheme is an HTTP proxy.

    Raises ValueError, whose message never contains a password or a query.
    """
    shown = re.sub(r"//.*@", "//***@", text) if "://" in text else re.sub(r".*@", "***@", text)
    shown = re.sub(r"[?#].*", lambda end: f"{end[0][0]}...", shown)
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
        path = parts.path.strip("/") or parts.query
        valid = parts.scheme in DEFAULT_PORTS and parts.hostname and port != 0 and not path
    except ValueError:  # a port above 65535, an unclosed bracket
        valid = False
    if not valid:
        raise ValueError(
            f"invalid proxy {shown!r}; expected a URL such as http://proxy.example.com:3128"
            " or socks5://proxy.example.com"
        )
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    return ForwardProxy(
        parts.scheme, parts.hostname or "", port or DEFAULT_PORTS[parts.scheme], username, password, source
    )


def from_environment(url: str, environ: Mapping[str, str]) -> ForwardProxy | None:
    """Return the proxy that environment variables set for a URL, or None.

    They are read as most programs read them. Browsers read these variables on some systems only.
    Raises ValueError when a variable does not contain a proxy's URL.
    """
    if not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from urllib import request  # noqa: PLC0415  # slow to import

    proxies = request.getproxies_environment()
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    kind = scheme if scheme in proxies else "all"
    if kind not in proxies or request.proxy_bypass_environment(parts.netloc.rpartition("@")[2], proxies):  # type: ignore[attr-defined]
        return None
    return parse(proxies[kind], f"environment: {kind}_proxy")


def from_pac(script: str, url: str, host: str) -> list[ForwardProxy | None]:
    """Return the proxies that a PAC file returns for a URL, in its order.

    None means DIRECT. As in browsers, the PAC file receives the scheme of the WebSocket (ws or wss), and no path when
    it is wss; entries that cannot be used are left out, and without any other the connection is direct. The file runs
    in a process of its own, with limits.
    Raises ValueError when the file fails.
    """
    if not PAC.exists():  # inside websocket-doctor.pyz
        raise ValueError("the single file cannot run PAC files; with --proxy, pass the proxy that the file returns")
    parts = urlsplit(url)
    visible = f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"https", "wss"} else url
    question = json.dumps({"script": script, "url": visible, "host": host})
    # Isolated, so that secrets.py in that folder does not shadow the standard library's.
    command = [sys.executable, "-I", str(PAC), str(PAC_CPU)]
    try:
        done = subprocess.run(command, input=question, capture_output=True, text=True, check=False, timeout=PAC_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise ValueError(f"the PAC file did not finish within {PAC_TIMEOUT} s") from None
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        raise ValueError(f"the PAC file did not finish within {PAC_CPU} s of CPU time")
    if "No module named" in done.stderr:
        raise ValueError("PAC files need the Python module pypac; with --proxy, pass the proxy that the file returns")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ValueError("the PAC file used too much memory, or crashed its interpreter") from None
    if "error" in answer:
        if "FindProxyForURL" not in script:
            raise ValueError("the PAC file has no function FindProxyForURL, which every PAC file needs")
        raise ValueError(f"the PAC file fails: {' '.join(answer['error'].split())[:200]}")
    choices: list[ForwardProxy | None] = []
    for part in map(str.strip, str(answer["proxies"]).split(";")):
        with contextlib.suppress(ValueError):
            choices.append(_choice(part))
    return choices or [None]


def _choice(text: str) -> ForwardProxy | None:
    """Return the proxy for one part of a result, such as "PROXY host:port".

    Raises ValueError for what is not a proxy.
    """
    keyword, _, address = text.partition(" ")
    if keyword.upper() == "DIRECT":
        return None
    if keyword.upper() not in PAC_SCHEMES:
        raise ValueError(f"unknown keyword {keyword!r}")
    return parse(f"{PAC_SCHEMES[keyword.upper()]}://{address.strip()}", "PAC file")
