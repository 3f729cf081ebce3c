"""Find out where Apache httpd sends each WebSocket, and how."""

from __future__ import annotations

import re

from .apache_access import refusal
from .apache_facts import facts_of, matching
from .apache_read import read
from .apache_rewrite import Request, Rewritten, rewrite
from .includes import with_includes
from .nginx_path import example_of
from .patterns import compiled
from .text import VALUE, before
from .tree import ADDRESSES, GAP, Fact, Model, Node, Options, Route

__all__ = ["model", "read"]

TITLES = {"apache": "Apache httpd"}
"""What people call the proxies that this module reads."""

TRANSPARENT = ["ifmodule", "ifdefine", "ifversion", "ifdirective", "iffile", "ifsection", "macro"]
"""Sections whose lines count as if they were outside."""

USUAL_VERSION = "2.4.62"
"""The version that `IfVersion` is compared with unless another one is given: that of Debian 11."""


def model(tree: Node, options: Options) -> Model:
    """Return the routes of a configuration."""
    found = Model("apache")
    tree = with_includes(tree, options, found, [])
    lines = _flat(tree, options)
    main = Node(["main"], 0, tree.file, block=True, children=lines)
    hosts = [node for node in lines if node.words[0] == "virtualhost"]
    for host in hosts or [main]:
        own = Node(host.words, host.line, host.file, block=True, children=_flat(host, options))
        outer = [] if host is main else [node for node in lines if node.words[0] != "virtualhost"]
        scope = own if host is not main else main
        _add_routes(scope, outer, options, found)
    return found


def _flat(block: Node, options: Options) -> list[Node]:
    """Return the lines of a block, also those of its sections."""
    lines: list[Node] = []
    for node in block.children:
        name = node.words[0]
        if name in TRANSPARENT and node.block:
            if _applies(node, options):
                inner = _flat(node, options)
                for each in inner:
                    each.maybe = each.maybe or name in ["ifdefine", "iffile"]
                lines += inner
        elif name == "if" and node.block:
            lines.append(Node([GAP, "<If>"], node.line, node.file))
        elif name == "use":
            lines.append(Node([GAP, f"macro {node.words[1] if len(node.words) > 1 else ''}"], node.line, node.file))
        elif node.block and name != "virtualhost":
            inner = _flat(node, options)
            lines.append(Node(node.words, node.line, node.file, node.block, inner, node.maybe))
        else:
            lines.append(node)
    return lines


def _applies(node: Node, options: Options) -> bool:
    """Return whether a section is read; modules and directives are taken to be there."""
    name = node.words[0]
    if name == "ifversion" and len(node.words) > 1:
        version = options.version or USUAL_VERSION
        operator = node.words[1] if len(node.words) > 2 else "="
        wanted = node.words[-1]
        older, same = (
            before(version, wanted),
            not before(version, wanted) and not before(wanted, version),
        )
        results = {"<": older, "<=": older or same, ">": not older and not same, ">=": not older, "=": same, "==": same}
        return results.get(operator, True)
    if name in ["ifmodule", "ifdirective"] and len(node.words) > 1:
        return not node.words[1].startswith("!")
    return True


def _add_routes(scope: Node, outer: list[Node], options: Options, found: Model) -> None:
    routes: list[Route] = []
    for address in ADDRESSES if options.server == "dss" else []:
        route = _route(scope, outer, address)
        if route:
            routes.append(route)
    if all(any(fact.key == "answer" for fact in route.facts) for route in routes):
        own = [each for each in [_route(scope, outer, address) for address in _own(scope)] if each]
        working = [
            each for each in own if any(fact.key == "upgrade" and fact.value == "forwarded" for fact in each.facts)
        ]
        general = [each for each in own if not any(fact.key == "answer" for fact in each.facts)]
        sends = any(node.words[0] in ["proxypass", "proxypassmatch"] for node in scope.children)
        routes = working or general[:1] or (routes if sends else [])
    found.routes += routes


