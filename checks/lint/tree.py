"""The tree that every reader returns, and the routes that every model returns.

Each syntax is one module with `read(text, file) -> Node` and `model(tree, options) -> Model`. The readers never fail:
they read templates, fragments and truncated text as far as possible. This module and those for nginx, Apache httpd and
HAProxy use only the part of Python that `script.py` translates to JavaScript for the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field

GAP = "…"
"""The first word of a node that stands for lines that are not there, such as a template or `...`."""


@dataclass
class Node:
    """A line or a block of a configuration."""

    words: list[str]
    line: int = 0
    file: str = ""
    block: bool = False
    children: list[Node] = field(default_factory=list)
    maybe: bool = False
    """Whether a template decides if it is there."""
    flaw: str = ""
    """Its mistake in the syntax, such as a missing semicolon."""
    quoted: list[bool] = field(default_factory=list)
    """Whether each word was in quotes, where the syntax needs that."""


@dataclass
class Fact:
    """Something that the configuration does with a WebSocket, for the rules to judge."""

    key: str
    value: str
    line: int = 0
    file: str = ""
    text: dict[str, str] = field(default_factory=dict)
    """What fills the blanks of the sentences."""
    number: float = 0.0
    """The value in seconds or bytes, if it is one."""
    unless: str = ""
    """What was not given and may change this fact, such as an include."""


@dataclass
class Route:
    """Where one address goes, and what happens to its WebSocket."""

    proxy: str
    where: str
    address: str
    file: str = ""
    line: int = 0
    facts: list[Fact] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)


@dataclass
class Model:
    """Everything that a model knows about a configuration."""

    proxy: str
    routes: list[Route] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What was not given, such as includes, each as a phrase."""


@dataclass
class Options:
    """What the person who runs the lint knows about the proxy and the server."""

    server: str = "dss"
    """`dss` or `any`: other servers have other addresses, and no check of Origin."""
    version: str = ""
    files: dict[str, Node] = field(default_factory=dict)
    """The other files that were given, by path, for includes."""
    followed: dict[str, list[str]] = field(default_factory=dict)
    """The paths of the files that a line includes, by `includes.key`, where the disk decides it."""


NOTIFICATIONS = "/dip/websocket"
"""Where DSS opens its WebSocket for notifications."""

NOTEBOOK = "/jupyter/api/kernels/00000000-0000-0000-0000-000000000000/channels"
"""Where a notebook opens its WebSocket."""

ADDRESSES = [NOTIFICATIONS, NOTEBOOK]
