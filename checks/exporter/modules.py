"""The modules: what may be probed, and how, from a YAML file.

Credentials are read from files of their own when the modules are loaded, and never appear in a message.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checks.probe import Target
from checks.probe.forward_proxy import ForwardProxy
from checks.probe.forward_proxy import parse as parse_proxy

from .addresses import Network, network, permission
from .places import Place, place
from .tree import FileError, Node, parse

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""The name of a module: it becomes a label."""

HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header (RFC 9110, section 5.6.2)."""

OWN_HEADERS = {"host", "connection", "upgrade", "content-length", "transfer-encoding", "origin", "cookie"}
"""Headers, in lower case, that the probe sets itself, or that have a key of their own."""

SOCKET_PATH = re.compile(r"/[!-\"$-~]*")
"""A path that can be requested as it is: ASCII, without spaces and #."""

MAX_FILE = 256 << 10
"""Bytes of the largest file of modules."""

MAX_SECRET = 1 << 16
"""Characters of the longest secret: servers accept less in one header."""

MAX_MODULES = 100

MAX_SOCKETS = 5
"""Paths of one module besides that of its target: a probe opens several connections for each."""


class NotListedError(Exception):
    """A module does not list this URL."""


@dataclass(frozen=True)
class Module:
    """One way to probe, and the URLs that may be probed that way."""

    name: str
    targets: tuple[Place, ...] = ()
    networks: tuple[Network, ...] = ()
    timeout: float = 5.0
    hold: float = 2.0
    sockets: tuple[str, ...] = ()
    gentle: bool = False
    proxy: ForwardProxy | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None

    def target(self, place: Place) -> Target:
        """Return the target of a probe.

        Raises NotListedError where the module does not list the URL.
        """
        if not any(pattern.covers(place) for pattern in self.targets):
            raise NotListedError(f"module {self.name} does not list {place.url.partition('?')[0]}")
        permits = permission(self.networks, place.host)
        headers = dict(self.headers)
        return Target(place.url, headers, self.tls, self.timeout, self.proxy, permits=permits)


Modules = Mapping[str, Module]