def _own(scope: Node) -> list[str]:
    """Return an address for each line that sends requests on."""
    found: list[str] = []
    for node in scope.children:
        if node.words[0] == "proxypass" and len(node.words) > 2 and node.words[2] != "!":
            found.append(node.words[1].rstrip("/") + "/socket")
        if node.words[0] == "location" and any(each.words[0] == "proxypass" for each in node.children):
            found.append(node.words[-1].rstrip("/") + "/socket")
        if node.words[0] == "rewriterule" and len(node.words) > 2:
            path = example_of(node.words[1])
            found += [path] if path else []
        if node.words[0] == "proxypassmatch" and len(node.words) > 2:
            path = example_of(node.words[1])
            found += [path] if path else []
    return sorted(found, key=len)


def _route(scope: Node, outer: list[Node], address: str) -> Route | None:
    """Return the route of an address, or None if it is not for a server."""
    request = _request(scope, address)
    target = _target(scope, outer, request)
    if not target.kind or not target.line:
        return None
    route = Route("apache", _where(scope, request), address, target.line.file, target.line.line)
    if target.kind in ["redirect", "status"]:
        if target.kind == "redirect" and target.url.startswith(("https://", "?")) and not request.secure:
            return None
        text = {"to": target.url.replace(VALUE, "…"), "code": target.url}
        route.facts = [Fact("answer", target.kind, target.line.line, target.line.file, text)]
        return route
    route.facts = refusal([*outer, *scope.children], request.path, target.url)
    if route.facts:
        return route
    firefox = _request(scope, address)
    firefox.connection = "keep-alive, Upgrade"
    other = _target(scope, outer, firefox)
    plain = _request(scope, "/")
    plain.upgrade, plain.connection = "", "keep-alive"
    route.facts = facts_of(scope, outer, target, request)
    if _forwards(route.facts) and not (other.kind == "proxy" and _forwards(facts_of(scope, outer, other, firefox))):
        route.facts.append(Fact("browser", "firefox", target.line.line, target.line.file, {}))
    if request.needs_proto:
        route.facts.append(Fact("front", "needs-proto", request.needs_proto.line, request.needs_proto.file, {}))
    return route


def _forwards(facts: list[Fact]) -> bool:
    """Return whether a WebSocket opens."""
    return any(fact.key == "upgrade" and fact.value == "forwarded" for fact in facts)


def _request(scope: Node, address: str) -> Request:
    request = Request(address, address)
    port = re.search(r":(\d+)$", scope.words[1]) if len(scope.words) > 1 else None
    request.port = port[1] if port else ""
    engine = [node.words[-1].lower() for node in scope.children if node.words[0] == "sslengine"]
    request.secure = "on" in engine or (request.port == "443" and "off" not in engine)
    return request


def _target(scope: Node, outer: list[Node], request: Request) -> Rewritten:
    """Return where a request goes.

    Rules come first, then Location, then ProxyPass in its order.
    """
    places = [node for node in [*outer, *scope.children] if node.words[0] in ["location", "locationmatch"]]
    engine = _engine(scope.children)
    rules = [node for node in scope.children if not node.maybe]
    for node in [node for node in places if matching(node, request.sent)]:
        rules += _engine(node.children)  # it counts for the rules outside, too
    prefix = "/" if scope.file.endswith(".htaccess") else ""
    result = rewrite(rules, request, prefix)
    if result.kind and result.kind != "proxy":
        return result
    rewritten = bool(result.kind)
    for node in [] if rewritten else [node for node in places if matching(node, request.sent)]:
        for each in node.children:
            if each.words[0] in ["proxypass", "proxypassmatch"] and len(each.words) > 1:
                result = _in_location(node, each, request)
    for node in [] if result.kind else [*scope.children, *outer]:
        if node.words[0] in ["proxypass", "proxypassmatch"] and len(node.words) > 2:
            taken = _alias(node, request)
            if taken:
                result = taken
                break
    inside = [node for node in places if matching(node, request.path)]
    for node in [] if result.kind else [node for node in scope.children if node.words[0] == "directory"]:
        local = rewrite([*engine, *node.children], request, "/")
        result = local if local.kind else result
    for node in inside:
        engine += _engine(node.children)
    for node in [node for node in inside if any(each.words[0].startswith("rewrite") for each in node.children)][-1:]:
        request.filename = _filename(result, request, [*outer, *scope.children])
        own = [each for each in node.children if each.words[0] != "rewriteengine"]
        local = rewrite([*engine, *own], request, node.words[-1])
        request.filename = ""
        result = local if local.kind else result
    for each in [each for node in inside for each in node.children]:
        words = _without_status(each)
        if each.words[0].startswith("redirect") and not each.maybe and len(words) == 1:
            return Rewritten("redirect", words[0], each)
    if result.url == "!":
        return Rewritten("status", "404", result.line)
    return result if result.kind else _redirected(scope, request)


