"""State what Apache httpd does with a WebSocket, as facts."""

from __future__ import annotations

import re

from .apache_rewrite import Request, Rewritten
from .patterns import compiled
from .policy import blocks_sockets
from .text import VALUE, seconds, shown_time, size
from .tree import GAP, Fact, Node

DEFAULT_TIMEOUT = 60.0
"""Seconds, of httpd itself; the apache2.conf of Debian has 300."""


def workers(nodes: list[Node]) -> list[tuple[str, Node, str]]:
    """Return the servers that httpd knows, each with its line and its `upgrade`.

    A server whose URL begins with that of an earlier one is that one, and its parameters are ignored.
    """
    found: list[tuple[str, Node, str]] = []
    for node in nodes:
        for each in [node, *(node.children if node.words[0] in ["location", "locationmatch", "proxy"] else [])]:
            place = {"proxypass": 2, "proxypassmatch": 2, "balancermember": 1}.get(each.words[0], 0)
            if each is not node and each.words[0] in ["proxypass", "proxypassmatch"]:
                place = 1
            if not place or len(each.words) <= place or each.words[place] == "!":
                continue
            url = each.words[place]
            if not any(_shared(url, known[0], each) for known in found):
                found.append((url, each, parameter(each, "upgrade")))
    for node in nodes:
        for each in node.children if node.words[0] == "proxy" else []:
            value = parameter(each, "upgrade")
            if each.words[0] == "proxyset" and value:
                found = _changed(found, node.words[-1], (node.words[-1], each, value))
    return found


def _changed(
    known: list[tuple[str, Node, str]], url: str, worker: tuple[str, Node, str]
) -> list[tuple[str, Node, str]]:
    """Return the servers, with the `upgrade` that ProxySet gives to one of them."""
    same = [each for each in known if each[0].rstrip("/") == url.rstrip("/")]
    if not same:
        return [*known, worker]
    return [(each[0], worker[1], worker[2]) if each in same else each for each in known]


def worker_of(url: str, known: list[tuple[str, Node, str]]) -> tuple[str, Node, str] | None:
    """Return the server that takes a URL: the one with the longest own URL.

    In the URL of a ProxyPassMatch, $1 stands for any text.
    """
    best: tuple[str, Node, str] | None = None
    for each in known:
        fits = url.startswith(each[0]) or _fits(url, each[0])
        if fits and len(each[0]) <= len(url) and (best is None or len(each[0]) > len(best[0])):
            best = each
    return best


def _shared(url: str, known: str, node: Node) -> bool:
    """Return whether httpd takes the server of a line for one that it knows."""
    if node.words[0] == "proxypassmatch":
        return url == known or _fits(url, known)
    return url.startswith(known)


def _fits(url: str, known: str) -> bool:
    if "$" not in known:
        return False
    escaped = re.sub(r"([.+?*^|()\[\]{}\\])", r"\\\1", known)
    pattern = compiled("^" + re.sub(r"\$\d", ".*", escaped), ignore_case=False)
    return bool(pattern and pattern.search(url))


def parameter(node: Node, name: str) -> str:
    """Return the value of a parameter of ProxyPass, or an empty text."""
    for word in node.words[1:]:
        if word.lower().startswith(name + "="):
            return word[len(name) + 1 :]
    return ""


def matching(node: Node, path: str) -> bool:
    """Return whether a Location takes a path."""
    name = node.words[-1]
    if node.words[0] == "locationmatch" or node.words[1:2] == ["~"]:
        pattern = compiled(name, ignore_case=False)
        return bool(pattern and pattern.search(path))
    if "*" in name:
        pattern = compiled(
            "^" + re.sub(r"([.+?^$|()\[\]{}\\])", r"\\\1", name).replace("*", "[^/]*") + "($|/)", ignore_case=False
        )
        return bool(pattern and pattern.search(path))
    return path == name or path.startswith(name if name.endswith("/") else name + "/")


