"""Find out where nginx sends each WebSocket, with which headers and timeouts."""

from __future__ import annotations

import re

from .includes import with_includes
from .nginx_facts import facts_of, limits_get
from .nginx_path import State, example_of, find_location, location_name, locations
from .nginx_read import read
from .nginx_rewrite import error_page, rewrites
from .nginx_syntax import flaws
from .text import VALUE, seconds, shown_time
from .tree import ADDRESSES, GAP, Fact, Model, Node, Options, Route

__all__ = ["model", "read"]

TITLES = {"nginx": "nginx"}
"""What people call the proxies that this module reads."""


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("nginx")
    tree = with_includes(tree, options, found, [])
    state = State("", tree)
    levels = [tree, *[node for node in tree.children if node.words[0] == "http" and node.block]]
    state.maps = [node for level in levels for node in level.children if node.words[0] == "map" and node.block]
    state.defined = _defined(tree)
    state.by_connection = _reads_connection(tree)
    state.whole = len(levels) > 1 and not found.missing and not _gaps(levels)
    problems = flaws(tree, state)
    _add_servers(tree, levels, state, options, found)
    if options.server == "any" and any(_tries(route) for route in found.routes):
        found.routes = [route for route in found.routes if _tries(route)]
    for node in _streams(tree):
        found.routes.append(_stream_route(node))
    if problems and not found.routes:
        found.routes.append(Route("nginx", "the configuration", "", tree.file, problems[0].line))
    if problems:
        found.routes[0].facts = problems + found.routes[0].facts
    return found


def _tries(route: Route) -> bool:
    """Return whether a route is meant for WebSocket: lines that set Upgrade are near."""
    return any(fact.key == "upgrade" and fact.value != "lost" for fact in route.facts)


def _gaps(nodes: list[Node]) -> list[str]:
    return [each.words[1] for node in nodes for each in node.children if each.words[0] == GAP]


def _reads_connection(node: Node) -> bool:
    """Return whether a map or a condition reads Connection."""
    return any(
        (each.words[0] in ["map", "if"] and "$http_connection" in " ".join(each.words)) or _reads_connection(each)
        for each in node.children
    )


DEFINES = r"^(?:js_|opentelemetry|otel|encrypted|user_agent|keyval)"
"""Names of other directives that define variables."""


def _defined(node: Node) -> list[str]:
    """Return the names of all variables that the configuration defines."""
    found: list[str] = []
    for each in node.children:
        names = [word[1:] for word in each.words if word.startswith("$")]
        if each.words[0] in ["map", "geo", "split_clients"]:
            found += names[-1:]
        elif re.search(r"^\$|^set|_set$", each.words[0]):
            found += names[:1]
        elif re.search(DEFINES, each.words[0]):
            found += names
        if each.words[0] in ["location", "server_name", "if", "rewrite"]:
            found += re.findall(r"\(\?P?[<'](\w+)[>']", " ".join(each.words))
        found += _defined(each)
    return found


def _add_servers(tree: Node, levels: list[Node], state: State, options: Options, found: Model) -> None:
    servers = [node for level in levels for node in level.children if node.words[0] == "server" and node.block]
    if not servers:
        loose = [node for node in tree.children if node.words[0] not in ["map", "upstream", "geo", "http"]]
        if any(node.words[0].startswith(("proxy_", "location", "rewrite", "if")) for node in loose):
            servers = [tree]
    for server in [each for each in servers if _own_addresses(each)] or servers:
        above = [level for level in levels if server in level.children]
        base = levels[:1] if not above or above[0] is levels[0] else [levels[0], above[0]]
        _add_routes(server, [] if server is tree else base, state, options, found)


def _add_routes(server: Node, above: list[Node], state: State, options: Options, found: Model) -> None:
    """Add the routes of one server."""
    own = _own_addresses(server)
    taken: list[Route] = []
    for address in ADDRESSES if options.server == "dss" else []:
        route = _route(server, above, state, address)
        if route:
            taken.append(route)
    answers = [fact for route in taken for fact in route.facts if fact.key == "answer"]
    if len(answers) == len(taken) and not any("for" in fact.text for fact in answers):
        others = [route for route in [_route(server, above, state, address) for address in own] if route]
        working = [route for route in others if any(f.key == "upgrade" and f.value != "lost" for f in route.facts)]
        general = [route for route in others if not any(f.key == "answer" for f in route.facts)]
        refused = [route for route in taken or others[:1] if any(f.value == "status" for f in route.facts)]
        taken = working or general[:1] or (refused if others else [])
    found.routes += taken


def _own_addresses(server: Node) -> list[str]:
    """Return an address for each proxied location, the most general first."""
    found: list[str] = []
    for node in locations(server):
        kind, name = location_name(node)
        if kind in ["~", "~*"]:
            name = example_of(name)
        if kind != "@" and _proxied(node):
            found.append(name if kind == "=" or not name.endswith("/") else name + "socket")
        found += [each for each in _own_addresses(node) if each]
    if not found and _proxied(server):
        found = ["/socket"]
    return sorted(found, key=len)


