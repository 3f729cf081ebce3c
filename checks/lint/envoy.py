"""Find out what Envoy, Istio and ingress-nginx do with a WebSocket."""

from __future__ import annotations

import re

from .patterns import compiled
from .policy import blocks_sockets
from .text import seconds, shown_time
from .tree import ADDRESSES, Fact, Model, Node, Options, Route
from .yaml_read import child, read, value, walk

__all__ = ["model", "read"]

TITLES = {"envoy": "Envoy", "ingress": "Kubernetes Ingress", "istio": "Istio"}
"""What people call the proxies that this module reads."""

NO_SUCH = r"^nginx\.ingress\.kubernetes\.io/(?:enable-|use-)?(?:proxy-)?web-?sockets?(?:-services|-enabled|-support)?$"
"""Annotations that ingress-nginx does not have."""


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("envoy")
    managers = [node for node in walk(tree) if _is_manager(node)]
    for manager in managers:
        for address in ADDRESSES if options.server == "dss" else ["/socket"]:
            found.routes += _routes(manager, tree, address)
    for document in tree.children:
        kind = value(document, "kind")
        if kind == "Ingress":
            found.routes.append(_ingress(document))
        elif kind in {"VirtualService", "HTTPRoute", "DestinationRule"}:
            found.routes.append(_mesh(document, kind))
    return found


def _is_manager(node: Node) -> bool:
    return value(node, "@type").endswith("HttpConnectionManager") or (
        child(node, "stat_prefix") is not None and child(node, "route_config") is not None
    )


def _children(node: Node | None) -> list[Node]:
    return node.children if node else []


def _websocket(node: Node | None) -> Node | None:
    """Return the line that allows or forbids WebSocket among upgrade_configs."""
    for each in _children(child(node, "upgrade_configs")):
        if value(each, "upgrade_type").lower() == "websocket":
            return child(each, "upgrade_type")
        if len(each.words) > 1 and each.words[0] == "upgrade_type" and each.words[1].lower() == "websocket":
            return each
    return None


def _routes(manager: Node, tree: Node, path: str) -> list[Route]:
    """Return a route for each virtual host of a connection manager."""
    found = []
    hosts = _children(child(manager, "route_config", "virtual_hosts"))
    if not hosts:
        route = Route("envoy", f"listener {value(manager, 'stat_prefix')}", path, manager.file, manager.line)
        kind = "forwarded" if _websocket(manager) else "unknown"
        route.facts = [
            Fact(
                "upgrade",
                kind,
                manager.line,
                manager.file,
                {},
                0.0,
                "" if kind == "forwarded" else "routes that are not in this file",
            )
        ]
        return [route]
    for host in hosts:
        sure, maybe = [], []
        for each in _children(child(host, "routes")):
            matched = _headers_match(child(each, "match")) if _takes(child(each, "match"), path) else False
            own = [one for one in [_route(manager, host, each, tree, path)] if one]
            if matched:
                sure = own
                break
            maybe += own if matched is None else []
        found += sure or maybe
    return found


def _takes(match: Node | None, path: str) -> bool:
    exact, prefix, pattern = value(match, "path"), value(match, "prefix"), value(match, "safe_regex", "regex")
    if exact:
        return exact == path
    if pattern:
        try:
            return bool(re.fullmatch(pattern, path))
        except re.error:
            return False
    return path.startswith(prefix or "/") and not child(match, "connect_matcher")