def facts_of(scope: Node, outer: list[Node], target: Rewritten, request: Request) -> list[Fact]:
    """Return the facts of one route."""
    assert target.line
    places = [
        node
        for node in scope.children
        if node.words[0] in ["location", "locationmatch"] and matching(node, request.path)
    ]
    lines = [*outer, *scope.children, *[each for node in places for each in node.children]]
    anchor = target.line
    server = re.sub(r"^\w+://|/.*$", "", target.url).replace(VALUE, "…") or "the server"
    where = {"target": server}
    gaps = [node for node in lines if node.words[0] == GAP]
    unless = request.unsure or (f"{gaps[0].words[1]} (line {gaps[0].line})" if gaps else "")
    found = _upgrade(scope, lines, target, where, unless)
    found += _headers(lines, request, anchor, where, unless)
    found.append(_idle(lines, target, scope, unless))
    found += _others(lines, scope, places, request, anchor)
    sent = re.search(r"^\w+://[^/]*(/[^?]*)?", target.url)
    path = (sent[1] or "/") if sent else ""
    if (
        path
        and "?" not in target.url
        and VALUE not in target.url
        and path != request.path
        and not target.url.startswith("balancer")
    ):
        text = {"from": request.path, "to": path}
        glued = not re.search(r"^\w+://[^/]*:\d+(/|$)|^\w+://[\w.-]+(/|$)", target.url)
        found.append(Fact("path", "glued" if glued else "changed", anchor.line, anchor.file, text))
    elif re.search(r"^\w+://[^/]*:\d+[a-z]", target.url):
        found.append(Fact("path", "glued", anchor.line, anchor.file, {"from": request.path, "to": target.url}))
    return found


def _upgrade(scope: Node, lines: list[Node], target: Rewritten, where: dict[str, str], unless: str) -> list[Fact]:
    node = target.line
    assert node
    known = workers(scope.children)
    for each in _header_lines(lines, "requestheader", "upgrade"):
        if each.words[1].lower() == "unset" or (
            each.words[1].lower() == "set" and each.words[-1].lower() != "websocket"
        ):
            if len(each.words) < 4 or each.words[1].lower() == "set":
                return [Fact("upgrade", "removed", each.line, each.file, where)]
        if each.words[1].lower() in ["edit", "edit*"] and len(each.words) == 5:
            pattern = compiled(each.words[3], ignore_case=False)
            same = each.words[4].lower() == "websocket" or "$" in each.words[4]
            if pattern and pattern.search("websocket") and not same:
                return [Fact("upgrade", "removed", each.line, each.file, where)]
    if re.search(r"^wss?://", target.url) and parameter(node, "upgrade").lower() == "none":
        return [Fact("upgrade", "lost", node.line, node.file, where)]
    if re.search(r"^wss?://", target.url):
        return [Fact("upgrade", "forwarded", node.line, node.file, where)]
    if target.url.startswith("balancer://"):
        return _balanced(lines, target, where, unless)
    if VALUE in target.url[:8] or not re.search(r"^https?://", target.url):
        return [
            Fact("upgrade", "unknown", node.line, node.file, where, 0.0, f"the target is not known (line {node.line})")
        ]
    worker = worker_of(target.url, known)
    value = worker[2].lower() if worker else ""
    if worker and re.search(r"^(websocket|any|\*)$", value):
        facts = [Fact("upgrade", "forwarded", worker[1].line, worker[1].file, where)]
        return [*facts, Fact("upgrade-parameter", "used", worker[1].line, worker[1].file, {})]
    if worker and worker[1] is not node and re.search(r"^(websocket|any|\*)$", parameter(node, "upgrade").lower()):
        text = {"other": str(worker[1].line), **where}
        return [Fact("upgrade", "shared", node.line, node.file, text, 0.0, unless)]
    others = [
        each
        for each in [*scope.children, *[inner for one in scope.children for inner in one.children]]
        if each is not node and _may_forward(each)
    ]
    text = {"other": str(others[0].line) if others else "", **where}
    return [Fact("upgrade", "overtaken" if others else "lost", node.line, node.file, text, 0.0, unless)]


def _may_forward(node: Node) -> bool:
    """Return whether a line would forward a WebSocket, if it got it."""
    text = " ".join(node.words[1:]).lower()
    return node.words[0] in ["proxypass", "proxypassmatch", "rewriterule"] and bool(
        re.search(r"wss?://|upgrade=(websocket|any)", text)
    )


def _balanced(lines: list[Node], target: Rewritten, where: dict[str, str], unless: str) -> list[Fact]:
    name = re.sub(r"^balancer://([^/]*).*$", r"\1", target.url)
    groups = [node for node in lines if node.words[0] == "proxy" and f"balancer://{name}" in node.words[-1].rstrip("/")]
    members = [
        each for node in groups for each in node.children if each.words[0] == "balancermember" and len(each.words) > 1
    ]
    anchor = target.line
    assert anchor
    if not members:
        return [
            Fact("upgrade", "unknown", anchor.line, anchor.file, where, 0.0, f"balancer {name} is not in this text")
        ]
    for each in members:
        if not re.search(r"^wss?://", each.words[1]) and not re.search(
            r"^(websocket|any|\*)$", parameter(each, "upgrade").lower()
        ):
            return [Fact("upgrade", "lost", each.line, each.file, {"target": each.words[1]}, 0.0, unless)]
    return [Fact("upgrade", "forwarded", members[0].line, members[0].file, where)]


