"""Find out where a Caddyfile sends each WebSocket, and how."""

from __future__ import annotations

import re

from .policy import blocks_sockets
from .text import CLOSE, OPEN, STATEMENT, mark_templates, seconds, shown_time
from .tree import ADDRESSES, GAP, Fact, Model, Node, Options, Route

FORWARDED = r"^\{(?:http\.request\.header\.|header\.)(?:connection|upgrade)\}$"
OF_CADDY_1 = r"^\{[>~?<][^}]*\}$"
GROUPS = ["handle", "handle_path", "route"]


def read(text: str, file: str = "") -> Node:
    """Return the tree of a Caddyfile; it never fails."""
    root = Node(["main"], 0, file, block=True)
    stack = [root]
    depth = 0
    for number, line in enumerate(mark_templates(text, "", "").split("\n"), 1):
        for mark in re.findall(r"[\x02-\x05]", line):
            depth = max(0, depth + (1 if mark == OPEN else -1 if mark == CLOSE else 0))
            if mark == STATEMENT:
                stack[-1].children.append(Node([GAP, "a template"], number, file))
        words = _words(re.sub(r"[\x02-\x05]", " ", line))
        while words and words[0] == "}":
            words = words[1:]
            if len(stack) > 1:
                stack.pop()
        if not words:
            continue
        opens = words[-1] == "{"
        node = Node(words[:-1] if opens else words, number, file, block=opens, maybe=depth > 0)
        if opens and not node.words:
            node.words = ["global"]
        stack[-1].children.append(node)
        if opens:
            stack.append(node)
    return root