HANDSHAKE = {":method": "GET", "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
"""What a browser sends with a WebSocket."""


def _headers_match(match: Node | None) -> bool | None:
    """Return whether the headers of a WebSocket fit a match, or None if unknown."""
    results: list[bool | None] = []
    for each in _children(child(match, "headers")):
        name = value(each, "name").lower()
        text = child(each, "string_match") or each
        present = value(each, "present_match")
        wanted = value(text, "exact") or value(text, "exact_match")
        known = HANDSHAKE.get(name)
        result: bool | None = None
        if known is not None and present:
            result = present == "true"
        elif known is not None and wanted:
            same = value(text, "ignore_case") == "true"
            result = known.lower() == wanted.lower() if same else known == wanted
        inverted = value(each, "invert_match") == "true"
        results.append(result if result is None or not inverted else not result)
    return False if False in results else None if None in results else True


def _route(manager: Node, host: Node, node: Node, tree: Node, path: str) -> Route | None:
    route = Route("envoy", f"virtual host {value(host, 'name')}", path, node.file, node.line)
    action = child(node, "route")
    redirect = child(node, "redirect")
    if redirect:
        if value(redirect, "https_redirect"):
            return None
        to = value(redirect, "path_redirect") or value(redirect, "host_redirect") or "another URL"
        route.facts = [Fact("answer", "redirect", redirect.line, redirect.file, {"to": to})]
        return route
    if child(node, "direct_response"):
        code = value(node, "direct_response", "status")
        route.facts = [Fact("answer", "status", node.line, node.file, {"code": code})]
        return route
    cluster = value(action, "cluster")
    where = {"target": cluster or "the server"}
    own, allowed = _websocket(action), _websocket(manager)
    line = own or allowed
    place = action if own else manager
    denied = any(
        value(each, "enabled") == "false" and value(each, "upgrade_type").lower() == "websocket"
        for each in _children(child(place, "upgrade_configs"))
    )
    kind = "disabled" if denied else "forwarded" if line else "denied"
    anchor = line or manager
    route.facts = [Fact("upgrade", kind, anchor.line, anchor.file, where)]
    route.facts += [*_manager(manager), *_action(action, where, node), *_changed(manager, host, node, where)]
    route.facts += _moved(action, child(node, "match"), path)
    route.facts += _cluster(tree, cluster, where)
    return route


def _manager(manager: Node) -> list[Fact]:
    """Return the facts that a connection manager has for all its routes."""
    found: list[Fact] = []
    idle = child(manager, "stream_idle_timeout")
    if idle and len(idle.words) > 1 and seconds(idle.words[1], "s") > 0:
        number = seconds(idle.words[1], "s")
        text = {"time": shown_time(number), "setting": idle.words[0]}
        found.append(Fact("idle", "written", idle.line, idle.file, text, number))
    for limit in [
        child(manager, "common_http_protocol_options", "max_stream_duration"),
        child(manager, "max_stream_duration"),
    ]:
        if limit and len(limit.words) > 1 and seconds(limit.words[1], "s") > 0:
            text = {"time": shown_time(seconds(limit.words[1], "s"))}
            found.append(Fact("lifetime", "limited", limit.line, limit.file, text))
    size = child(manager, "max_request_headers_kb")
    if size and size.words[-1].isdigit():
        found.append(
            Fact(
                "header-size",
                "limited",
                size.line,
                size.file,
                {"size": f"{size.words[-1]} KB"},
                float(size.words[-1]) * 1024,
            )
        )
    own_filters = any(child(each, "filters") for each in _children(child(manager, "upgrade_configs")))
    for each in _children(child(manager, "http_filters")):
        if value(each, "typed_config", "@type").endswith(".Buffer") and not own_filters:
            found.append(Fact("buffer", "request", each.line, each.file))
    connect = child(manager, "http2_protocol_options", "allow_connect")
    if connect and connect.words[-1] == "true":
        found.append(Fact("http2", "offered", connect.line, connect.file))
    return found


def _action(action: Node | None, where: dict[str, str], node: Node) -> list[Fact]:
    found: list[Fact] = []
    for name, kind in (("host_rewrite_literal", "fixed"), ("auto_host_rewrite", "lost"), ("host_rewrite", "fixed")):
        line = child(action, name)
        if line and line.words[-1] != "false":
            found.append(Fact("host", kind, line.line, line.file, {"value": line.words[-1], **where}))
    if not found:
        found.append(Fact("host", "kept", node.line, node.file))
    idle = child(action, "idle_timeout")
    if idle and len(idle.words) > 1 and seconds(idle.words[1], "s") > 0:
        number = seconds(idle.words[1], "s")
        text = {"time": shown_time(number), "setting": idle.words[0]}
        found.append(Fact("idle", "written", idle.line, idle.file, text, number))
    return found


def _moved(action: Node | None, match: Node | None, path: str) -> list[Fact]:
    """Return a fact if the route changes the path."""
    line = child(action, "prefix_rewrite") or child(action, "regex_rewrite")
    if not line:
        return []
    sent = path
    prefix = value(match, "prefix") or value(match, "path")
    if line.words[0] == "prefix_rewrite" and prefix and path.startswith(prefix):
        sent = line.words[-1] + path[len(prefix) :]
    pattern = compiled(value(line, "pattern", "regex"), ignore_case=False) if line.children else None
    if pattern:
        sent = pattern.sub(value(line, "substitution"), path)
    return [Fact("path", "changed", line.line, line.file, {"from": path, "to": sent})] if sent != path else []


def _changed(manager: Node, host: Node, node: Node, where: dict[str, str]) -> list[Fact]:
    """Return facts about headers that are added or removed."""
    found: list[Fact] = []
    for place in (child(manager, "route_config"), host, node):
        for each in _children(child(place, "response_headers_to_remove")):
            if each.words[-1].lower() in {"upgrade", "connection", "sec-websocket-accept"}:
                found.append(Fact("response", "hidden", each.line, each.file, {"header": each.words[-1]}))
        for each in _children(child(place, "request_headers_to_remove")):
            if each.words[-1].lower() in {"upgrade", "connection"}:
                found.append(Fact("upgrade", "removed", each.line, each.file, where))
            if each.words[-1].lower().startswith("sec-websocket-") and each.words[-1].lower().endswith(
                ("key", "version")
            ):
                found.append(Fact("key", "dropped", each.line, each.file, {"header": each.words[-1], **where}))
        for each in _added(place, "request_headers_to_add"):
            header = value(each, "header", "key")
            found += _request_header(each, header, value(each, "header", "value"), where)
        for each in _added(place, "response_headers_to_add"):
            text = value(each, "header", "value")
            if value(each, "header", "key").lower() == "content-security-policy" and blocks_sockets(text):
                line = child(each, "header") or each
                found.append(Fact("policy", "blocks", line.line, line.file, {"value": text}))
    return found


def _added(place: Node | None, name: str) -> list[Node]:
    """Return the headers that a place adds: a list of them, or one."""
    own = child(place, name)
    return [own] if own and child(own, "header") else _children(own)


def _request_header(node: Node, name: str, text: str, where: dict[str, str]) -> list[Fact]:
    """Return what an added request header does to the handshake."""
    action = value(node, "append_action")
    line = child(node, "header") or node
    if action == "ADD_IF_ABSENT" or "%" in text:
        return []
    if name.lower() == "upgrade" and not (action.startswith("OVERWRITE") and text.lower() == "websocket"):
        kind = "wrong" if action.startswith("OVERWRITE") else "twice"
        return [Fact("upgrade", kind, line.line, line.file, {"value": text, **where})]
    if name.lower() in {"sec-websocket-key", "sec-websocket-version"}:
        if not (action.startswith("OVERWRITE") and text == "13"):
            return [Fact("key", "fixed", line.line, line.file, {"header": name, **where})]
    return []


def _cluster(tree: Node, name: str, where: dict[str, str]) -> list[Fact]:
    found: list[Fact] = []
    for node in walk(tree):
        if value(node, "name") != name or not name or not (child(node, "load_assignment") or child(node, "type")):
            continue
        for each in walk(node):
            if each.words[0] == "http2_protocol_options" and value(each, "allow_connect") != "true":
                found.append(Fact("http", "h2-server", each.line, each.file, where))
            if each.words[0] in {"max_requests", "max_connections"} and each.words[-1].isdigit():
                found.append(
                    Fact(
                        "connections", "limited", each.line, each.file, {"count": each.words[-1]}, float(each.words[-1])
                    )
                )
    return found


def _ingress(document: Node) -> Route:
    """Return the route of an Ingress, if ingress-nginx reads it."""
    notes = _children(child(document, "metadata", "annotations"))
    route = Route(
        "ingress", f"Ingress {value(document, 'metadata', 'name')}".strip(), "/", document.file, document.line
    )
    known = [each for each in notes if each.words[0].startswith("nginx.ingress.kubernetes.io/")]
    named = value(document, "spec", "ingressClassName") or value(
        document, "metadata", "annotations", "kubernetes.io/ingress.class"
    )
    anchor = next(iter(known), document)
    if not known and "nginx" not in named:
        route.facts = [Fact("upgrade", "unknown", document.line, document.file, {}, 0.0, "which controller reads it")]
        return route
    route.facts = [Fact("upgrade", "forwarded", anchor.line, anchor.file)]
    route.seen = ["ingress-nginx forwards Upgrade by default; it was not tested here."]
    read_timeout = next(
        (each for each in known if each.words[0].endswith("/proxy-read-timeout") and len(each.words) > 1), None
    )
    number = seconds(read_timeout.words[1], "s") if read_timeout else 60.0
    line = read_timeout or anchor
    route.facts.append(
        Fact(
            "idle",
            "written" if read_timeout else "default",
            line.line,
            line.file,
            {"time": shown_time(number)},
            number,
            "" if number >= 0 else "a template",
        )
    )
    for each in known:
        if re.match(NO_SUCH, each.words[0].lower()):
            route.facts.append(Fact("annotation", "unknown", each.line, each.file, {"name": each.words[0]}))
        if each.words[0].endswith("/backend-protocol") and each.words[-1].upper() in {"GRPC", "GRPCS"}:
            text = {"value": f"backend-protocol: {each.words[-1]}"}
            route.facts.append(Fact("target", "grpc-backend", each.line, each.file, text))
        if each.words[0].endswith("/upstream-vhost"):
            route.facts.append(
                Fact("host", "fixed", each.line, each.file, {"value": each.words[-1], "target": "the server"})
            )
        if each.words[0].endswith("-snippet") and re.search(r"(?i)proxy_set_header\s+Upgrade\s+\S", each.words[-1]):
            route.facts.append(Fact("upgrade", "snippet", each.line, each.file))
    return route


def _mesh(document: Node, kind: str) -> Route:
    """Return the route of Istio or Gateway API, which allow WebSocket by default."""
    route = Route("istio", f"{kind} {value(document, 'metadata', 'name')}".strip(), "/", document.file, document.line)
    route.facts = [Fact("upgrade", "forwarded", document.line, document.file)]
    route.seen = [f"{kind} allows WebSocket by default; it was not tested here."]
    for node in walk(document):
        if node.words[0] == "authority" and len(node.words) > 1:
            route.facts.append(
                Fact("host", "fixed", node.line, node.file, {"value": node.words[1], "target": "the server"})
            )
        if node.words[0] == "h2UpgradePolicy" and node.words[-1] == "UPGRADE":
            route.facts.append(Fact("http", "h2-server", node.line, node.file, {"target": "the server"}))
        if node.words[0] == "idleTimeout" and len(node.words) > 1 and seconds(node.words[1], "s") > 0:
            number = seconds(node.words[1], "s")
            route.facts.append(Fact("idle", "written", node.line, node.file, {"time": shown_time(number)}, number))
    return route