def _proxied(node: Node) -> bool:
    return any(each.words[0] == "proxy_pass" or (each.words[0] == "if" and _proxied(each)) for each in node.children)


def _route(server: Node, above: list[Node], base: State, address: str) -> Route | None:
    """Return the route of an address, or None if it is not for a server."""
    if not address:
        return None
    state = _state(server, base, address)
    answer, chain = _walk(server, state)
    where = _where(server, chain, state)
    route = Route("nginx", where, address, server.file, (chain[-1] if chain else server).line)
    if answer:
        to_https = answer.value == "redirect" and answer.text["to"].startswith("https://") and state.scheme == "http"
        route.facts = [answer]
        return None if to_https or not _own_addresses(server) else route
    levels = [*above, server, *chain]
    passes = [node for level in levels for node in level.children if node.words[0] == "proxy_pass"]
    last = chain[-1] if chain else server
    pass_node = next((node for node in reversed(passes) if node in last.children), None)
    if not pass_node and chain and last.words[0] == "if":
        pass_node = next((node for node in reversed(passes) if len(chain) > 1 and node in chain[-2].children), None)
    other = [node for node in last.children if node.words[0] == "grpc_pass"]
    if not pass_node and other:
        route.facts = [Fact("target", "grpc", other[0].line, other[0].file)]
        return route
    if not pass_node and _has_no_target(server, chain):
        route.facts = [Fact("answer", "file", last.line, last.file, {"name": " ".join(last.words)})]
        return route
    if not pass_node and not _is_snippet(last):
        return None
    plain = _state(server, base, address)
    plain.plain = True
    _walk(server, plain)
    route.facts = facts_of(levels, pass_node, state, plain) + state.extra + _from_front(server)
    if base.by_connection:
        route.facts += _in_firefox(server, above, base, address, route.facts)
    route.line = pass_node.line if pass_node else route.line
    return route


PLAIN = r"^(?:proxy_|add_header|alias|root|index|autoindex|expires|access_log|error_log|client_|gzip|limit_|location)"
"""Directives of a location that leave it to other lines what nginx responds."""


def _has_no_target(server: Node, chain: list[Node]) -> bool:
    """Return whether a location for a WebSocket of DSS has no proxy_pass.

    It is False if a line may respond in another way.
    """
    if not chain or chain[-1].words[0] != "location" or not _own_addresses(server):
        return False
    if any(error_page(code, [*reversed(chain), server]) for code in ["403", "404", "405"]):
        return False
    known = all(re.search(PLAIN, each.words[0]) and not each.maybe for each in chain[-1].children)
    return known and bool(re.search(r"\b(?:dip|jupyter|websocket|channels)\b", " ".join(chain[-1].words)))


def _from_front(server: Node) -> list[Fact]:
    """Return a fact if every connection must begin with the PROXY protocol."""
    listens = [node for node in server.children if node.words[0] == "listen"]
    if not listens or any("proxy_protocol" not in node.words or node.maybe for node in listens):
        return []
    return [Fact("front", "needs-proxy-protocol", listens[0].line, listens[0].file)]


def _in_firefox(server: Node, above: list[Node], base: State, address: str, facts: list[Fact]) -> list[Fact]:
    """Return a fact if a WebSocket opens, but not in Firefox."""
    state = _state(server, base, address)
    state.firefox = True
    _, chain = _walk(server, state)
    target = next(
        (node for level in [*chain, server] for node in level.children if node.words[0] == "proxy_pass"), None
    )
    others = facts_of([*above, server, *chain], target, state, state)
    good = [fact for fact in facts if fact.key == "connection" and fact.value == "forwarded" and not fact.unless]
    bad = [
        fact for fact in others if fact.key in ["upgrade", "connection"] and fact.value not in ["forwarded", "unknown"]
    ]
    return [Fact("browser", "firefox", bad[0].line, bad[0].file, {})] if good and bad else []


def _is_snippet(node: Node) -> bool:
    """Return whether a text has lines for a location, but no proxy_pass."""
    return (
        node.words[0] == "main"
        and not locations(node)
        and any(
            each.words[0] in ["proxy_set_header", "proxy_http_version", "proxy_read_timeout"] for each in node.children
        )
    )


def _state(server: Node, base: State, address: str) -> State:
    state = State(address, base.tree, server)
    state.maps, state.defined, state.whole, state.sent_path = base.maps, base.defined, base.whole, address
    listens = [node for node in server.children if node.words[0] == "listen" and len(node.words) > 1]
    on = [node for node in server.children if node.words[0] == "ssl" and node.words[1:] == ["on"]]
    secure = [node for node in listens if "ssl" in node.words or "quic" in node.words]
    state.scheme = "https" if secure or on else "http"
    for node in (secure or listens)[:1]:
        found = re.search(r"(?:^|:)(\d+)$", node.words[1])
        state.port = found[1] if found else "" if "$" in node.words[1] or VALUE in node.words[1] else "80"
    names = [word for node in server.children if node.words[0] == "server_name" for word in node.words[1:]]
    state.name = names[0] if len(names) == 1 and re.search(r"^[\w.-]+\.[\w-]+$", names[0]) else ""
    return state


