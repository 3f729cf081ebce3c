"""Read YAML by its indentation, with the line of each key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .text import ANGLES, mark_templates
from .tree import Node

KEY = r"^(\"[^\"]*\"|'[^']*'|[^\s#\[\]{},\"'][^#]*?)\s*:(?:\s+(.*))?$"


@dataclass
class Line:
    """A line with its depth."""

    depth: int
    text: str
    number: int
    block: list[str] = field(default_factory=list)


def read(text: str, file: str = "") -> Node:
    """Return the tree: a key or an item is a node, with its scalar as second word."""
    lines = _lines(mark_templates(text, "", ANGLES))
    root = Node(["main"], 0, file, block=True)
    document = Node(["document"], 1, file, block=True)
    root.children.append(document)
    start = 0
    for place, line in enumerate([*lines, Line(0, "---", 0)]):
        if line.text.startswith("---") and not line.depth:
            document.children = _block(lines[start:place], file)
            document = Node(["document"], line.number, file, block=True)
            root.children.append(document)
            start = place + 1
    return root


def _lines(text: str) -> list[Line]:
    found: list[Line] = []
    scalar = -1
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"[\x02-\x05]", " ", raw).rstrip()
        bare = line.lstrip()
        depth = len(line) - len(bare)
        if scalar >= 0:
            if not bare or depth > scalar:
                found[-1].block.append(bare)
                continue
            scalar = -1
        bare = re.sub(r"(^|\s)#.*$", "", bare).rstrip() if not re.search(r"[\"'`].*#.*[\"'`]", bare) else bare
        if not bare:
            continue
        found.append(Line(depth, bare, number))
        if re.search(r"(?:^|[:\s])[|>][+-]?\d?$", bare):
            scalar = depth
    return found


def _block(lines: list[Line], file: str) -> list[Node]:
    nodes: list[Node] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        end = place + 1
        item = line.text == "-" or line.text.startswith("- ")
        while end < len(lines) and (lines[end].depth > line.depth or (not item and _is_item(lines[end], line))):
            end += 1
        inner = lines[place + 1 : end]
        if item:
            rest = line.text[1:].lstrip()
            moved = [Line(line.depth + len(line.text) - len(rest), rest, line.number, line.block)] if rest else []
            if rest and not re.match(KEY, rest) and not inner:
                nodes.append(_scalar("-", rest, line, file))
            else:
                nodes.append(Node(["-"], line.number, file, block=True, children=_block([*moved, *inner], file)))
        else:
            found = re.match(KEY, line.text)
            node = (
                _scalar(found[1].strip("\"'"), found[2] or "", line, file)
                if found
                else Node([line.text], line.number, file)
            )
            node.children += _block(inner, file)
            nodes.append(node)
        place = end
    return nodes


def _is_item(line: Line, key: Line) -> bool:
    """Return whether a line is an item of the list of a key at the same depth."""
    return line.depth == key.depth and line.text.startswith("-") and key.text.endswith(":")


def _scalar(key: str, value: str, line: Line, file: str) -> Node:
    node = Node([key], line.number, file)
    value = re.sub(r"^[&!][\w./:-]+\s*", "", value)
    if value.startswith(("{", "[")):
        node.children, _ = _flow(value, 0, line.number, file)
    elif re.match(r"^[|>]", value) and line.block:
        node.words.append("\n".join(line.block))
    elif value:
        node.words.append(re.sub(r"^([\"'`])(.*)\1$", r"\2", value))
    return node


def _flow(text: str, place: int, line: int, file: str) -> tuple[list[Node], int]:
    """Return the nodes of a flow mapping or list, and the place after it."""
    nodes: list[Node] = []
    listed = text[place] == "["
    place += 1
    node: Node | None = None
    while place < len(text) and text[place] not in "]}":
        found = re.match(r"\s*(\"[^\"]*\"|'[^']*'|[^,\[\]{}:\"']+(?::[^\s,\]}][^,\[\]{}:]*)*)?\s*", text[place:])
        word = (found[1] or "").strip() if found else ""
        place += found.end() if found else 0
        sign = text[place : place + 1]
        if word and (listed or sign == ":") and node is None:
            node = Node([word.strip("\"'")] if not listed else ["-", word.strip("\"'")], line, file)
            nodes.append(node)
        elif word and node is not None:
            node.words.append(word.strip("\"'"))
        if sign and sign in "[{":
            inner, place = _flow(text, place, line, file)
            if node is None:
                node = Node(["-"], line, file, block=True)
                nodes.append(node)
            node.children += inner
        elif sign == ",":
            node = None
            place += 1
        elif sign == ":" or sign not in {"]", "}"}:
            place += 1
    return nodes, place + 1


def child(node: Node | None, *names: str) -> Node | None:
    """Return the node below a path of keys, whatever their case."""
    for name in names:
        if node is None:
            return None
        node = next((each for each in node.children if each.words[0].lower() == name.lower()), None)
    return node


def value(node: Node | None, *names: str) -> str:
    """Return the scalar below a path of keys, or an empty text."""
    found = child(node, *names)
    return found.words[1] if found and len(found.words) > 1 else ""


def walk(node: Node) -> list[Node]:
    """Return all nodes below a node."""
    found: list[Node] = []
    for each in node.children:
        found += [each, *walk(each)]
    return found
