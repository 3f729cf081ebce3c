"""Find out where a Caddyfile sends each WebSocket, and how."""

from __future__ import annotations

import re

from .includes import given, missing
from .patterns import compiled
from .policy import blocks_sockets
from .text import CLOSE, OPEN, STATEMENT, mark_templates, seconds, shown_time
from .tree import ADDRESSES, GAP, Fact, Model, Node, Options, Route

TITLES = {"caddy": "Caddy"}
"""What people call the proxies that this module reads."""

FORWARDED = r"^\{(?:http\.request\.header\.|header\.)(?:connection|upgrade)\}$"
OF_CADDY_1 = r"^\{[>~?<][^}]*\}$"
GROUPS = ["handle", "handle_path", "route"]
ENDS = ["abort", "error", "respond", "reverse_proxy", "proxy"]
"""Directives that respond, in the order of Caddy."""

HANDSHAKE = {
    "upgrade": ["websocket"],
    "connection": ["Upgrade"],
    "sec-websocket-key": ["key"],
    "sec-websocket-version": ["13"],
}
"""The headers of a WebSocket that a server needs, with their values."""


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
    files = [tree, *options.files.values()]
    snippets = {each.words[0]: each for file in files for each in file.children if each.words[0].startswith("(")}
    whole = Node(["main"], 0, tree.file, block=True, children=_expanded(tree, snippets, options, found, []))
    for site in _sites(whole):
        own: list[Route] = []
        for address in ADDRESSES if options.server == "dss" else ["/socket"]:
            own += _routes(site, site.children, address)
        proxied = [each for each in site.children if each.words[0] == "reverse_proxy"]
        meant = any(_matches(each.words, "/dip/websocket", site.children) for each in proxied)
        if meant or any(fact.value != "status" for route in own for fact in route.facts):
            found.routes += own
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


def _expanded(node: Node, snippets: dict[str, Node], options: Options, found: Model, above: list[str]) -> list[Node]:
    """Return the lines of a block, with snippets and files in the place of imports.

    `above` are the snippets and files that it is in.
    """
    lines: list[Node] = []
    for each in node.children:
        if each.words[0] == "import" and len(each.words) > 1:
            snippet = f"({each.words[1]})"
            names = [snippet] if snippet in snippets else given(each, options)
            for name in names or []:
                block = snippets[name] if name == snippet else options.files[name]
                lines += _expanded(block, snippets, options, found, [*above, name]) if name not in above else []
            if names is None:
                phrase = missing(each, found)
                lines.append(Node([GAP, phrase.split(" (")[0]], each.line, each.file))
        elif each.children:
            inner = _expanded(each, snippets, options, found, above)
            lines.append(Node(each.words, each.line, each.file, each.block, inner, each.maybe))
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
    tests = [*([Node(nodes[0].words[1:])] if len(nodes[0].words) > 1 else []), *nodes[0].children]
    if len(nodes[0].words) > 1:
        tests[0].children, tests[1:] = nodes[0].children, []
    return _all_hold(tests, path)


def _all_hold(tests: list[Node], path: str) -> bool | None:
    """Return whether the lines of a matcher hold.

    Of those for one header, or for paths or methods, one is enough.
    """
    groups: dict[str, list[bool | None]] = {}
    for number, test in enumerate(tests):
        name = " ".join(test.words[: 2 if test.words[0] == "header" else 1]).lower()
        name = name if test.words[0] in {"header", "path", "method"} else f"{name} {number}"
        groups.setdefault(name, []).append(_holds(test, path))
    results = [True if True in each else None if None in each else False for each in groups.values()]
    return False if False in results else None if None in results else True


def _holds(test: Node, path: str) -> bool | None:
    """Return whether one line of a matcher takes a WebSocket, or None if unknown."""
    name, words = test.words[0], test.words[1:]
    if name == "not":
        inner = [Node(words)] if words else test.children
        result = _all_hold(inner, path)
        return None if result is None else not result
    if name == "path":
        return any(re.search("^" + re.escape(each).replace(r"\*", ".*") + "$", path, re.IGNORECASE) for each in words)
    if name == "path_regexp" and words:
        pattern = compiled(words[-1], ignore_case=False)
        return bool(pattern.search(path)) if pattern else None
    if name == "method":
        return "GET" in [word.upper() for word in words]
    if name in {"header", "header_regexp"} and words:
        return _has_header(name, words)
    return None


def _has_header(name: str, words: list[str]) -> bool | None:
    """Return whether a browser sends a header, or None if that depends."""
    field, known = words[0].lower(), {**HANDSHAKE, "origin": ["?"], "user-agent": ["?"]}
    if field.startswith("!"):
        return None if field[1:] not in known else False
    if field not in known:
        return None
    if words[1:] in ([], ["*"]):
        return True
    if "?" in known[field]:
        return None
    if name == "header_regexp":
        pattern = compiled(words[-1], ignore_case=False)
        return any(bool(pattern.search(each)) for each in known[field]) if pattern else None
    test = "^" + re.escape(words[1]).replace(r"\*", ".*") + "$"
    return any(bool(re.search(test, each)) for each in known[field])


