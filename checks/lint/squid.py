"""Find out what Squid does with a WebSocket."""

from __future__ import annotations

import re

from .includes import with_includes
from .patterns import compiled
from .policy import blocks_sockets
from .text import ANGLES, mark_templates, seconds, shown_time, size
from .tree import ADDRESSES, Fact, Model, Node, Options, Route

TITLES = {"squid": "Squid"}
"""What people call the proxies that this module reads."""

UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "millisecond": "ms"}


def read(text: str, file: str = "") -> Node:
    """Return the tree of a configuration; it never fails."""
    root = Node(["main"], 0, file, block=True)
    for number, line in enumerate(mark_templates(text, "", ANGLES).split("\n"), 1):
        words = re.sub(r"[\x02-\x05]", " ", line).split("#")[0].split()
        if words:
            root.children.append(Node(words, number, file))
    return root


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("squid")
    lines = with_includes(tree, options, found, []).children
    reverse = [
        each for each in lines if each.words[0] in {"http_port", "https_port"} and {"accel", "vhost"} & set(each.words)
    ]
    peers = [each for each in lines if each.words[0] == "cache_peer" and "originserver" in each.words]
    bumping = [
        each
        for each in lines
        if each.words[0] == "ssl_bump" and each.words[1:2] and each.words[1] in {"bump", "server-first", "stare"}
    ]
    gap = found.missing[0] if found.missing else ""
    if reverse or peers:
        for address in ADDRESSES if options.server == "dss" else ["/socket"]:
            anchor = (peers or reverse)[0]
            route = Route("squid", "the reverse proxy", address, anchor.file, anchor.line)
            route.facts = _facts(lines, anchor, address, gap)
            found.routes.append(route)
    elif bumping:
        route = Route("squid", "TLS inspection", "wss://", bumping[0].file, bumping[0].line)
        route.facts = [_upgrade(lines, bumping[0], "/dip/websocket", gap), _idle(lines, bumping[0])]
        spliced = [each for each in lines if each.words[:2] == ["ssl_bump", "splice"] and each.line < bumping[0].line]
        if spliced:
            route.facts = [
                Fact(
                    "upgrade",
                    "unknown",
                    spliced[0].line,
                    tree.file,
                    {},
                    0.0,
                    f"who is exempt from inspection (line {spliced[0].line})",
                )
            ]
        found.routes.append(route)
    else:
        found.routes += _tunnels(lines)
    return found


def _acls(lines: list[Node], name: str) -> list[Node]:
    return [each for each in lines if each.words[0] == "acl" and each.words[1:2] == [name]]


def _allowed(words: list[str], lines: list[Node], path: str) -> bool | None:
    """Return whether access lists allow a path, or None if unknown."""
    result: bool | None = True
    for word in words:
        name, negated = word.lstrip("!"), word.startswith("!")
        value: bool | None = True if name == "all" else None
        for each in _acls(lines, name):
            if len(each.words) > 3 and each.words[2] in {"urlpath_regex", "url_regex"}:
                patterns = [compiled(word, ignore_case="-i" in each.words) for word in each.words[3:] if word != "-i"]
                value = bool(value) or any(bool(pattern and pattern.search(path)) for pattern in patterns)
            elif len(each.words) > 3 and each.words[2] == "method":
                value = bool(value) or "GET" in [word.upper() for word in each.words[3:]]
            else:
                value = value or None
        value = None if value is None else value != negated
        result = False if value is False or result is False else None if value is None else result
    return result


def _first(rules: list[tuple[Node, list[str]]], lines: list[Node], path: str) -> tuple[str, Node | None]:
    """Return what the first rule that takes a path does, and the rule.

    It is `allow`, `deny`, `?` if unknown, or nothing. Each rule is a line with its words from the action on.
    """
    for node, words in rules:
        taken = _allowed(words[1:], lines, path + "?x") if words[:1] in (["allow"], ["deny"]) else None
        if taken is None:
            return "?", node
        if taken:
            return words[0], node
    return "", None


