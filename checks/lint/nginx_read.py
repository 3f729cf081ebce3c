"""Read the configuration of nginx: blocks in braces, statements with semicolons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .text import ANGLES, BRACES, CLOSE, ELSE, OPEN, SQUARES, STATEMENT, is_placeholder, mark_templates
from .tree import GAP, Node

PIECE = (
    r"\n|#[^\n]*|[;{}\x02-\x05]"
    r"|\"(?:\\[\s\S]|[^\"\\])*\"|'(?:\\[\s\S]|[^'\\])*'"
    r"|(?:\\[\s\S]|\$\{[^}\s]*\}|[^\s;{\x02-\x05\\])(?:\\[\s\S]|\$\{[^}\s]*\}|[^\s;{\x02-\x05\\])*|[^\S\n]+|."
)

ARGUMENTS: dict[str, int] = {
    "proxy_pass": 1,
    "proxy_set_header": 2,
    "proxy_http_version": 1,
    "proxy_read_timeout": 1,
    "proxy_send_timeout": 1,
    "proxy_connect_timeout": 1,
    "proxy_hide_header": 1,
    "proxy_buffering": 1,
    "proxy_request_buffering": 1,
    "client_max_body_size": 1,
    "proxy_cache_bypass": -1,
    "proxy_redirect": -1,
    "server_name": -1,
    "listen": -1,
    "location": -1,
    "return": -1,
    "rewrite": -1,
    "set": 2,
    "include": 1,
    "add_header": -1,
    "access_log": -1,
    "error_log": -1,
    "root": 1,
    "index": -1,
    "try_files": -1,
    "ssl_certificate": 1,
    "ssl_certificate_key": 1,
    "send_timeout": 1,
    "proxy_buffers": 2,
    "proxy_buffer_size": 1,
    "proxy_cache": 1,
    "auth_basic": 1,
    "auth_request": 1,
    "server": -1,
    "upstream": -1,
    "map": -1,
    "http": 0,
    "if": -1,
}
"""Directives that people write near a WebSocket, with their number of arguments; -1 means that it varies."""

SAME_LEVEL_ONCE = ["proxy_http_version", "proxy_read_timeout", "proxy_pass", "proxy_send_timeout"]
"""nginx refuses to load a block with two of these."""


def read(text: str, file: str = "") -> Node:
    """Return the tree of a configuration; it never fails."""
    root = Node(["main"], 0, file, block=True)
    reader = _Reader(file, [root])
    text = text.replace("${DOLLAR}", "$")  # as envsubst does, by custom
    for found in re.finditer(PIECE, mark_templates(text, ";{}", ANGLES + BRACES + SQUARES)):
        _take(reader, found[0])
    _finish(reader, "")
    for node in reader.stack[1:]:
        node.children.append(Node([GAP, "the rest of the text"], reader.line, file))
    return root


@dataclass
class _Reader:
    file: str
    stack: list[Node]
    words: list[str] = field(default_factory=list)
    quoted: list[bool] = field(default_factory=list)
    line: int = 1
    start: int = 1
    fresh: bool = True
    depth: int = 0
    raw: int = 0


def _take(reader: _Reader, piece: str) -> None:
    if reader.raw:  # a block in another language, such as Lua
        reader.raw += 1 if piece == "{" else -1 if piece == "}" else piece.count("{") - piece.count("}")
        reader.line += piece.count("\n")
        reader.raw = max(0, reader.raw)
        return
    if piece == "\n":
        reader.line += 1
        reader.fresh = True
    elif piece == ";":
        _finish(reader, "")
    elif piece == "{":
        _open(reader)
    elif piece == "}":
        _finish(reader, "semicolon")
        if len(reader.stack) > 1:
            reader.stack.pop()
    elif piece in OPEN + ELSE + CLOSE + STATEMENT:
        _finish(reader, "")
        reader.depth = max(0, reader.depth + (1 if piece == OPEN else -1 if piece == CLOSE else 0))
        if piece == STATEMENT:
            _add(reader, [GAP, "a template"], "")
    elif not piece.startswith("#") and piece.strip():
        _word(reader, piece)


def _word(reader: _Reader, piece: str) -> None:
    quoted = len(piece) > 1 and piece[0] in "\"'" and piece[-1] == piece[0]
    if not reader.words and (piece.strip(".") == "" or piece == "…"):
        _add(reader, [GAP, "..."], "")
        return
    if reader.fresh and reader.words and not quoted and piece in ARGUMENTS and reader.words[0] not in ["map", "types"]:
        _finish(reader, "semicolon")
    if not reader.words:
        reader.start = reader.line
    reader.words.append(re.sub(r"\\([\"'\\ ;{}])", r"\1", piece[1:-1]) if quoted else piece)
    reader.quoted.append(quoted)
    reader.line += piece.count("\n")
    reader.fresh = False


def _finish(reader: _Reader, flaw: str) -> None:
    """End the statement, if there is one."""
    if not reader.words:
        return
    words = reader.words
    known = words[0] in ARGUMENTS
    while len(words) > 1 and is_placeholder(words[0]) and words[1] in ARGUMENTS:
        words = words[1:]
        known = True
    if is_placeholder(words[0]) and not known:
        _add(reader, [GAP, "a template"], "")
    elif flaw and not known:
        _add(reader, [GAP, words[0]], "")
    else:
        reader.words = words
        _add(reader, words, flaw)
    reader.words = []
    reader.quoted = []


def _add(reader: _Reader, words: list[str], flaw: str) -> Node:
    line = reader.start if reader.words else reader.line
    made = Node(words, line, reader.file, maybe=reader.depth > 0, flaw=flaw)
    if len(words) == len(reader.words):
        made.quoted = reader.quoted
    if reader.stack[-1].maybe:
        made.maybe = True
    reader.stack[-1].children.append(made)
    return made


def _open(reader: _Reader) -> None:
    if not reader.words:
        reader.words = ["{"]
        reader.quoted = [False]
        reader.start = reader.line
    made = _add(reader, reader.words, "")
    made.block = True
    if made.words[0].endswith("_by_lua_block"):
        reader.raw = 1
    else:
        reader.stack.append(made)
    reader.words = []
    reader.quoted = []
