"""Find out where HAProxy sends each WebSocket, with which headers and timeouts."""

from __future__ import annotations

import re

from .haproxy_acl import Request, holds
from .haproxy_read import read
from .haproxy_rules import Sent, conditions, run_rules, sent_facts
from .text import VALUE, seconds, shown_time, size
from .tree import ADDRESSES, GAP, Fact, Model, Node, Options, Route

__all__ = ["model", "read"]

TITLES = {"haproxy": "HAProxy"}
"""What people call the proxies that this module reads."""

REMOVED_OPTIONS: dict[str, str] = {"forceclose": "2.6", "http-tunnel": "2.1"}
"""Options with which newer versions do not start, and a version that does not."""

REMOVED = [
    "reqrep",
    "reqirep",
    "reqdel",
    "reqidel",
    "reqadd",
    "reqiadd",
    "rspdel",
    "rspidel",
    "rspadd",
    "rsprep",
    "block",
]


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("haproxy")
    sections = [node for node in tree.children if node.block]
    loose = [node for node in tree.children if not node.block and node.words[0] != GAP]
    if loose and not any(node.words[0] in ["frontend", "listen", "backend"] for node in sections):
        sections = [*sections, Node(["listen", ""], loose[0].line, tree.file, block=True, children=loose)]
    fronts = [node for node in sections if node.words[0] in ["frontend", "listen"]]
    used: list[str] = []
    for front in fronts:
        for address in ADDRESSES if options.server == "dss" else ["/socket"]:
            for back in _backends(front, sections, address):
                used.append(back.words[1] if len(back.words) > 1 else "")
                route = _route(front, back, sections, address)
                if route:
                    found.routes.append(route)
    for back in [node for node in sections if node.words[0] == "backend"]:
        if not fronts and _servers(back):
            found.routes += [each for each in [_route(back, back, sections, address) for address in ADDRESSES] if each]
    _add_global(sections, found)
    return found


def _add_global(sections: list[Node], found: Model) -> None:
    """Add the facts about the whole process to the first route."""
    facts: list[Fact] = []
    for section in sections:
        for node in section.children:
            name, value = node.words[0], node.words[1] if len(node.words) > 1 else ""
            if name == "tune.bufsize" and size(value) >= 0:
                number = size(value) - 1024
                facts.append(
                    Fact("header-size", "limited", node.line, node.file, {"size": f"{round(number)} bytes"}, number)
                )
            if name == "hard-stop-after" and seconds(value, "ms") >= 0:
                number = seconds(value, "ms")
                facts.append(Fact("reload", "limited", node.line, node.file, {"time": shown_time(number)}, number))
            if name == "maxconn" and re.search(r"^\d+$", value):
                facts.append(Fact("connections", "limited", node.line, node.file, {"count": value}, float(value)))
            if name == "option" and value in REMOVED_OPTIONS:
                text = {"name": f"option {value}", "version": REMOVED_OPTIONS[value], "instead": "remove this line"}
                facts.append(Fact("loads", "removed", node.line, node.file, text))
            if name in REMOVED:
                text = {"name": name, "version": "2.1", "instead": "use http-request or http-response"}
                facts.append(Fact("loads", "removed", node.line, node.file, text))
    if found.routes:
        found.routes[0].facts += facts


def _backends(front: Node, sections: list[Node], address: str) -> list[Node]:
    """Return the backends to which requests for an address may go."""
    request = request_of(front, address)
    stopped = Sent("")
    run_rules(front.children, request, request_of(front, "/"), stopped)
    if any(fact.key == "answer" for fact in stopped.facts):
        request = request_of(front, address)
    found: list[Node] = []
    for node in front.children:
        if node.words[0] == "use_backend" and len(node.words) > 1:
            result = holds(conditions(node.words[2:]), request)
            if result is not False:
                found += _named(node.words[1], sections)
            if result:
                return found
    for node in front.children:
        if node.words[0] == "default_backend" and len(node.words) > 1:
            found += _named(node.words[1], sections)
    defaults = _defaults(front, sections)
    if not found and _servers(front):
        return [front]
    if not found and defaults:
        for node in defaults.children:
            if node.words[0] == "default_backend" and len(node.words) > 1:
                found += _named(node.words[1], sections)
    return [*found, *([front] if found and _servers(front) else [])]


def request_of(front: Node, address: str) -> Request:
    """Return the request of a browser at a frontend."""
    request = Request(address)
    request.secure = any(node.words[0] == "bind" and "ssl" in node.words for node in front.children)
    request.acls = [node for node in front.children if node.words[0] == "acl" and len(node.words) > 2]
    request.headers = {"upgrade": ["websocket"], "connection": ["Upgrade"], "sec-websocket-key": ["key"], "host": ["?"]}
    request.headers["sec-websocket-version"] = ["13"]
    request.headers["origin"] = ["?"]
    return request


def _named(name: str, sections: list[Node]) -> list[Node]:
    named = [node for node in sections if node.words[0] in ["backend", "listen"] and node.words[1:2] == [name]]
    return named or ([node for node in sections if node.words[0] == "backend"] if "%[" in name or VALUE in name else [])


def _servers(section: Node) -> list[Node]:
    return [node for node in section.children if node.words[0] in ["server", "server-template"] and len(node.words) > 2]


