"""Find out what Squid does with a WebSocket."""

from __future__ import annotations

import re

from .patterns import compiled
from .policy import blocks_sockets
from .text import ANGLES, mark_templates, seconds, shown_time, size
from .tree import ADDRESSES, Fact, Model, Node, Options, Route

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
    lines = tree.children
    reverse = [
        each for each in lines if each.words[0] in {"http_port", "https_port"} and {"accel", "vhost"} & set(each.words)
    ]
    peers = [each for each in lines if each.words[0] == "cache_peer" and "originserver" in each.words]
    bumping = [
        each
        for each in lines
        if each.words[0] == "ssl_bump" and each.words[1:2] and each.words[1] in {"bump", "server-first", "stare"}
    ]
    found.missing = [
        f"include {each.words[1]} (line {each.line})"
        for each in lines
        if each.words[0] == "include" and len(each.words) > 1
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
            else:
                value = value or None
        value = None if value is None else value != negated
        result = False if value is False or result is False else None if value is None else result
    return result


def _upgrade(lines: list[Node], anchor: Node, path: str, gap: str) -> Fact:
    """Return whether Squid forwards Upgrade: it drops it unless a line allows it."""
    target = anchor.words[1] if anchor.words[0] == "cache_peer" and len(anchor.words) > 1 else "the server"
    where = {"target": target}
    last = anchor
    for each in [each for each in lines if each.words[0] == "http_upgrade_request_protocols" and len(each.words) > 2]:
        if each.words[1] in {"websocket", "OTHER"}:
            last = each
            allowed = _allowed(each.words[3:], lines, path + "?x")
            if allowed is None:
                return Fact(
                    "upgrade", "unknown", each.line, each.file, where, 0.0, f"an access list (line {each.line})"
                )
            if allowed:
                kind = "forwarded" if each.words[2] == "allow" else "lost"
                return Fact("upgrade", kind, each.line, each.file, where)
        elif each.words[1].lower() == "websocket":
            return Fact("upgrade", "case", each.line, each.file, where)
    return Fact("upgrade", "lost", last.line, last.file, where, 0.0, gap)


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
        if (
            name == "request_header_access"
            and words[1:3] == ["deny", "all"]
            and words[0].lower().startswith("sec-websocket")
        ):
            kind = (
                "fixed"
                if any(other.words[:2] == ["request_header_replace", words[0]] for other in lines)
                else "dropped"
            )
            found.append(Fact("key", kind, each.line, each.file, {"header": words[0], "target": "the server"}))
        if (
            name == "reply_header_access"
            and words[1:3] == ["deny", "all"]
            and words[0].lower() in {"upgrade", "sec-websocket-accept"}
        ):
            found.append(Fact("response", "hidden", each.line, each.file, {"header": words[0]}))
        if name in {"reply_header_add", "reply_header_replace"} and words[:1] == ["Content-Security-Policy"]:
            value_of = re.sub(r'^"|"$', "", " ".join(words[1:]).split('" ')[0])
            found += (
                [Fact("policy", "blocks", each.line, each.file, {"value": value_of})]
                if blocks_sockets(value_of)
                else []
            )
        if (
            name == "http_access"
            and words[:1] == ["deny"]
            and _allowed(words[1:], lines, path + "?x")
            and not set(words[1:]) & {"all"}
        ):
            info = [other for other in lines if other.words[0] == "deny_info" and other.words[-1] in words]
            to = re.sub(r"^\d+:", "", info[0].words[1]) if info else ""
            kind = "redirect" if "://" in to else "status"
            found.append(Fact("answer", kind, each.line, each.file, {"to": to, "code": "403"}))
    return found


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
    for each in lines:
        if each.words[0] == "client_lifetime" and len(each.words) > 1 and _seconds(each) > 0 and _seconds(each) < 86400:
            text = {"time": shown_time(_seconds(each))}
            route.facts.append(Fact("lifetime", "limited", each.line, each.file, text, _seconds(each)))
    return [route]