def _words(line: str) -> list[str]:
    found = re.findall(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?<!\S)#.*|\S+", line)
    return [word.strip('"`') if len(word) > 1 else word for word in found if not word.startswith("#")]


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a Caddyfile."""
    found = Model("caddy")
    snippets = {each.words[0].strip("()"): each for each in tree.children if each.words[0].startswith("(")}
    for site in _sites(tree):
        body = _expanded(site, snippets, found)
        own: list[Route] = []
        for address in ADDRESSES if options.server == "dss" else ["/socket"]:
            own += _routes(site, body, address, options)
        if any(fact.value != "status" for route in own for fact in route.facts):
            found.routes += own
    for node in tree.children:
        found.missing += (
            [f"import {node.words[1]} (line {node.line})"] if node.words[0] == "import" and len(node.words) > 1 else []
        )
    return found


def _sites(tree: Node) -> list[Node]:
    """Return the blocks of sites; a file without braces is one site."""
    blocks = [
        each for each in tree.children if each.block and each.words[0] != "global" and not each.words[0].startswith("(")
    ]
    sites = [each for each in blocks if _is_address(each.words[0])]
    if sites:
        return sites
    return [tree] if any(each.words[0] in {"reverse_proxy", "proxy"} for each in _all(tree)) else []


def _is_address(word: str) -> bool:
    known = {
        "reverse_proxy",
        "proxy",
        "route",
        "header",
        "transport",
        "log",
        "tls",
        "encode",
        "basicauth",
        "basic_auth",
    }
    return word not in known and word not in GROUPS and not word.startswith("@")


def _all(node: Node) -> list[Node]:
    found = []
    for each in node.children:
        found += [each, *_all(each)]
    return found


def _expanded(node: Node, snippets: dict[str, Node], found: Model) -> list[Node]:
    """Return the lines of a block, with snippets in the place of imports."""
    lines: list[Node] = []
    for each in node.children:
        if each.words[0] == "import" and len(each.words) > 1:
            if each.words[1] in snippets and snippets[each.words[1]] is not node:
                lines += snippets[each.words[1]].children
            else:
                found.missing.append(f"import {each.words[1]} (line {each.line})")
                lines.append(Node([GAP, f"import {each.words[1]}"], each.line, each.file))
        else:
            lines.append(each)
    return lines


def _matches(words: list[str], path: str, lines: list[Node]) -> bool | None:
    """Return whether the matcher of a directive takes a path, or None if unknown."""
    if len(words) < 2 or not words[1].startswith(("/", "@", "*")):
        return True
    matcher = words[1]
    if words[0] == "proxy":  # of Caddy 1
        return path.startswith(matcher)
    if words[0] in {"redir", "rewrite", "respond"} and len(words) == 2 and matcher.startswith("/"):
        return True
    if matcher.startswith("@"):
        return _named(matcher, path, lines)
    return bool(re.search("^" + re.escape(matcher).replace(r"\*", ".*") + "$", path, re.IGNORECASE))


def _named(name: str, path: str, lines: list[Node]) -> bool | None:
    nodes = [each for each in lines if each.words[0] == name]
    if not nodes:
        return None
    tests = [each.words for each in nodes[0].children] if nodes[0].block else [nodes[0].words[1:]]
    result: bool | None = True
    for test in tests:
        value: bool | None = None
        if test[:1] == ["path"]:
            value = any(re.search("^" + re.escape(each).replace(r"\*", ".*") + "$", path) for each in test[1:])
        elif test[:1] == ["header"] and len(test) > 2 and test[1].lower() in {"upgrade", "connection"}:
            wanted = "websocket" if test[1].lower() == "upgrade" else "upgrade"
            value = test[2].strip("*").lower() == wanted
        result = False if value is False or result is False else None if value is None else result
    return result


def _routes(site: Node, body: list[Node], path: str, options: Options) -> list[Route]:
    """Return the routes of a path: those of the directives that may take it."""
    found = []
    for node, lines, moved in _proxies(body, path):
        if node.words[0] == "proxy":
            route = Route("caddy", _where(site), path, node.file, node.line)
            route.facts = [Fact("loads", "removed", node.line, node.file, {"name": "proxy", "version": "2"})]
            return [route]
        route = Route("caddy", _where(site), path, node.file, node.line)
        if node.words[0] in {"respond", "error"}:
            code = next((word for word in node.words[1:] if re.search(r"^\d{3}$", word)), "200")
            route.facts = [Fact("answer", "status", node.line, node.file, {"code": code})]
            found.append(route)
            continue
        route.facts = [*_facts(node, moved, path, options), *_around(lines, path)]
        found.append(route)
    return found


def _where(site: Node) -> str:
    return "these lines" if site.words == ["main"] else " ".join(site.words)


def _specific(node: Node) -> int:
    return -len(node.words[1]) if len(node.words) > 1 and node.words[1].startswith("/") else 0


def _proxies(lines: list[Node], path: str, *, ordered: bool = False) -> list[tuple[Node, list[Node], str]]:
    """Return the directive that takes a path, and those that may take it.

    Caddy sorts the directives of a block, except those of `route`.
    """
    found: list[tuple[Node, list[Node], str]] = []
    path = _rewritten(lines, path)
    for node in sorted([each for each in lines if each.words[0] in GROUPS and each.block], key=_specific):
        matched = _matches(node.words, path, lines)
        if matched is False:
            continue
        inner = path
        if node.words[0] == "handle_path" and len(node.words) > 1:
            inner = path[len(node.words[1].rstrip("*").rstrip("/")) :] or "/"
        within = _proxies(node.children, inner, ordered=node.words[0] == "route")
        found += [(each, [*lines, *more], moved) for each, more, moved in within]
        if matched:
            return found
    own = [each for each in lines if each.words[0] in {"respond", "error", "reverse_proxy", "proxy"}]
    if not ordered:
        own = sorted(own, key=lambda each: (each.words[0] not in {"respond", "error"}, _specific(each)))
    for node in own:
        matched = _matches(node.words, path, lines)
        if matched or (matched is None and node.words[0] == "reverse_proxy"):
            found.append((node, lines, path))
        if matched:
            break
    return found


def _rewritten(lines: list[Node], path: str) -> str:
    """Return a path after the rewrite and uri of a block."""
    for node in lines:
        if node.words[0] not in {"rewrite", "uri"} or not _matches(node.words, path, lines):
            continue
        words = node.words[2:] if node.words[1:] and node.words[1].startswith(("/", "@", "*")) else node.words[1:]
        if node.words[0] == "rewrite" and not words:
            words = node.words[1:]
        if node.words[0] == "rewrite" and len(words) == 1:
            target = re.sub(r"\?.*$", "", words[0].replace("{uri}", path).replace("{path}", path))
            path = path if "{" in target or not target.startswith("/") else target
        elif words[:1] == ["strip_prefix"] and len(words) > 1:
            path = path.removeprefix("/" + words[1].strip("/"))
    return path


def _facts(node: Node, moved: str, path: str, options: Options) -> list[Fact]:
    target = next((word for word in node.words[1:] if not word.startswith(("/", "@", "*"))), "the server")
    where = {"target": target}
    found = _headers(node, where)
    if moved != path:
        found.append(Fact("path", "changed", node.line, node.file, {"from": path, "to": moved}))
    found += _clear_http_2(node, where)
    delay = False
    idle = Fact("idle", "none", node.line, node.file, {"time": "ever"}, 1e9)
    for each in _all(node):
        name, value = each.words[0], each.words[1] if len(each.words) > 1 else ""
        number = seconds(value, "s")
        text = {"time": shown_time(number)}
        if name == "read_timeout" and number > 0:
            idle = Fact("idle", "written", each.line, each.file, text, number)
        if name == "stream_timeout" and number > 0:
            found.append(Fact("lifetime", "limited", each.line, each.file, text, number))
        if name == "response_buffers" and value not in {"0", ""}:
            found.append(Fact("buffer", "response", each.line, each.file, where))
        if name == "versions" and "h2c" in each.words:
            found.append(Fact("http", "2", each.line, each.file, where))
        delay = delay or name == "stream_close_delay"
    if not delay:
        found.append(Fact("reload", "no-delay", node.line, node.file, {}, 0.0, ""))
    del options
    return [*found, idle]


def _clear_http_2(node: Node, where: dict[str, str]) -> list[Fact]:
    """Return a fact if the URL of a server asks for HTTP/2 without TLS."""
    return [
        Fact("http", "2", each.line, each.file, where)
        for each in [node, *_all(node)]
        if each.words[0] in {"reverse_proxy", "to"} and any(word.startswith("h2c://") for word in each.words)
    ][:1]


def _headers(node: Node, where: dict[str, str]) -> list[Fact]:
    """Return what header_up does to the headers of the handshake."""
    found: list[Fact] = []
    kinds = {"upgrade": "forwarded", "connection": "forwarded", "host": "kept"}
    lines = {"upgrade": node, "connection": node, "host": node}
    for each in _all(node):
        if each.words[0] != "header_up" or len(each.words) < 2:
            continue
        sign, name = re.match(r"([+-]?)(.*)", each.words[1]).groups()  # type: ignore[union-attr]
        name, value = name.lower(), each.words[2] if len(each.words) > 2 else ""
        if name in {"upgrade", "connection"}:
            lines[name] = each
            wanted = "websocket" if name == "upgrade" else "upgrade"
            good = value.lower() == wanted or bool(re.match(FORWARDED, value.lower()))
            kinds[name] = (
                "lost"
                if sign == "-"
                else "twice"
                if sign == "+" and name == "upgrade"
                else "forwarded"
                if good
                else "wrong"
            )
            if "{" in value and not good and not re.match(OF_CADDY_1, value):
                kinds[name] = "unknown"
        if name == "host":
            lines[name] = each
            kinds[name] = (
                "lost"
                if re.search(r"upstream", value)
                else "kept"
                if re.search(r"hostport|\.host\}|\{host\}", value)
                else "fixed"
            )
        if name in {"sec-websocket-key", "sec-websocket-version"} and "{" not in value and value != "13":
            kind = "dropped" if sign == "-" else "fixed"
            found.append(Fact("key", kind, each.line, each.file, {"header": each.words[1].lstrip("+-"), **where}))
        if name == "origin":
            kinds["host"] = "no-origin"
    for name, kind in kinds.items():
        line = lines[name]
        text = {"value": line.words[2] if len(line.words) > 2 and line is not node else "", **where}
        if name != "connection" or kinds["upgrade"] in {"forwarded", "unknown"}:
            found.append(
                Fact(name, kind, line.line, line.file, text, 0.0, "a placeholder" if kind == "unknown" else "")
            )
    return found


def _around(lines: list[Node], path: str) -> list[Fact]:
    """Return what the directives beside the proxy do to the WebSocket."""
    found: list[Fact] = []
    for node in lines:
        name = node.words[0]
        matched = _matches(node.words, path, lines)
        if matched is not True:
            continue
        rest = [word for word in node.words[1:] if not word.startswith(("/", "@"))] or [""]
        if name in {"basicauth", "basic_auth"}:
            kind = "everywhere" if _matches(node.words, "/", lines) else "socket"
            found.append(Fact("password", kind, node.line, node.file))
        if name == "redir" and len(node.words) > 1:
            target = next((word for word in rest if not re.search(r"^(?:\d+|permanent|temporary|html)$", word)), "")
            found.append(Fact("answer", "redirect", node.line, node.file, {"to": target or node.words[1]}))
        if name == "header":
            pairs = [each.words for each in node.children] if node.block else [rest]
            for words in pairs:
                if words[0].lower() == "-upgrade":
                    found.append(Fact("response", "hidden", node.line, node.file, {"header": "Upgrade"}))
                if words[0].lower() == "content-security-policy" and len(words) > 1 and blocks_sockets(words[1]):
                    found.append(Fact("policy", "blocks", node.line, node.file, {"value": words[1]}))
        if name == "request_header" and rest[0].lower() in {"-sec-websocket-key", "-sec-websocket-version"}:
            text = {"header": rest[0][1:], "target": "the server"}
            found.append(Fact("key", "dropped", node.line, node.file, text))
        if name == "request_header" and rest[0].lower() in {"-upgrade", "-connection"}:
            found.append(Fact("upgrade", "lost", node.line, node.file, {"target": "the server"}))
        if name == GAP:
            found.append(
                Fact("answer", "unknown", node.line, node.file, {}, 0.0, f"{node.words[1]} (line {node.line})")
            )
    return found