def _defaults(section: Node, sections: list[Node]) -> Node | None:
    """Return the defaults of a section: the named ones, or the last ones above."""
    found: Node | None = None
    for node in sections:
        if node is section:
            break
        if node.words[0] == "defaults":
            if "from" in section.words and node.words[1:2] == section.words[-1:]:
                return node
            found = node
    return found


def setting(names: list[str], section: Node, sections: list[Node]) -> Node | None:
    """Return the line of a section, or of its defaults, with these first words."""
    defaults = _defaults(section, sections)
    for place in [section, *([defaults] if defaults else [])]:
        lines = [node for node in place.children if node.words[: len(names)] == names and len(node.words) > len(names)]
        if lines:
            return lines[-1]
    return None


def _route(front: Node, back: Node, sections: list[Node], address: str) -> Route | None:
    """Return the route through two sections, or None if it only leads to HTTPS."""
    where = " ".join(back.words[:2]).strip()
    if front is not back:
        where = f"{' '.join(front.words[:2])} to {where}"
    servers = _servers(back)
    anchor = servers[0] if servers else back
    route = Route("haproxy", where or "these lines", address, back.file, anchor.line)
    mode = setting(["mode"], back, sections)
    request = request_of(front, address)
    sent = Sent(servers[0].words[2].replace(VALUE, "…") if servers else "the server")
    if not (mode and mode.words[1] == "tcp"):
        request.acls = [
            node for node in [*front.children, *back.children] if node.words[0] == "acl" and len(node.words) > 2
        ]
        plain = request_of(front, "/")
        plain.plain = True
        plain.acls = request.acls
        plain.headers["upgrade"], plain.headers["connection"] = [], ["keep-alive"]
        for section in [front] if front is back else [front, back]:
            if run_rules(section.children, request, plain, sent):
                return None
            if any(fact.key == "answer" for fact in sent.facts):
                break
        monitor = [node for node in front.children if node.words == ["monitor-uri", address]]
        if monitor:
            sent.facts.insert(0, Fact("answer", "status", monitor[0].line, monitor[0].file, {"code": "200"}))
    route.facts = sent_facts(sent, request, anchor)
    route.facts.append(_idle(front, back, sections, anchor))
    route.facts += _limits(servers) + _from_front(front, servers, sent.target)
    for node in front.children:
        if (
            node.words[0] == "bind"
            and re.search(r":443$", " ".join(node.words[1:2]))
            and "ssl" not in node.words
            and not _is_tcp(mode)
        ):
            route.facts.append(Fact("tls", "missing", node.line, node.file, {}))
    for node in servers:
        if (
            "proto" in node.words
            and node.words[node.words.index("proto") + 1 :][:1] == ["h2"]
            and "ws" not in node.words
        ) or "ws h2" in " ".join(node.words):
            route.facts.append(Fact("http", "h2-server", node.line, node.file, {"target": sent.target}))
    return route


def _from_front(front: Node, servers: list[Node], target: str) -> list[Fact]:
    """Return facts about the PROXY protocol, in front of HAProxy and behind."""
    binds = [node for node in front.children if node.words[0] == "bind"]
    found: list[Fact] = []
    if binds and not any("accept-proxy" not in node.words or node.maybe for node in binds):
        found.append(Fact("front", "needs-proxy-protocol", binds[0].line, binds[0].file))
    for node in servers:
        if any(word in ["send-proxy", "send-proxy-v2"] for word in node.words) and not node.maybe:
            found.append(Fact("target", "proxy-protocol", node.line, node.file, {"target": target}))
    return found


def _is_tcp(mode: Node | None) -> bool:
    return bool(mode and mode.words[1] == "tcp")


def _idle(front: Node, back: Node, sections: list[Node], anchor: Node) -> Fact:
    """Return the idle timeout: that of the tunnel, or the shorter other one."""
    tunnel = setting(["timeout", "tunnel"], back, sections)
    client = setting(["timeout", "client"], front, sections) if front.words[0] != "backend" else None
    server = setting(["timeout", "server"], back, sections)
    lines = [tunnel] if tunnel else [node for node in [client, server] if node]
    known = [(seconds(" ".join(node.words[2:3]), "ms"), node) for node in lines if node]
    usable = [pair for pair in known if pair[0] > 0]
    if not tunnel and not client and not any(node.words[0] == "defaults" for node in sections):
        return Fact("idle", "elsewhere", anchor.line, anchor.file, {"time": "50 s"}, 50.0)
    if not usable:
        return Fact("idle", "none", anchor.line, anchor.file, {"time": "ever"}, 1e9)
    value, node = usable[0] if len(usable) < 2 or usable[0][0] <= usable[1][0] else usable[1]
    bare = re.search(r"^\d+$", node.words[2]) and value < 10
    text = {"time": shown_time(value), "value": " ".join(node.words[:3])}
    return Fact(
        "idle", "bare" if bare else "written", node.line, node.file, text, value, "a template" if node.maybe else ""
    )


def _limits(servers: list[Node]) -> list[Fact]:
    found: list[Fact] = []
    for node in servers:
        place = node.words.index("maxconn") if "maxconn" in node.words else -1
        value = node.words[place + 1] if 0 <= place < len(node.words) - 1 else ""
        if re.search(r"^\d+$", value):
            found.append(Fact("connections", "limited", node.line, node.file, {"count": value}, float(value)))
    return found