def _where(server: Node, chain: list[Node], state: State) -> str:
    place = " ".join(chain[-1].words).replace(VALUE, "…") if chain else ""
    if chain and chain[-1].words[0] == "if" and len(chain) > 1:
        place = " ".join(chain[-2].words) + ", " + place
    if server.words[0] != "server":
        return place or "these lines"
    names = [word for node in server.children if node.words[0] == "server_name" for word in node.words[1:2]]
    named = f" {names[0]}" if names and names[0] not in ["_", ""] else ""
    whole = f"the server{named}{' on ' + state.port if state.port else ''}".replace(VALUE, "…")
    return f"{place} of {whole}" if place else whole


def _walk(server: Node, state: State) -> tuple[Fact | None, list[Node]]:
    """Return what nginx responds itself, and the blocks that apply to the path."""
    answer, chosen = rewrites(server, state, [])
    if answer:
        return answer, []
    outside = not state.jump and state.path == state.sent_path
    for _ in range(10):
        if state.jump.startswith("@"):
            return None, _named(server, state.jump)
        before = state.path
        chain, redirect = find_location(locations(server), state.jump or state.path)
        state.jump = ""
        if redirect:
            text = {"to": state.path + "/"}
            return Fact("answer", "redirect", chain[-1].line, chain[-1].file, text), chain
        if not chain:
            return None, chosen
        answer, chosen = rewrites(chain[-1], state, [*reversed(chain[:-1]), server])
        limits = [each for each in chain[-1].children if limits_get(each)]
        http = [each for each in state.tree.children if each.words[0] == "http"]
        answer = answer or (None if state.jump else _denied([*limits, *reversed(chain), server, *http]))
        answer = _hidden(chain[-1]) if outside and _hidden(chain[-1]) else answer
        outside = False
        if answer and answer.value == "status":
            state.jump = error_page(answer.text["code"], [*reversed(chain), server, *http])
            answer = None if state.jump else answer
        if answer:
            if re.search(r"\b(?:dip|jupyter|websocket|channels)\b", " ".join(chain[-1].words)):
                answer.text["for"] = "WebSocket"
            return answer, chain
        if state.jump:
            continue
        moved = _tried(server, chain[-1], state)
        if moved:
            return None, moved
        if state.path == before or "⟨stay⟩" in state.variables:
            return None, [*chain, *chosen]
    return None, []


def _denied(levels: list[Node]) -> Fact | None:
    """Return the status 403 of a block that denies everyone."""
    words = [each.words for level in levels for each in level.children]
    if ["satisfy", "any"] in words and any(each[0].startswith("auth_") for each in words):
        return None
    for level in levels:
        lines = [each for each in level.children if each.words[0] in ["allow", "deny"] and len(each.words) > 1]
        if lines:
            first = lines[0]
            everyone = first.words[0] == "deny" and first.words[1] == "all" and not first.maybe
            return Fact("answer", "status", first.line, first.file, {"code": "403", "to": ""}) if everyone else None
    return None


def _hidden(node: Node) -> Fact | None:
    """Return the status 404 of a location that is only for redirects inside nginx."""
    for each in node.children:
        if each.words == ["internal"] and not each.maybe:
            return Fact("answer", "status", each.line, each.file, {"code": "404", "to": ""})
    return None


def _named(server: Node, name: str) -> list[Node]:
    return [each for each in locations(server) if location_name(each) == ("@", name)][:1]


def _tried(server: Node, node: Node, state: State) -> list[Node]:
    """Return the location to which try_files sends what is not a file."""
    for name in [each.words[-1] for each in node.children if each.words[0] == "try_files" and not each.maybe]:
        if name.startswith("@"):
            return _named(server, name)
        if name.startswith("/") and "$" not in name and not _proxied(node):
            state.path = name.split("?")[0]
    return []


def _streams(tree: Node) -> list[Node]:
    blocks = [node for node in tree.children if node.words[0] == "stream" and node.block]
    return [node for block in blocks for node in block.children if node.words[0] == "server" and _proxied(node)]


def _stream_route(node: Node) -> Route:
    from_port = [each.words[1] for each in node.children if each.words[0] == "listen" and len(each.words) > 1]
    route = Route("nginx", f"the stream server on {''.join(from_port[:1])}", "every connection", node.file, node.line)
    route.facts = [Fact("upgrade", "forwarded", node.line, node.file, {}), *stream_idle(node)]
    return route


def stream_idle(node: Node) -> list[Fact]:
    """Return the idle timeout of a server of a stream block."""
    for each in node.children:
        if each.words[0] == "proxy_timeout" and len(each.words) > 1:
            value = seconds(each.words[1], "s")
            if value >= 0:
                return [Fact("idle", "written", each.line, each.file, {"time": shown_time(value)}, value)]
    return [Fact("idle", "default", node.line, node.file, {"time": "10 min"}, 600.0)]