def _header(directive: str, name: str, lines: list[Node], path: str) -> tuple[str, Node | None]:
    """Return what request_header_access or reply_header_access does with a header.

    Lines for the header itself come before those for a group.
    """
    own = [each for each in lines if each.words[0] == directive and len(each.words) > 2]
    groups = [name, "other", "all"] if name.startswith("sec-websocket-") else [name, "all"]
    for group in groups:
        rules = [(each, each.words[2:]) for each in own if each.words[1].lower() == group]
        if rules:
            return _first(rules, lines, path)
    return "", None


def _upgrade(lines: list[Node], anchor: Node, path: str, gap: str) -> Fact:
    """Return whether Squid forwards Upgrade: it drops it unless a line allows it.

    Lines for websocket come before those for OTHER, and case counts.
    """
    target = anchor.words[1] if anchor.words[0] == "cache_peer" and len(anchor.words) > 1 else "the server"
    where = {"target": target}
    own = [each for each in lines if each.words[0] == "http_upgrade_request_protocols" and len(each.words) > 2]
    named = [each for each in own if each.words[1] == "websocket"]
    rules = named or [each for each in own if each.words[1] == "OTHER"]
    action, line = _first([(each, each.words[2:]) for each in rules], lines, path)
    if line and action == "?":
        return Fact("upgrade", "unknown", line.line, line.file, where, 0.0, f"an access list (line {line.line})")
    dropped, header = "", None
    for name in ("upgrade", "connection"):
        if dropped != "deny":
            dropped, header = _header("request_header_access", name, lines, path)
    if header and dropped == "deny":
        return Fact("upgrade", "removed", header.line, header.file, where)
    if line:
        return Fact("upgrade", "forwarded" if action == "allow" else "lost", line.line, line.file, where)
    other = [each for each in own if each.words[1].lower() == "websocket" and each.words[2] == "allow"]
    last = other[-1] if other else (rules or [anchor])[-1]
    return Fact("upgrade", "case" if other else "lost", last.line, last.file, where, 0.0, "" if other else gap)


def _seconds(node: Node) -> float:
    unit = node.words[2].rstrip("s") if len(node.words) > 2 else "second"
    return seconds(node.words[1] + UNITS.get(unit, "?"), "s")


def _idle(lines: list[Node], anchor: Node) -> Fact:
    for each in lines:
        if each.words[0] == "read_timeout" and len(each.words) > 1 and _seconds(each) > 0:
            value = _seconds(each)
            return Fact("idle", "written", each.line, each.file, {"time": shown_time(value)}, value)
    return Fact("idle", "default", anchor.line, anchor.file, {"time": "15 min"}, 900.0)


