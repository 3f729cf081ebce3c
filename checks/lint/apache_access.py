"""Find out whether Apache httpd refuses a WebSocket by its access rules."""

from __future__ import annotations

import re

from .apache_facts import matching
from .patterns import compiled
from .tree import Fact, Node

LIMITS = ["limit", "limitexcept"]


def refusal(lines: list[Node], path: str, url: str) -> list[Fact]:
    """Return a fact if sections for a path, or for its server, refuse everyone.

    The last section that has rules of a kind counts. Those of Location come after those of Proxy.
    """
    proxies = [node for node in lines if node.words[0] in ["proxy", "proxymatch"] and _is_for(node, url)]
    places = [node for node in lines if node.words[0] in ["location", "locationmatch"] and matching(node, path)]
    found: list[Fact] = []
    for judge, code in [(_required, "403"), (_ordered, "403"), (_method, "405")]:
        result: bool | None = None
        line: Node | None = None
        for section in [*proxies, *places]:
            own = _for_get(section.children)
            decided = judge(own)
            if decided:
                result, line = decided[0][0], decided[0][1]
        if result is False and line:
            found.append(Fact("answer", "status", line.line, line.file, {"code": code, "to": ""}))
    return found[:1]


def _is_for(node: Node, url: str) -> bool:
    """Return whether a Proxy section is for the URL of a server."""
    name = node.words[-1]
    if node.words[0] == "proxymatch" or node.words[1:2] == ["~"]:
        pattern = compiled(name, ignore_case=False)
        return bool(pattern and pattern.search(url))
    return name == "*" or url.startswith(name.rstrip("*"))


def _for_get(nodes: list[Node]) -> list[Node]:
    """Return the lines for GET, also those in Limit and LimitExcept."""
    found: list[Node] = []
    for node in nodes:
        if node.words[0] not in LIMITS:
            found.append(node)
        elif ("GET" in [word.upper() for word in node.words[1:]]) == (node.words[0] == "limit"):
            found += node.children
    return found


def _required(nodes: list[Node]) -> list[tuple[bool | None, Node]]:
    """Return what Require lines decide, with their line; None is unknown."""
    lines = [node for node in nodes if node.words[0] in ["require", "requireall", "requireany", "requirenone"]]
    if not lines:
        return []
    if any(node.words[0] in ["authmerging", "satisfy"] or node.maybe for node in nodes):
        return [(None, lines[0])]
    return [(_any(lines), lines[0])]


def _any(nodes: list[Node]) -> bool | None:
    results = [_holds(node) for node in nodes]
    return True if True in results else None if None in results else False


def _holds(node: Node) -> bool | None:
    """Return whether a Require line, or a block of them, lets a browser in."""
    name = node.words[0]
    inner = [each for each in node.children if each.words[0].startswith("require")]
    if name == "requireany":
        return _any(inner)
    if name == "requirenone":
        result = _any(inner)
        return None if result is None else not result
    if name == "requireall":
        results = [_holds(each) for each in inner]
        return False if False in results else None if None in results else True
    words = [word.lower() for word in node.words[1:]]
    if words in [["all", "granted"], ["all", "denied"]]:
        return words[1] == "granted"
    if words[:1] == ["method"]:
        return "get" in words[1:]
    return None


def _ordered(nodes: list[Node]) -> list[tuple[bool | None, Node]]:
    """Return what Order, Allow and Deny decide, with a line; None is unknown."""
    lines = [node for node in nodes if node.words[0] in ["order", "allow", "deny"] and len(node.words) > 1]
    if not lines:
        return []
    order = [" ".join(node.words[1:]).lower().replace(" ", "") for node in lines if node.words[0] == "order"]
    allows = [" ".join(node.words[1:]).lower() for node in lines if node.words[0] == "allow"]
    denies = [node for node in lines if node.words[0] == "deny" and " ".join(node.words[1:]).lower() == "from all"]
    line = denies[0] if denies else lines[0]
    if any(node.words[0] == "satisfy" or node.maybe for node in nodes):
        return [(None, line)]
    if order and order[-1] in ["allow,deny", "mutual-failure"]:
        return [(False if denies or not allows else None, line)]
    return [(False if denies and not allows else None, line)]


def _method(nodes: list[Node]) -> list[tuple[bool | None, Node]]:
    """Return whether AllowMethods allows GET, with its line."""
    lines = [node for node in nodes if node.words[0] == "allowmethods" and len(node.words) > 1]
    if not lines or any(re.search(r"^[+-]", word) for word in lines[-1].words[1:]):
        return []
    words = [word.upper() for word in lines[-1].words[1:]]
    return [("GET" in words or "RESET" in words, lines[-1])]