def load(path: Path) -> Modules:
    """Return the modules in a file, by name.

    Raises FileError, whose message is one line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise FileError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        raise FileError(f"cannot read {path}: it is not UTF-8 text") from None
    if len(data) > MAX_FILE:  # the part that was read may be valid, and lack targets
        raise FileError(f"cannot read {path}: it has more than {MAX_FILE >> 10} KB")
    top = parse(text, str(path))
    modules: dict[str, Module] = {}
    for key, node in top.items():
        if key != "modules":
            raise node.error("unknown key; expected modules")
        for name, each in node.items():
            if not NAME.fullmatch(name):
                raise each.error("invalid name; expected lower-case letters, digits, - and _")
            modules[name] = _module(name, each, path.parent)
    if not modules or len(modules) > MAX_MODULES:
        raise top.error(f"expected 1-{MAX_MODULES} modules, got {len(modules)}")
    return modules


def _module(name: str, node: Node, folder: Path) -> Module:
    """Return one module."""
    nodes = dict(node.items())
    unknown = next((each for key, each in nodes.items() if key not in KEYS), None)
    if unknown:
        raise unknown.error(f"unknown key; expected one of {', '.join(KEYS)}")
    if "targets" not in nodes:
        raise node.error("expected targets: the URLs that may be probed, such as https://dss.example.com")
    values = {key: KEYS[key](each, folder) for key, each in nodes.items()}
    files = {key: values.pop(key) for key in (*TLS_FILES, *HEADER_FILES, *PROXY_PARTS) if key in values}
    module = Module(name, **values)
    headers = dict(files.get("header_files", {}))
    if "cookies_file" in files:
        headers["Cookie"] = files["cookies_file"]
    proxy = _proxy(node, module.proxy, files)
    return replace(module, headers=headers, tls=_tls(nodes, files), proxy=proxy)


def _targets(node: Node, _: Path) -> tuple[Place, ...]:
    return _list(node, lambda text: place(text, pattern=True), "at least one URL")


def _networks(node: Node, _: Path) -> tuple[Network, ...]:
    return _list(node, network, "at least one network")


def _list(node: Node, convert: Callable[[str], Any], expected: str) -> tuple[Any, ...]:
    found = []
    for each in node.elements():
        try:
            found.append(convert(each.text()))
        except ValueError as error:  # noqa: PERF203  # a list is short
            raise each.error(str(error)) from error
    if not found:
        raise node.error(f"expected {expected}")
    return tuple(found)


def _sockets(node: Node, _: Path) -> tuple[str, ...]:
    def path(text: str) -> str:
        if not SOCKET_PATH.fullmatch(text):
            raise ValueError("expected a path such as /dip/websocket, without spaces and #")
        return text

    paths = _list(node, path, "at least one path")
    if len(paths) > MAX_SOCKETS:
        raise node.error(f"expected at most {MAX_SOCKETS} paths, got {len(paths)}")
    return paths


def _secret(node: Node, folder: Path) -> str:
    """Return the one line of a file with a secret."""
    path = folder / node.text()
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SECRET + 1).decode("utf-8-sig").strip("\r\n")
    except OSError as error:
        if not path.exists():  # the value may be the secret itself
            raise node.error("expected the name of a file that contains the value, but no file has this name") from None
        raise node.error(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        text = "\n"
    if not text or len(text) > MAX_SECRET or not text.isascii() or not text.isprintable():
        raise node.error(f"expected one line of ASCII text in {path}")
    return text.strip()


def _header_files(node: Node, folder: Path) -> dict[str, str]:
    headers = {}
    for name, each in node.items():
        if not HEADER.fullmatch(name) or name.lower() in OWN_HEADERS or name.lower().startswith("sec-websocket-"):
            raise each.error("cannot set this header; expected one such as Authorization")
        headers[name] = _secret(each, folder)
    return headers


def _cookies(node: Node, folder: Path) -> str:
    text = re.sub(r"(?i)^\s*cookie:\s*", "", _secret(node, folder))
    if "=" not in text:
        raise node.error("expected a file with cookies as a browser sends them: name=value; other=value")
    return text


def _existing(node: Node, folder: Path) -> Path:
    path = folder / node.text()
    if not path.is_file():
        raise node.error(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    return path


def _proxy_url(node: Node, _: Path) -> ForwardProxy:
    try:
        found = parse_proxy(node.text(), "module")
    except ValueError as error:
        raise node.error(str(error)) from error
    if found.username:
        raise node.error("contains a user name; use proxy_user and proxy_password_file")
    return found


def _proxy(node: Node, proxy: ForwardProxy | None, files: Mapping[str, Any]) -> ForwardProxy | None:
    given = [key for key in PROXY_PARTS if key in files]
    if given and (not proxy or len(given) < len(PROXY_PARTS)):
        raise node.error("expected proxy, proxy_user and proxy_password_file together")
    if not proxy or not given:
        return proxy
    return replace(proxy, username=files["proxy_user"], password=files["proxy_password_file"])


def _tls(nodes: Mapping[str, Node], files: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return the TLS settings, or None for those of the system."""
    if not any(key in files for key in TLS_FILES):
        return None
    context = ssl.create_default_context()
    if "ca_file" in files:
        try:
            context.load_verify_locations(files["ca_file"])
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise nodes["ca_file"].error(f"cannot read a PEM certificate from {files['ca_file']}") from error
    if "key_file" in files and "cert_file" not in files:
        raise nodes["key_file"].error("expected cert_file too")
    if "cert_file" in files:
        try:
            # An empty password, so that OpenSSL does not ask for one on the terminal.
            context.load_cert_chain(files["cert_file"], files.get("key_file"), "")
        except (OSError, ValueError) as error:
            raise nodes["cert_file"].error("cannot read a PEM certificate and its key") from error
    return context


TLS_FILES = ("ca_file", "cert_file", "key_file")
HEADER_FILES = ("cookies_file", "header_files")
PROXY_PARTS = ("proxy_user", "proxy_password_file")

KEYS: dict[str, Callable[[Node, Path], Any]] = {
    "targets": _targets,
    "networks": _networks,
    "timeout": lambda node, _: node.number(0.1, 60, "seconds"),
    "hold": lambda node, _: node.number(0, 600, "seconds"),
    "sockets": _sockets,
    "gentle": lambda node, _: node.switch(),
    "ca_file": _existing,
    "cert_file": _existing,
    "key_file": _existing,
    "cookies_file": _cookies,
    "header_files": _header_files,
    "proxy": _proxy_url,
    "proxy_user": lambda node, _: node.text(),
    "proxy_password_file": _secret,
}
"""The function that reads each key of a module."""