def _header_lines(lines: list[Node], directive: str, name: str) -> list[Node]:
    found: list[Node] = []
    for node in lines:
        words = [word for word in node.words if word.lower() not in ["always", "onsuccess", "early"]]
        if node.words[0] == directive and len(words) > 2 and words[2].lower() == name and not node.maybe:
            found.append(Node(words, node.line, node.file))
    return found


def _headers(lines: list[Node], request: Request, anchor: Node, where: dict[str, str], unless: str) -> list[Fact]:
    found: list[Fact] = []
    kept = [node for node in lines if node.words[0] == "proxypreservehost" and len(node.words) > 1]
    fixed = [
        node
        for node in _header_lines(lines, "requestheader", "host")
        if node.words[1].lower() == "set" and len(node.words) == 4
    ]
    origin = _header_lines(lines, "requestheader", "origin")
    on = bool(kept) and kept[-1].words[1].lower() == "on"
    node = fixed[-1] if on and fixed else kept[-1] if kept else anchor
    text = {"value": fixed[-1].words[3] if on and fixed else "", **where}
    kind = "fixed" if on and fixed and "%" not in text["value"] else "kept" if on else "lost"
    if origin:
        kind = "no-origin"
    found.append(Fact("host", kind, node.line, node.file, text, 0.0, unless if kind == "lost" and not kept else ""))
    for name in ["sec-websocket-key", "sec-websocket-version"]:
        for each in _header_lines(lines, "requestheader", name):
            kind = "dropped" if each.words[1].lower() == "unset" else "fixed"
            if len(each.words) < 5 and each.words[-1] != "13":
                found.append(Fact("key", kind, each.line, each.file, {"header": each.words[2], **where}))
    for each in _header_lines(lines, "header", "content-security-policy"):
        value = each.words[3] if len(each.words) > 3 else ""
        kind = blocks_sockets(value) if each.words[1].lower() in ["set", "add", "append"] else ""
        if kind:
            found.append(Fact("policy", kind, each.line, each.file, {"value": value}))
    if request.secure:
        proto = _header_lines(lines, "requestheader", "x-forwarded-proto")
        value = proto[-1].words[3] if proto and len(proto[-1].words) > 3 else ""
        kind = "missing" if not proto else "wrong" if value.lower() == "http" else "sent"
        place = proto[-1] if proto else anchor
        found.append(Fact("scheme", kind, place.line, place.file, {"value": value}, 0.0, unless))
    return found


def _idle(lines: list[Node], target: Rewritten, scope: Node, unless: str) -> Fact:
    """Return the idle timeout: the longer one of the two sides."""
    anchor = target.line
    assert anchor
    client = [node for node in lines if node.words[0] == "timeout" and len(node.words) > 1]
    proxy = [node for node in lines if node.words[0] == "proxytimeout" and len(node.words) > 1]
    worker = worker_of(target.url, workers(scope.children))
    own = parameter(worker[1], "timeout") if worker else ""
    first = seconds(client[-1].words[1], "s") if client else DEFAULT_TIMEOUT
    second = seconds(own, "s") if own and worker else seconds(proxy[-1].words[1], "s") if proxy else first
    value = max(first, second)
    node = anchor
    if second >= first and own and worker:
        node = worker[1]
    elif second >= first and proxy:
        node = proxy[-1]
    elif client:
        node = client[-1]
    written = bool(client or proxy or own)
    kind = "written" if written and not (node is anchor and not own) else "default"
    return Fact(
        "idle", kind, node.line, node.file, {"time": shown_time(value)}, value, unless if kind == "default" else ""
    )


def _others(lines: list[Node], scope: Node, places: list[Node], request: Request, anchor: Node) -> list[Fact]:
    found: list[Fact] = []
    for node in lines:
        name, value = node.words[0], node.words[1] if len(node.words) > 1 else ""
        if name == "setenv" and value.lower() == "force-proxy-request-1.0":
            found.append(Fact("http", "1.0", node.line, node.file, {"target": "the server", "value": value}))
        if name == "limitrequestfieldsize" and size(value) >= 0:
            found.append(Fact("header-size", "limited", node.line, node.file, {"size": f"{value} bytes"}, size(value)))
        if name == "maxrequestworkers" and re.search(r"^\d+$", value):
            found.append(Fact("connections", "limited", node.line, node.file, {"count": value}, float(value)))
    protected = [node for node in [*places, scope] if any(each.words[0] == "authtype" for each in node.children)]
    if protected:
        page = [node for node in protected if node is scope or matching(node, "/")]
        line = next(each for each in protected[0].children if each.words[0] == "authtype")
        if len(line.words) > 1 and line.words[1].lower() in ["basic", "digest"]:
            found.append(Fact("password", "everywhere" if page else "socket", line.line, line.file))
    del request, anchor
    return found
