"""Find out where Traefik sends each WebSocket: files, labels, and IngressRoute."""

from __future__ import annotations

import re

from . import toml_read, yaml_read
from .patterns import compiled
from .policy import blocks_sockets
from .text import VALUE
from .tree import ADDRESSES, Fact, Model, Node, Options, Route
from .yaml_read import child, value, walk

TITLES = {"traefik": "Traefik"}
"""What people call the proxies that this module reads."""


TABLE = r"(?m)^[ \t]*\[\[?(?:http|tcp|udp|tls|entryPoints|providers|api|log|accessLog|certificatesResolvers)\b[^,\n]*\]"
"""A line that starts a table in TOML."""


def read(text: str, file: str = "") -> Node:
    """Return the tree of a configuration, in YAML or TOML; it never fails."""
    return toml_read.read(text, file) if re.search(TABLE, text) else yaml_read.read(text, file)


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("traefik")
    routers: list[tuple[str, Node, str, list[str], str]] = []
    middlewares: dict[str, Node] = {}
    services: dict[str, Node] = {}
    for document in [*tree.children, _labels(tree)]:
        kind = value(document, "kind")
        if kind == "IngressRoute":
            for number, each in enumerate(_children(child(document, "spec", "routes"))):
                names = [value(one, "name") for one in _children(child(each, "middlewares"))]
                service = child(each, "services")
                own = f"{value(document, 'metadata', 'name')}-{number}"
                services[own] = service or each
                routers.append((own, each, value(each, "match"), names, own))
        elif kind == "Middleware":
            middlewares[value(document, "metadata", "name")] = child(document, "spec") or document
        for each in _children(child(document, "http", "routers")):
            names = [one.words[-1] for one in _children(child(each, "middlewares"))]
            names += [name.strip() for name in value(each, "middlewares").split(",") if name.strip()]
            routers.append((each.words[0], each, value(each, "rule"), names, value(each, "service")))
        for each in _children(child(document, "http", "middlewares")):
            middlewares[each.words[0]] = each
        for each in _children(child(document, "http", "services")):
            services[each.words[0]] = each
    for address in ADDRESSES if options.server == "dss" else ["/socket"]:
        found.routes += [_route(each, middlewares, services, address) for each in _taking(routers, address)]
    if not routers:
        found.routes += _loose(middlewares, services)
    return found


def _children(node: Node | None) -> list[Node]:
    return node.children if node else []


def _loose(middlewares: dict[str, Node], services: dict[str, Node]) -> list[Route]:
    """Return a route for middlewares and services without a router."""
    if not middlewares and not services:
        return []
    first = next(iter([*middlewares.values(), *services.values()]))
    router = ("these lines", first, "", list(middlewares), next(iter(services), ""))
    return [_route(router, middlewares, services, "/")]


def _labels(tree: Node) -> Node:
    """Return the labels of containers as if they were in a file."""
    root = Node(["document"], 0, tree.file, block=True)
    for node in walk(tree):
        text = node.words[-1] if node.words[0] == "-" and len(node.words) > 1 else "=".join(node.words[:2])
        found = re.match(r"^[\"']?traefik\.(http\.[^=]+)=(.*?)[\"']?$", text, re.DOTALL)
        if not found:
            continue
        place = root
        for key in re.sub(r"\[\d+\]", "", found[1]).split("."):
            inner = child(place, key)
            if inner is None:
                inner = Node([key], node.line, node.file)
                place.children.append(inner)
            place = inner
        place.words.append(found[2])
    return root


def _taking(
    routers: list[tuple[str, Node, str, list[str], str]], path: str
) -> list[tuple[str, Node, str, list[str], str]]:
    """Return the routers that take a path: the longest rule of each host."""
    best: dict[str, tuple[str, Node, str, list[str], str]] = {}
    for router in routers:
        rule = router[2]
        if not _matches(rule, path):
            continue
        hosts = " ".join(sorted(re.findall(r"Host[A-Z]?\w*\([^)]*\)", rule)))
        if hosts not in best or len(rule) > len(best[hosts][2]):
            best[hosts] = router
    return list(best.values())


def _matches(rule: str, path: str) -> bool:
    """Return whether the path may fit a rule; the host always may."""
    tests = re.findall(r"(!?)\b(Path|PathPrefix|PathRegexp|Method)\(([^)]*)\)", rule)
    if not tests:
        return True
    results = []
    for negated, kind, names in tests:
        values = re.findall(r"[`\"']([^`\"']*)[`\"']", names)
        fits = any(
            path == each
            if kind == "Path"
            else each.upper() == "GET"
            if kind == "Method"
            else path.startswith(each)
            if kind == "PathPrefix"
            else bool(re.search(each, path))
            for each in values
            if "{" not in each
        )
        results.append(fits != bool(negated))
    return any(results) if "||" in rule else all(results)


