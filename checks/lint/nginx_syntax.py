"""Find lines with which nginx does not start, where the text leaves no doubt."""

from __future__ import annotations

import re

from .nginx_path import NOTHING, REQUEST, State, is_defined
from .nginx_read import ARGUMENTS, SAME_LEVEL_ONCE
from .text import VALUE, one_edit
from .tree import GAP, Fact, Node

NOT_IN_IF = ["proxy_set_header", "proxy_http_version", "proxy_read_timeout", "proxy_hide_header", "proxy_send_timeout"]
ONLY_IN_HTTP = ["map", "upstream"]
TABLES = ["types", "geo", "split_clients", "charset_map", "match"]
"""Blocks with entries instead of directives."""

FREQUENT = ["scheme", "remote_addr", "proxy_add_x_forwarded_for", "server_port", "server_name", "request_uri", "uri"]
"""Variables that people write near a WebSocket, besides those for what a browser sends."""


def flaws(tree: Node, state: State) -> list[Fact]:
    """Return a fact for each line that nginx refuses to load."""
    found: list[Fact] = []
    _look(tree, [tree], state, found)
    return found


def _look(block: Node, above: list[Node], state: State, found: list[Fact]) -> None:
    once: list[str] = []
    for node in block.children:
        name = node.words[0]
        if node.maybe or name == GAP or block.words[0] in TABLES:
            continue
        reason = _in_map(node, block) if block.words[0] == "map" else _reason(node, above, state)
        if not reason and name in SAME_LEVEL_ONCE and not node.maybe:
            reason = f"{name} is there twice in this block" if name in once else ""
            once.append(name)
        if reason:
            found.append(Fact("loads", "syntax", node.line, node.file, {"reason": reason}))
        else:
            found += _undefined(node, state)
        if node.block and not name.endswith("_block"):
            _look(node, [*above, node], state, found)


def _in_map(node: Node, block: Node) -> str:
    """Return why nginx does not load a line of a map, or an empty text."""
    key = node.words[0]
    if key in ["hostnames", "volatile", "include"] or node.flaw or VALUE in " ".join(node.words) or "$" in key:
        return ""
    if len(node.words) > 2:
        return f"{key} has {len(node.words) - 1} values in this map instead of 1"
    same = [each for each in block.children if each.words[0].lower() == key.lower() and each.quoted == node.quoted]
    if same[0] is not node and not key.startswith("~") and not any(each.maybe for each in same):
        return f"{key} is there twice in this map, where capitals do not count"
    return ""


def _reason(node: Node, above: list[Node], state: State) -> str:
    """Return why nginx does not load a line, or an empty text."""
    name = node.words[0]
    meant = _meant(name, state)
    if meant:
        return f"it does not know {name}, which should be {meant}"
    if node.flaw:
        return f"a semicolon is missing after {name}"
    if above[-1].words[0] == "if" and name in NOT_IN_IF:
        return f"{name} is not allowed inside if"
    if name in ONLY_IN_HTTP and node.block and above[-1].words[0] in ["server", "location", "if"]:
        return f"{name} is not allowed inside {above[-1].words[0]}"
    count = ARGUMENTS.get(name, -1)
    if count >= 0 and not node.block and len(node.words) - 1 != count and VALUE not in " ".join(node.words):
        return f"{name} has {len(node.words) - 1} values instead of {count}"
    if name == "proxy_pass" and len(node.words) > 1:
        return _target(node, above)
    return ""


def _meant(name: str, state: State) -> str:
    """Return the directive that a name is a misspelling of, or an empty text."""
    if name not in state.spelled:
        near = [known for known in ARGUMENTS if len(known) > 5 and one_edit(name.lower(), known)]
        near += [known for known in ARGUMENTS if name != known and name.lower() == known]
        state.spelled[name] = near[0] if near and name not in ARGUMENTS else ""
    return state.spelled[name]


def _undefined(node: Node, state: State) -> list[Fact]:
    """Return a fact if nothing defines a variable, which keeps nginx from starting."""
    place = {"proxy_set_header": 2, "proxy_pass": 1, "set": 2, "map": 1}.get(node.words[0], 0)
    if not place or len(node.words) <= place or (node.words[0] == "map" and not node.block):
        return []
    decides = node.words[0] == "proxy_set_header" and node.words[1].lower() in ["upgrade", "connection", "host"]
    for name in re.findall(r"\$\{?([a-z_][A-Za-z0-9_]*)", node.words[place]):
        if is_defined(name, state):
            continue
        misspelt = any(one_edit(name, known) for known in [*REQUEST, *NOTHING, *FREQUENT, *state.defined])
        if not decides and not misspelt and not state.whole:
            continue
        other = "another file" if not state.whole else "" if decides or misspelt else "a module"
        text = {"reason": f"the variable ${name} is not defined", "other": other}
        unless = f"{other} may define it" if other else ""
        return [Fact("loads", "variable", node.line, node.file, text, 0.0, unless)]
    return []


def _target(node: Node, above: list[Node]) -> str:
    target = node.words[1]
    if re.search(r"^wss?://", target):
        return "proxy_pass takes http:// or https://, not ws:// or wss://"
    host = r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+|localhost|[A-Za-z0-9_-]+(?=:\d))"
    bare = re.search("^" + host + r"(?::\d+)?/?$", target)
    if bare and above[-1].words[0] in ["location", "if"] and not _in_stream(above):
        return "proxy_pass needs http:// or https:// before the server"
    has_path = re.search(r"^https?://(?:unix:[^:$]+:|(?!unix:)[^/$]+)/[^$]*$", target)
    inside = above[-1]
    if has_path and VALUE not in target and inside.words[0] == "if":
        return "proxy_pass cannot have a path inside if"
    modifier = inside.words[1] if inside.words[0] == "location" and len(inside.words) > 1 else ""
    if has_path and VALUE not in target and modifier.startswith(("~", "@")):
        return f"proxy_pass cannot have a path inside location {' '.join(inside.words[1:])}"
    return ""


def _in_stream(above: list[Node]) -> bool:
    return any(node.words[0] == "stream" for node in above)