def _engine(nodes: list[Node]) -> list[Node]:
    """Return the lines that turn rules on or off."""
    return [node for node in nodes if node.words[0] == "rewriteengine"]


def _filename(result: Rewritten, request: Request, lines: list[Node]) -> str:
    """Return what rules in a Location compare.

    It is the URL that a ProxyPass has made, or the path of a file.
    """
    if result.kind == "proxy" and result.url != "!":
        return "proxy:" + result.url
    roots = [node.words[1] for node in lines if node.words[0] == "documentroot" and len(node.words) > 1]
    return (roots[-1].rstrip("/") if roots else "/DOCUMENT_ROOT") + request.path


def _in_location(place: Node, node: Node, request: Request) -> Rewritten:
    url = node.words[1]
    name = place.words[-1]
    if place.words[0] == "locationmatch" or "~" in place.words[1:2] or node.words[0] == "proxypassmatch":
        whole = node.words[0] == "proxypassmatch" and "$" not in url and url != "!"
        return Rewritten("proxy", url + request.path if whole else url, node)
    if not request.path.startswith(name):  # a rule has changed it
        return Rewritten()
    rest = _built_from(node, name, request)[len(name) :]
    return Rewritten("proxy", url if url == "!" else url + rest, node)


def _alias(node: Node, request: Request) -> Rewritten | None:
    """Return the target of a ProxyPass that takes the path."""
    name, url = node.words[1], node.words[2]
    if node.words[0] == "proxypassmatch":
        pattern = compiled(name, ignore_case=False)
        found = pattern.search(request.path) if pattern else None
        if not found:
            return None
        if "$" not in url and url != "!":
            url += request.path  # as httpd does where nothing is filled in
        for number in range(1, 10):
            if f"${number}" in url:
                url = url.replace(f"${number}", (found[number] or "") if number <= len(found.groups()) else "")
        return Rewritten("proxy", url, node)
    if not request.path.startswith(name) or (
        not name.endswith("/") and request.path[len(name) : len(name) + 1] not in ["", "/"]
    ):
        return None
    rest = _built_from(node, name, request)[len(name) :]
    return Rewritten("proxy", url if url == "!" else url + rest, node)


def _built_from(node: Node, name: str, request: Request) -> str:
    """Return the path for the server: with nocanon, no rule changes it."""
    return request.sent if "nocanon" in node.words and request.sent.startswith(name) else request.path


def _redirected(scope: Node, request: Request) -> Rewritten:
    for node in scope.children:
        if node.words[0] in ["redirect", "redirectmatch", "redirectpermanent"] and len(node.words) > 2:
            words = _without_status(node)
            pattern = compiled(words[0], ignore_case=False) if node.words[0] == "redirectmatch" and words else None
            if words and ((pattern and pattern.search(request.path)) or request.path.startswith(words[0])):
                return Rewritten("redirect", words[-1], node)
    return Rewritten()


def _without_status(node: Node) -> list[str]:
    """Return the words of a Redirect after its status."""
    return [word for word in node.words[1:] if not re.search(r"^(permanent|temp|seeother|gone|\d+)$", word)]


def _where(scope: Node, request: Request) -> str:
    name = [node.words[1] for node in scope.children if node.words[0] == "servername" and len(node.words) > 1]
    host = f"VirtualHost {' '.join(scope.words[1:])}" if scope.words[0] == "virtualhost" else ""
    named = f" {name[0]}" if name else ""
    return (host + named).replace(VALUE, "…").strip() or f"the lines for {request.path}"