def _routes(site: Node, body: list[Node], path: str) -> list[Route]:
    """Return the routes of a path: those of the directives that may take it."""
    found = []
    for node, lines, moved in _proxies(body, path):
        if node.words[0] == "proxy":
            route = Route("caddy", _where(site), path, node.file, node.line)
            route.facts = [Fact("loads", "removed", node.line, node.file, {"name": "proxy", "version": "2"})]
            return [route]
        route = Route("caddy", _where(site), path, node.file, node.line)
        if node.words[0] in {"abort", *GROUPS}:
            kind = "closed" if node.words[0] == "abort" else "file"
            route.facts = [Fact("answer", kind, node.line, node.file, {"name": " ".join(node.words)})]
            found.append(route)
            continue
        if node.words[0] == "error" and any(each.words[0] == "handle_errors" for each in body):
            continue
        if node.words[0] in {"respond", "error"}:
            code = next((word for word in node.words[1:] if re.search(r"^\d{3}$", word)), "200")
            route.facts = [Fact("answer", "status", node.line, node.file, {"code": code})]
            found.append(route)
            continue
        route.facts = [*_facts(node, moved, path, lines), *_around(lines, path)]
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
        if matched and not within and _is_for_sockets(node) and not any(each.words[0] == GAP for each in _all(node)):
            found.append((node, lines, path))
        if matched:
            return found
    own = [each for each in lines if each.words[0] in ENDS]
    if not ordered:
        own = sorted(own, key=lambda each: (ENDS.index(each.words[0]), _specific(each)))
    for node in own:
        matched = _matches(node.words, path, lines)
        if matched or (matched is None and node.words[0] == "reverse_proxy"):
            found.append((node, lines, path))
        if matched:
            break
    return found


def _is_for_sockets(node: Node) -> bool:
    """Return whether a block is only for a WebSocket of DSS, and only has files."""
    known = {"file_server", "root", "header", "encode", "log", "try_files"}
    only_files = all(each.words[0] in known for each in node.children)
    return only_files and bool(re.search(r"\b(?:dip|jupyter|websocket|channels)\b", " ".join(node.words[1:])))


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
        elif words[:1] == ["strip_suffix"] and len(words) > 1:
            path = path.removesuffix(words[1])
        elif words[:1] == ["replace"] and len(words) > 2 and "{" not in words[2]:
            path = path.replace(words[1], words[2])
        elif words[:1] == ["path_regexp"] and len(words) > 2 and not re.search(r"[{$]", words[2]):
            pattern = compiled(words[1], ignore_case=False)
            path = pattern.sub(words[2].replace("\\", r"\\"), path) if pattern else path
    return path


def _facts(node: Node, moved: str, path: str, lines: list[Node]) -> list[Fact]:
    target = next((word for word in node.words[1:] if not word.startswith(("/", "@", "*"))), "the server")
    where = {"target": target}
    found = _headers(node, where, lines, path)
    own = [each for each in node.children if each.words[0] == "rewrite" and len(each.words) == 2]
    if own and "{" not in own[-1].words[1]:
        moved = own[-1].words[1]
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
        if name == "method" and value.upper() != "GET":
            found.append(Fact("method", "changed", each.line, each.file, {"value": value}))
        if name == "proxy_protocol":
            found.append(Fact("target", "proxy-protocol", each.line, each.file, where))
        if name in {"websocket", "transparent"}:
            found.append(Fact("loads", "removed", each.line, each.file, {"name": name, "version": "2"}))
        delay = delay or name == "stream_close_delay"
    if not delay:
        found.append(Fact("reload", "no-delay", node.line, node.file, {}, 0.0, ""))
    return [*found, idle]


def _clear_http_2(node: Node, where: dict[str, str]) -> list[Fact]:
    """Return a fact if the URL of a server asks for HTTP/2 without TLS."""
    return [
        Fact("http", "2", each.line, each.file, where)
        for each in [node, *_all(node)]
        if each.words[0] in {"reverse_proxy", "to"} and any(word.startswith("h2c://") for word in each.words)
    ][:1]


