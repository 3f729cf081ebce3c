"""Read the configuration of Apache httpd: sections in angle brackets, and lines."""

from __future__ import annotations

import re

from .text import CLOSE, OPEN, STATEMENT, is_placeholder, mark_templates
from .tree import GAP, Node


def read(text: str, file: str = "") -> Node:
    """Return the tree of a configuration; it never fails."""
    root = Node(["main"], 0, file, block=True)
    stack = [root]
    defined: dict[str, str] = {}
    depth = 0
    number = 0
    held = ""
    start = 0
    for line in mark_templates(text, "", "").split("\n"):
        number += 1
        if not held:
            start = number
        stripped = line.rstrip()
        if stripped.endswith("\\") and not stripped.lstrip().startswith("#"):
            held += stripped[:-1] + " "
            continue
        whole = (held + stripped).strip()
        held = ""
        for mark in re.findall(r"[\x02-\x05]", whole):
            depth = max(0, depth + (1 if mark == OPEN else -1 if mark == CLOSE else 0))
            if mark == STATEMENT:
                stack[-1].children.append(Node([GAP, "a template"], start, file))
        whole = re.sub(r"[\x02-\x05]", " ", whole).strip()
        if whole and not whole.startswith("#"):
            _take(_filled(whole, defined), stack, start, file, defined)
            _mark(stack[-1], start, depth > 0)
    return root


def _mark(block: Node, line: int, maybe: bool) -> None:
    for node in block.children[-1:]:
        if node.line == line:
            node.maybe = node.maybe or maybe or block.maybe
    if block.line == line:
        block.maybe = block.maybe or maybe


def _take(line: str, stack: list[Node], number: int, file: str, defined: dict[str, str]) -> None:
    closing = re.search(r"^</\s*([A-Za-z0-9_]+)", line)
    if closing:
        names = [node.words[0] for node in stack]
        if closing[1].lower() in names[1:]:
            while stack[-1].words[0] != closing[1].lower():
                stack.pop()
            stack.pop()
        return
    opening = re.search(r"^<\s*([A-Za-z][A-Za-z0-9_]*)\s*(.*?)>?\s*$", line)
    words = words_of(opening[1] + " " + opening[2] if opening else line)
    if not words:
        return
    if not opening and (is_placeholder(words[0]) or words[0].strip(".") == ""):
        stack[-1].children.append(Node([GAP, "a template" if words[0].strip(".") else "..."], number, file))
        return
    words = [words[0].lower(), *words[1:]]
    node = Node(words, number, file, block=bool(opening))
    stack[-1].children.append(node)
    if opening:
        stack.append(node)
    elif words[0] == "define" and len(words) > 1:
        defined[words[1]] = words[2] if len(words) > 2 else ""


def _filled(line: str, defined: dict[str, str]) -> str:
    """Return a line with the values of Define."""
    for name, value in defined.items():
        line = line.replace("${" + name + "}", value)
    return line


def words_of(line: str) -> list[str]:
    """Return the words of a line, without quotes."""
    found = re.findall(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\S+", line)
    return [_bare(word) for word in found]


def _bare(word: str) -> str:
    if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]:
        return word[1:-1].replace("\\" + word[0], word[0])
    return word