def _route(
    router: tuple[str, Node, str, list[str], str], middlewares: dict[str, Node], services: dict[str, Node], path: str
) -> Route:
    name, node, _, names, service_name = router
    service = services.get(re.sub(r"@.*$", "", service_name or name))
    if not service and not service_name and len(services) == 1:
        service = next(iter(services.values()))
    servers = [each.words[-1] for each in walk(service)] if service else []
    target = next(
        (re.sub(r"^\w+://", "", each) for each in servers if "://" in each), service_name or "the server"
    ).replace(VALUE, "…")
    route = Route("traefik", f"router {name}", path, node.file, node.line)
    headers = {"upgrade": "forwarded", "connection": "forwarded", "host": "kept"}
    lines = {"upgrade": node, "connection": node, "host": node}
    found: list[Fact] = []
    moved = path
    for own in _in_order(names, middlewares):
        found += _middleware(own, headers, lines, target, moved)
        sent, line = _moved(own, moved)
        if sent != moved and line:
            found.append(Fact("path", "changed", line.line, line.file, {"from": path, "to": sent}))
        moved = sent
    for each in walk(service) if service else []:
        if re.match(r"wss?://", each.words[-1]):
            found.append(Fact("target", "scheme", each.line, each.file, {"value": each.words[-1]}))
    if headers["upgrade"] == "pages" and lines["connection"] is node:
        headers["upgrade"] = "forwarded"  # without Connection, Traefik drops it from requests for pages
    if service:
        line = next((each for each in walk(service) if each.words[0].lower() == "passhostheader"), None)
        if line and line.words[-1].lower() == "false" and headers["host"] == "kept":
            headers["host"], lines["host"] = "lost", line
    for key, kind in headers.items():
        if key == "connection" and headers["upgrade"] in {"lost", "wrong"}:
            continue
        line = lines[key]
        text = {"target": target, "value": line.words[-1] if line is not node else ""}
        found.append(Fact(key, kind, line.line, line.file, text))
    route.facts = found
    return route


def _in_order(names: list[str], middlewares: dict[str, Node], depth: int = 0) -> list[Node]:
    """Return the middlewares of a router, with those of chains in their place."""
    found: list[Node] = []
    for name in names:
        own = middlewares.get(re.sub(r"@.*$", "", name))
        inner = child(own, "chain", "middlewares")
        listed = [each.words[-1] for each in _children(inner)]
        listed += [each.strip() for each in value(own, "chain", "middlewares").split(",") if each.strip()]
        if listed and depth < 10:
            found += _in_order(listed, middlewares, depth + 1)
        elif own:
            found.append(own)
    return found


def _texts(node: Node | None, name: str) -> list[str]:
    """Return the texts of a list, also if it is one text with commas."""
    listed = [each.words[-1] for each in _children(child(node, name)) if len(each.words) > 1]
    return listed or [each.strip() for each in value(node, name).split(",") if each.strip()]


def _moved(node: Node, path: str) -> tuple[str, Node | None]:
    """Return a path after a middleware, and the line that changes it."""
    for kind in ("stripPrefix", "stripPrefixRegex", "addPrefix", "replacePath", "replacePathRegex"):
        own = child(node, kind)
        if not own:
            continue
        if kind == "stripPrefix":
            fits = [each for each in _texts(own, "prefixes") if path.startswith(each)]
            return ("/" + path[len(fits[0]) :].lstrip("/") if fits else path), own
        if kind == "addPrefix":
            return value(own, "prefix") + path, own
        if kind == "replacePath":
            return value(own, "path") or path, own
        for pattern in _texts(own, "regex"):
            found = compiled(pattern, ignore_case=False)
            match = found.search(path) if found else None
            if match and kind == "stripPrefixRegex" and not match.start():
                return "/" + path[match.end() :].lstrip("/"), own
            if match and found and kind == "replacePathRegex":
                sent = re.sub(r"\$\{?(\d+)\}?", r"\\\1", value(own, "replacement"))
                return found.sub(sent, path), own
    return path, None


def _middleware(node: Node, headers: dict[str, str], lines: dict[str, Node], target: str, path: str) -> list[Fact]:
    found: list[Fact] = []
    where = {"target": target}
    for each in _children(child(node, "headers", "customRequestHeaders")):
        name, text = each.words[0].lower(), each.words[1] if len(each.words) > 1 else ""
        if name == "upgrade":
            headers["upgrade"] = "lost" if not text else "pages" if text.lower() == "websocket" else "wrong"
            lines["upgrade"] = each
        elif name == "connection":
            headers["connection"] = "lost" if not text else "forwarded" if "upgrade" in text.lower() else "wrong"
            lines["connection"] = each
        elif name in {"sec-websocket-key", "sec-websocket-version"} and text != "13":
            found.append(
                Fact("key", "fixed" if text else "dropped", each.line, each.file, {"header": each.words[0], **where})
            )
        elif name == "host":
            headers["host"], lines["host"] = "fixed", each
        elif name == "origin":
            headers["host"], lines["host"] = "no-origin", each
    policy = child(node, "headers", "contentSecurityPolicy")
    if policy and len(policy.words) > 1 and blocks_sockets(policy.words[1]):
        found.append(Fact("policy", "blocks", policy.line, policy.file, {"value": policy.words[1]}))
    for kind in ("basicAuth", "digestAuth"):
        auth = child(node, kind)
        if auth and auth.children:
            found.append(Fact("password", "socket" if path == "/dip/websocket" else "everywhere", auth.line, auth.file))
    redirect = child(node, "redirectRegex")
    if redirect:
        pattern = value(redirect, "regex")
        fits = _searched(pattern, f"https://dss.example.com{path}")
        if fits:
            found.append(
                Fact("answer", "redirect", redirect.line, redirect.file, {"to": value(redirect, "replacement")})
            )
    return found


def _searched(pattern: str, text: str) -> bool:
    try:
        return bool(re.search(pattern, text))
    except re.error:
        return False