def _headers(node: Node, where: dict[str, str], around: list[Node], path: str) -> list[Fact]:
    """Return what request_header and header_up do to the headers of the handshake."""
    values = {name: [*value] for name, value in HANDSHAKE.items()}
    changed: dict[str, Node] = {}
    host, origin = Fact("host", "kept", node.line, node.file, {"value": "", **where}), False
    matched = [each for each in around if each.words[0] == "request_header" and _matches(each.words, path, around)]
    for each in matched:
        rest = each.words[2:] if len(each.words) > 1 and each.words[1].startswith(("/", "@", "*")) else each.words[1:]
        _change([(each, rest)] if rest else [], values, changed)
    ups = [(each, each.words[1:]) for each in _all(node) if each.words[0] == "header_up" and len(each.words) > 1]
    _change(ups, values, changed)
    for each, words in ups:
        name, value = words[0].lstrip("+-?>").lower(), words[1] if len(words) > 1 else ""
        if name == "host":
            kept = re.search(r"hostport|\.host\}|\{host\}", value)
            kind = "lost" if "upstream" in value else "kept" if kept else "fixed"
            host = Fact("host", kind, each.line, each.file, {"value": value, **where})
        origin = origin or name == "origin"
    if origin:
        host.value = "no-origin"
    found = [host]
    for name in ("upgrade", "connection"):
        line = changed.get(name, node)
        text = {"value": _value_in(line), **where}
        kind = _kind(name, values[name])
        unless = "a placeholder" if kind == "unknown" else ""
        if name == "upgrade" or _kind("upgrade", values["upgrade"]) in {"forwarded", "unknown"}:
            found.append(Fact(name, kind, line.line, line.file, text, 0.0, unless))
    for name in ("sec-websocket-key", "sec-websocket-version"):
        if name in changed and values[name] != HANDSHAKE[name] and "?" not in values[name]:
            kind = "fixed" if values[name] else "dropped"
            line = changed[name]
            header = name.replace("sec-websocket-k", "Sec-WebSocket-K").replace("sec-websocket-v", "Sec-WebSocket-V")
            found.append(Fact("key", kind, line.line, line.file, {"header": header, **where}))
    return found


def _value_in(line: Node) -> str:
    return line.words[-1] if len(line.words) > 2 and line.words[0] in {"header_up", "request_header"} else ""


def _kind(name: str, values: list[str]) -> str:
    """Return what becomes of Upgrade or Connection."""
    if "?" in values:
        return "unknown"
    if not values:
        return "lost"
    if name == "upgrade":
        return "twice" if len(values) > 1 else "forwarded" if values[0].lower() == "websocket" else "wrong"
    tokens = [part.strip().lower() for value in values for part in value.split(",")]
    return "forwarded" if "upgrade" in tokens else "wrong"


def _change(lines: list[tuple[Node, list[str]]], values: dict[str, list[str]], changed: dict[str, Node]) -> None:
    """Change headers as Caddy does: it adds, sets, deletes, and then replaces."""
    for step in range(4):
        for line, words in lines:
            sign, name = re.sub(r"[^+-].*$", "", words[0]), words[0].lstrip("+-?>").lower()
            own = 3 if len(words) > 2 else 0 if sign == "+" else 2 if sign == "-" else 1
            if own != step:
                continue
            for field in [each for each in values if re.search("^" + re.escape(name).replace(r"\*", ".*") + "$", each)]:
                value = _filled(words[-1], field) if len(words) > 1 else ""
                if own == 3:
                    pattern = compiled(words[1], ignore_case=False)
                    if not pattern or not any(pattern.search(each) for each in values[field]):
                        continue
                    values[field] = ["?" if "$" in value else pattern.sub(value, each) for each in values[field]]
                elif own == 2:
                    values[field] = []
                else:
                    values[field] = [*(values[field] if own == 0 else []), value]
                changed[field] = line


def _filled(value: str, field: str) -> str:
    """Return the value that a header gets; `?` is one that is not known."""
    if re.match(FORWARDED, value.lower()) and field in value.lower():
        return HANDSHAKE[field][0]
    return "?" if "{" in value and not re.match(OF_CADDY_1, value) else value


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
        if name == "method" and rest[0].upper() != "GET":
            found.append(Fact("method", "changed", node.line, node.file, {"value": rest[0]}))
        if name == "header":
            found += _response(node, [each.words for each in node.children] if node.block else [rest])
        if name == GAP:
            found.append(
                Fact("answer", "unknown", node.line, node.file, {}, 0.0, f"{node.words[1]} (line {node.line})")
            )
    return found


def _response(node: Node, pairs: list[list[str]]) -> list[Fact]:
    """Return what a header directive does to the response to the handshake."""
    found: list[Fact] = []
    late = ["defer"] in pairs
    for words in pairs:
        name, value = words[0].lstrip("+-?>").lower(), words[1] if len(words) > 1 else ""
        if name in {"upgrade", "connection"} and words[0].startswith("-"):
            found.append(Fact("response", "hidden", node.line, node.file, {"header": words[0][1:]}))
        elif name in {"upgrade", "connection"} and len(words) == 2 and not words[0].startswith("?"):
            deferred = late or words[0].startswith(">")
            good = name in value.lower() or (name == "upgrade" and value.lower() == "websocket")
            if (deferred and not good) or (name == "upgrade" and not deferred):
                found.append(
                    Fact("response", "changed", node.line, node.file, {"header": name.title(), "value": value})
                )
        if name == "content-security-policy" and value and blocks_sockets(value):
            found.append(Fact("policy", "blocks", node.line, node.file, {"value": value}))
    return found
