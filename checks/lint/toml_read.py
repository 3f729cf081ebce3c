"""Read TOML as yaml_read.py reads YAML, with the line of each key."""

from __future__ import annotations

import re

from .text import ANGLES, mark_templates
from .tree import Node

PIECE = (
    r"\"\"\"[\s\S]*?\"\"\"|\'\'\'[\s\S]*?\'\'\'|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|#[^\n]*"
    r"|\[\[|\]\]|[\[\]{},=.\n]|[^\s\[\]{},=.#\"']+|."
)
"""Quoted texts, comments, signs and bare words."""


def read(text: str, file: str = "") -> Node:
    """Return the tree; it never fails."""
    document = Node(["document"], 1, file, block=True)
    reader = _Reader(mark_templates(text, "", ANGLES), file)
    place = document
    while reader.pieces:
        piece = reader.next()
        if piece in {"[", "[["}:
            place = _below(document, reader.keys(), reader, item=piece == "[[")
            while reader.pieces and reader.pieces[0][0] != "\n":
                reader.next()
        elif piece != "\n":
            reader.pieces.insert(0, (piece, reader.line))
            _pair(place, reader)
    return Node(["main"], 0, file, block=True, children=[document])


class _Reader:
    """The pieces that are left, each with its line."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.line = file, 1
        self.pieces: list[tuple[str, int]] = []
        line = 1
        for found in re.finditer(PIECE, text):
            if found[0] == "\n" or (found[0].strip() and not found[0].startswith("#")):
                self.pieces.append((found[0], line))
            line += found[0].count("\n")

    def next(self) -> str:
        """Take the next piece, or an empty text at the end."""
        piece, self.line = self.pieces.pop(0) if self.pieces else ("", self.line)
        return piece

    def keys(self) -> list[str]:
        """Take a key with dots, as its parts."""
        found = []
        while self.pieces and self.pieces[0][0] not in {"=", "]", "]]", "\n", ",", "}"}:
            piece = self.next()
            if piece != ".":
                found.append(_bare(piece))
        return found


def _pair(place: Node, reader: _Reader) -> None:
    """Take a key and its value, and add them to a table."""
    keys = reader.keys()
    if not reader.pieces or reader.pieces[0][0] != "=":
        reader.next()
        return
    reader.next()
    node = _below(place, keys, reader) if keys else Node(["?"], reader.line, reader.file)
    _value(node, reader)


def _value(node: Node, reader: _Reader) -> None:
    """Take a value, and add it to the node of its key."""
    piece = reader.next()
    if piece in {"[", "[["}:
        if piece == "[[":
            reader.pieces.insert(0, ("[", reader.line))
        _list(node, reader)
    elif piece == "{":
        while reader.pieces and reader.pieces[0][0] != "}":
            if reader.pieces[0][0] in {",", "\n"}:
                reader.next()
            else:
                _pair(node, reader)
        reader.next()
    elif piece not in {"\n", ""}:
        parts = [_bare(piece)]
        while reader.pieces and reader.pieces[0][0] not in {"\n", ",", "]", "]]", "}"}:
            parts.append(reader.next())  # of a number with a point, or a date
        node.words.append("".join(parts))


def _list(node: Node, reader: _Reader) -> None:
    """Take the items of a list."""
    while reader.pieces and reader.pieces[0][0] not in {"]", "]]"}:
        if reader.pieces[0][0] in {",", "\n"}:
            reader.next()
            continue
        item = Node(["-"], reader.pieces[0][1], reader.file)
        _value(item, reader)
        item.block = bool(item.children)
        node.children.append(item)
    if reader.next() == "]]":
        reader.pieces.insert(0, ("]", reader.line))


def _below(place: Node, keys: list[str], reader: _Reader, *, item: bool = False) -> Node:
    """Return the node below a path of keys, or a new item of the list there."""
    for key in keys:
        inner = next((each for each in place.children if each.words[0] == key), None)
        if inner is None:
            inner = Node([key], reader.line, reader.file)
            place.children.append(inner)
        place = inner
        items = [each for each in place.children if each.words == ["-"]]
        if items and not (item and key == keys[-1]):
            place = items[-1]
    if item:
        place.children.append(Node(["-"], reader.line, reader.file, block=True))
        return place.children[-1]
    return place


def _bare(piece: str) -> str:
    """Return a key or a scalar without its quotes."""
    for quote in ('"""', "'''", '"', "'"):
        if len(piece) >= 2 * len(quote) and piece.startswith(quote) and piece.endswith(quote):
            inner = piece[len(quote) : -len(quote)]
            return re.sub(r"\\(.)", r"\1", inner) if quote[0] == '"' else inner
    return piece