def _facts(lines: list[Node], anchor: Node, path: str, gap: str) -> list[Fact]:
    """Return the facts of a reverse proxy."""
    found = [_upgrade(lines, anchor, path, gap), _idle(lines, anchor)]
    for each in lines:
        name, words = each.words[0], each.words[1:]
        if name == "cache_peer":
            fixed = [word.partition("=")[2] for word in words if word.startswith("forceddomain=")]
            found += [
                Fact("host", "fixed", each.line, each.file, {"value": value, "target": words[0]}) for value in fixed
            ]
        if name == "request_header_max_size" and words:
            value = size(words[0] + {"kb": "k", "mb": "m"}.get((words[1:] or [""])[0].lower(), ""))
            found += (
                [Fact("header-size", "limited", each.line, each.file, {"size": " ".join(words)}, value)]
                if value >= 0
                else []
            )
        if name in {"request_header_add", "reply_header_add"} and words[:1] and words[0].lower() in CHANGED[name]:
            text = {"header": words[0], "value": words[1] if len(words) > 1 else "", "target": "the server"}
            kinds = {"upgrade": ("upgrade", "twice"), "sec-websocket-key": ("key", "fixed")}
            key, kind = kinds.get(words[0].lower(), ("key", "fixed")) if name[:3] == "req" else ("response", "changed")
            found.append(Fact(key, kind, each.line, each.file, text))
        if name in {"reply_header_add", "reply_header_replace"} and words[:1] == ["Content-Security-Policy"]:
            value_of = re.sub(r'^"|"$', "", " ".join(words[1:]).split('" ')[0])
            found += (
                [Fact("policy", "blocks", each.line, each.file, {"value": value_of})]
                if blocks_sockets(value_of)
                else []
            )
    for header in ("Sec-WebSocket-Key", "Sec-WebSocket-Version"):
        action, line = _header("request_header_access", header.lower(), lines, path)
        if action == "deny" and line:
            replaced = any(
                each.words[0] == "request_header_replace"
                and each.words[1:2]
                and each.words[1].lower() == header.lower()
                for each in lines
            )
            kind = "fixed" if replaced else "dropped"
            found.append(Fact("key", kind, line.line, line.file, {"header": header, "target": "the server"}))
    for header in ("Upgrade", "Connection", "Sec-WebSocket-Accept"):
        action, line = _header("reply_header_access", header.lower(), lines, path)
        if action == "deny" and line:
            found.append(Fact("response", "hidden", line.line, line.file, {"header": header}))
    return [*found, *_refusal(lines, path)]


CHANGED = {
    "request_header_add": ["upgrade", "sec-websocket-key", "sec-websocket-version"],
    "reply_header_add": ["upgrade", "sec-websocket-accept"],
}
"""The headers of a handshake that may be there only once, by the directive that adds a second one."""


def _refusal(lines: list[Node], path: str) -> list[Fact]:
    """Return a fact if Squid answers the request itself."""
    for directive, code in (("http_access", "403"), ("http_reply_access", "403")):
        rules = [(each, each.words[1:]) for each in lines if each.words[0] == directive and len(each.words) > 1]
        action, line = _first(rules, lines, path)
        if rules and action == "" and rules[-1][1][0] == "allow":
            action, line = "deny", rules[-1][0]  # the opposite of the last line
        if action == "deny" and line:
            info = [each for each in lines if each.words[0] == "deny_info" and each.words[-1] in line.words]
            to = re.sub(r"^\d+:", "", info[0].words[1]) if info else ""
            kind = "redirect" if "://" in to else "status"
            return [Fact("answer", kind, line.line, line.file, {"to": to, "code": code})]
    peers = [each.words[1] for each in lines if each.words[0] == "cache_peer" and len(each.words) > 1]
    rules = [
        (each, each.words[2:])
        for each in lines
        if each.words[0] == "cache_peer_access" and each.words[1:2] == peers and len(each.words) > 2
    ]
    action, line = _first(rules, lines, path)
    if action == "deny" and line and len(peers) == 1:
        return [Fact("answer", "status", line.line, line.file, {"to": "", "code": "502"})]
    return []


def _tunnels(lines: list[Node]) -> list[Route]:
    """Return what a forward proxy does with CONNECT, which every wss:// needs."""
    ports = [word for each in _acls(lines, "SSL_ports") for word in each.words[3:]]
    denies = [
        each
        for each in lines
        if each.words[:2] == ["http_access", "deny"] and "CONNECT" in each.words and "!SSL_ports" in each.words
    ]
    anchors = denies or [each for each in lines if each.words[0] in {"http_port", "http_access"}]
    if not anchors:
        return []
    route = Route("squid", "the forward proxy", "CONNECT", anchors[0].file, anchors[0].line)
    if denies and "443" not in ports and not any("443" in port for port in ports):
        route.facts = [Fact("answer", "status", denies[0].line, denies[0].file, {"code": "403"})]
    else:
        route.facts = [Fact("upgrade", "forwarded", anchors[0].line, anchors[0].file)]
        shown = ", ".join(ports) or "all ports"
        route.seen = [f"HTTPS tunnels are allowed to {shown}; DSS needs its own port there if it is another one."]
    return [route]
