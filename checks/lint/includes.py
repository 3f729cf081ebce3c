"""Put other files in the place of the lines that include them."""

from __future__ import annotations

import re

from .patterns import compiled
from .tree import GAP, Model, Node, Options

NAMES: dict[str, list[str]] = {
    "nginx": ["include"],
    "apache": ["include", "includeoptional"],
    "squid": ["include"],
    "caddy": ["import"],
}
"""The directives of each kind that include files."""

HARMLESS = (
    r"(?:mime\.types|fastcgi|uwsgi|scgi|modules|koi-|win-utf|ssl|tls|letsencrypt|certbot|gzip|security|dhparam|acme"
    r"|error|block|geoip|log|cache|letsencrypt|resolver|brotli|force|mods-|conf-enabled|ports\.conf|conf\.modules"
    r"|autoindex|welcome|php)"
)
"""Names of files that hold nothing about a WebSocket."""


def lines_with_files(node: Node, kind: str) -> list[Node]:
    """Return the lines of a block, and of those inside it, that include files."""
    found: list[Node] = []
    for each in node.children:
        if _includes(each, kind):
            found.append(each)
        elif each.children:
            found += lines_with_files(each, kind)
    return found


def _includes(node: Node, kind: str) -> bool:
    return node.words[0] in NAMES.get(kind, []) and len(node.words) > 1 and not node.block


def with_includes(node: Node, options: Options, found: Model, above: list[str]) -> Node:
    """Return a copy of a block with files in the place of their includes.

    `above` are the files that it is in. A line whose files are not known becomes a gap.
    """
    made = Node(node.words, node.line, node.file, node.block, [], node.maybe, node.flaw, node.quoted)
    for each in node.children:
        if _includes(each, found.proxy):
            made.children += _lines(each, options, found, above)
        else:
            made.children.append(with_includes(each, options, found, above) if each.children else each)
    return made


def _lines(node: Node, options: Options, found: Model, above: list[str]) -> list[Node]:
    """Return the lines in the place of one that includes files."""
    lines: list[Node] = []
    files = given(node, options)
    for path in files or []:
        if path not in above and len(above) < 20:
            lines += with_includes(options.files[path], options, found, [*above, path]).children
    if files is None:
        phrase = missing(node, found)
        if not re.search(HARMLESS, "/".join(node.words[1].split("/")[-2:])):
            lines.append(Node([GAP, phrase.split(" (")[0]], node.line, node.file))
    return lines


def missing(node: Node, found: Model) -> str:
    """Remember that the files of a line were not given; return the phrase for it."""
    phrase = f"{'import' if node.words[0] == 'import' else 'include'} {node.words[1]} (line {node.line})"
    if phrase not in found.missing:
        found.missing.append(phrase)
    return phrase


def included(trees: dict[str, Node], kind: str, options: Options) -> list[str]:
    """Return the paths of the files that others include."""
    found: list[str] = []
    for path, tree in trees.items():
        others = Options("", "", {other: node for other, node in trees.items() if other != path}, options.followed)
        for node in lines_with_files(tree, kind):
            found += [each for each in given(node, others) or [] if each != path]
    return found


def key(node: Node) -> str:
    """Return how `Options.followed` names a line: by its file and its pattern."""
    return f"{node.file} {node.words[1]}"


def given(node: Node, options: Options) -> list[str] | None:
    """Return the paths of the files that a line includes, or None if unknown."""
    if key(node) in options.followed:
        return options.followed[key(node)]
    pattern = node.words[1]
    tail = re.sub(r"([.+?^$|()\[\]{}\\])", r"\\\1", pattern.lstrip("./")).replace("*", "[^/]*")
    found = compiled(f"(?:^|/){tail}$", ignore_case=False)
    matching = [path for path in sorted(options.files) if found and found.search(path)]
    if not matching and "*" not in pattern:
        name = pattern.rsplit("/", maxsplit=1)[-1]
        matching = [path for path in sorted(options.files) if path.split("/")[-1] == name]
    return matching or None
