"""Read the configuration of HAProxy: sections, and lines of words."""

from __future__ import annotations

import re

from .text import ANGLES, CLOSE, ELSE, OPEN, STATEMENT, is_placeholder, mark_templates
from .tree import GAP, Node

SECTIONS = [
    *("global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "cache"),
    *("program", "ring", "http-errors", "fcgi-app", "crt-store", "log-forward", "traces", "acme"),
]


def read(text: str, file: str = "") -> Node:
    """Return the tree of a configuration; it never fails."""
    root = Node(["main"], 0, file, block=True)
    inside = root
    depth = 0
    for number, line in enumerate(_lines(text), 1):
        for mark in re.findall(r"[\x02-\x05]", line):
            depth = max(0, depth + (1 if mark == OPEN else -1 if mark == CLOSE else 0))
            if mark == STATEMENT:
                inside.children.append(Node([GAP, "a template"], number, file))
        words = words_of(re.sub(r"[\x02-\x05]", " ", line))
        if not words:
            continue
        node = Node(words, number, file, maybe=depth > 0)
        if words[0] in SECTIONS:
            node.block = True
            root.children.append(node)
            inside = node
        elif len(words) == 1 and (is_placeholder(words[0]) or words[0].strip(".") == ""):
            inside.children.append(Node([GAP, "a template" if words[0].strip(".") else "..."], number, file))
        else:
            inside.children.append(node)
    return root


def _lines(text: str) -> list[str]:
    """Return the lines, without directives of the preprocessor of HAProxy."""
    marked = mark_templates(text, "", ANGLES)
    found: list[str] = []
    for line in marked.split("\n"):
        word = line.strip().split(" ")[0]
        kind = {".if": OPEN, ".elif": ELSE, ".else": ELSE, ".endif": CLOSE}.get(word, "")
        found.append(kind or ("" if word in [".notice", ".warning", ".alert", ".diag"] else line))
    return found


def words_of(line: str) -> list[str]:
    """Return the words of a line, without quotes and comments."""
    words: list[str] = []
    word = ""
    started = False
    for found in re.finditer(r"\s+|#.*|\"((?:\\.|[^\"\\])*)\"?|'([^']*)'?|\\(.)|[^\s\"'#\\]+|.", line):
        part = found[0]
        if part.strip() == "" or part.startswith("#"):
            if started:
                words.append(word)
            word = ""
            started = False
            if part.startswith("#"):
                break
        else:
            escaped = found[3] if found[3] and found[3] in " #\"'\\" else part  # others keep the backslash, as in \1
            inner = found[1] if part[0] == '"' else found[2] if part[0] == "'" else escaped if part[0] == "\\" else part
            word += re.sub(r"\\([\"\\$ ])", r"\1", inner or "") if part[0] == '"' else inner or ""
            started = True
    if started:
        words.append(word)
    return words
