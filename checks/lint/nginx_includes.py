"""Put the files that were given in the place of the includes of nginx."""

from __future__ import annotations

import re

from .patterns import compiled
from .tree import GAP, Model, Node, Options

HARMLESS = (
    r"(?:mime\.types|fastcgi|uwsgi|scgi|modules|koi-|win-utf|ssl|tls|letsencrypt|certbot|gzip|security|dhparam|acme"
    r"|error|block|geoip|log|cache|letsencrypt|resolver|brotli|force)"
)
"""Names of files that hold nothing about a WebSocket."""


def with_includes(node: Node, options: Options, found: Model, above: list[str], depth: int) -> Node:
    """Return a copy of a block with the given files in the place of includes."""
    made = Node(node.words, node.line, node.file, node.block, [], node.maybe, node.flaw, node.quoted)
    for each in node.children:
        if each.words[0] == "include" and len(each.words) > 1:
            files = given(each.words[1], options)
            for path in files:
                if path not in above and depth < 20:
                    made.children += with_includes(
                        options.files[path], options, found, [*above, path], depth + 1
                    ).children
            if not files:
                found.missing.append(f"include {each.words[1]} (line {each.line})")
                if not re.search(HARMLESS, "/".join(each.words[1].split("/")[-2:])):
                    made.children.append(Node([GAP, f"include {each.words[1]}"], each.line, each.file))
        else:
            made.children.append(with_includes(each, options, found, above, depth + 1) if each.block else each)
    return made


def included(trees: dict[str, Node]) -> list[str]:
    """Return the paths of the files that others include."""
    found: list[str] = []
    for path, tree in trees.items():
        others = Options("", "", {other: node for other, node in trees.items() if other != path})
        found += [each for pattern in _patterns(tree) for each in given(pattern, others)]
    return found


def _patterns(node: Node) -> list[str]:
    found = [each.words[1] for each in node.children if each.words[0] == "include" and len(each.words) > 1]
    for each in node.children:
        found += _patterns(each)
    return found


def given(pattern: str, options: Options) -> list[str]:
    """Return the paths of the given files that an include names."""
    tail = re.sub(r"([.+?^$|()\[\]{}\\])", r"\\\1", pattern.lstrip("./")).replace("*", "[^/]*")
    found = compiled(f"(?:^|/){tail}$", ignore_case=False)
    matching = [path for path in sorted(options.files) if found and found.search(path)]
    if not matching and "*" not in pattern:
        name = pattern.rsplit("/", maxsplit=1)[-1]
        matching = [path for path in sorted(options.files) if path.split("/")[-1] == name]
    return matching
