"""Run the RewriteRules of Apache httpd for one request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .patterns import compiled
from .tree import Node


@dataclass
class Request:
    """A request inside Apache httpd."""

    path: str
    sent: str
    """The path as the browser sent it."""
    connection: str = "Upgrade"
    upgrade: str = "websocket"
    secure: bool = False
    port: str = ""
    groups: list[str] = field(default_factory=list)
    """What the last condition matched, for %1 and so on."""
    filename: str = ""
    """What rules in a Location compare instead of the path."""
    unsure: str = ""
    needs_proto: Node | None = None


@dataclass
class Rewritten:
    """What the rules do: `proxy`, `redirect`, `status`, or nothing."""

    kind: str = ""
    url: str = ""
    line: Node | None = None


def rewrite(nodes: list[Node], request: Request, prefix: str) -> Rewritten:
    """Run the rules of one place; `prefix` is what a directory takes off the path."""
    on = [node for node in nodes if node.words[0] == "rewriteengine"]
    if not on or on[-1].words[-1].lower() != "on":
        return Rewritten()
    conditions: list[Node] = []
    skip = 0
    for node in nodes:
        if node.words[0] == "rewritecond":
            conditions.append(node)
        elif node.words[0] == "rewriterule" and len(node.words) > 2:
            own, conditions = conditions, []
            if skip:
                skip -= 1
                continue
            result = _rule(node, own, request, prefix)
            if result.kind == "skip":
                skip = int(result.url)
            elif result.kind:
                return result if result.kind != "last" else Rewritten()
    return Rewritten()


def _rule(node: Node, conditions: list[Node], request: Request, prefix: str) -> Rewritten:
    pattern, target = node.words[1], node.words[2]
    options = flags(node.words[3:])
    negated = pattern.startswith("!")
    expression = compiled(pattern.lstrip("!"), ignore_case="NC" in options or "NOCASE" in options)
    path = request.filename or request.path
    path = path[len(prefix) :] if prefix and path.startswith(prefix) else path
    found = expression.search(path) if expression else None
    if bool(found) == negated:
        return Rewritten()
    if not expression:
        request.unsure = f"a pattern that is not known here (line {node.line})"
        return Rewritten()
    holds = _all(conditions, request)
    proxies = "P" in options or "PROXY" in options
    if holds is None:
        secure = request.secure and any("forwarded-proto" in " ".join(each.words).lower() for each in conditions)
        if secure and target.startswith("https"):
            request.needs_proto = node
        elif proxies:
            request.unsure = f"a condition that is not known here (line {node.line})"
        return Rewritten()
    if not holds:
        return Rewritten()
    return _apply(node, options, _url(target, found, request), request, prefix)


def _apply(node: Node, options: dict[str, str], url: str, request: Request, prefix: str) -> Rewritten:
    """Return what a rule that matches does."""
    if "F" in options or "G" in options or "FORBIDDEN" in options or "GONE" in options:
        return Rewritten("status", "403" if "F" in options or "FORBIDDEN" in options else "410", node)
    if "S" in options and re.search(r"^\d+$", options["S"]):
        return Rewritten("skip", options["S"], node)
    absolute = bool(re.search(r"^(\w+|\?)://", url))
    if "P" in options or "PROXY" in options:
        return Rewritten("proxy", url, node)
    if "R" in options or "REDIRECT" in options or absolute:
        code = options.get("R", options.get("REDIRECT", ""))
        if re.search(r"^[45]\d\d$", code):
            return Rewritten("status", code, node)
        return Rewritten("redirect", url, node)
    if url != "-" and request.filename:
        request.filename = url
    elif url != "-":
        request.path = url.split("?", maxsplit=1)[0] if url.startswith("/") else prefix + url.split("?", maxsplit=1)[0]
    ends = any(each in options for each in ["L", "LAST", "END"])
    return Rewritten("last", "", node) if ends else Rewritten()


def flags(words: list[str]) -> dict[str, str]:
    """Return the flags of a rule or condition, by their names in capitals."""
    found: dict[str, str] = {}
    for part in re.sub(r"^\[|\]$", "", "".join(words)).split(","):
        name = part.split("=")[0].strip().upper()
        if name:
            found[name] = "=".join(part.split("=")[1:]).strip()
    return found


def _url(target: str, found: re.Match[str] | None, request: Request) -> str:
    """Return the target with its references filled in; `?` is what is not known."""
    for number in range(10):
        if f"${number}" in target:
            target = target.replace(
                f"${number}", (found[number] or "") if found and number <= len(found.groups()) else ""
            )
        if f"%{number}" in target:
            target = target.replace(f"%{number}", request.groups[number] if number < len(request.groups) else "")
    target = target.replace("%{REQUEST_URI}", request.path)
    return re.sub(r"%\{[^}]*\}", "?", target)


def _all(conditions: list[Node], request: Request) -> bool | None:
    """Return whether all conditions hold; those with [OR] form groups."""
    result: bool | None = True
    group: bool | None = False
    for node in conditions:
        value = _condition(node, request)
        group = True if group or value else None if group is None or value is None else False
        options = flags(node.words[3:])
        if "OR" in options or "ORNEXT" in options:
            continue
        result = False if group is False or result is False else None if group is None else result
        group = False
    return result


def _condition(node: Node, request: Request) -> bool | None:
    if len(node.words) < 3:
        return None
    text, pattern = node.words[1], node.words[2]
    value = _tested(text, request)
    negated = pattern.startswith("!")
    pattern = pattern.lstrip("!")
    if pattern in ["-f", "-d", "-s", "-l", "-F", "-U", "-x", "-h"]:
        return negated
    if value is None:
        return None
    options = flags(node.words[3:])
    ignore_case = "NC" in options or "NOCASE" in options
    if pattern.startswith("="):
        wanted = pattern[1:].strip('"')
        same = value.lower() == wanted.lower() if ignore_case else value == wanted
        return same != negated
    if pattern.startswith(("<", ">")) or text == "expr":
        return None
    expression = compiled(pattern, ignore_case=ignore_case)
    if not expression:
        return None
    found = expression.search(value)
    if found and not negated:
        request.groups = [found[0] or "", *[each or "" for each in found.groups()]]
    return bool(found) != negated


def _tested(text: str, request: Request) -> str | None:
    """Return the value of a test string, or None if it is not known."""
    known = {
        "%{HTTP:UPGRADE}": request.upgrade,
        "%{HTTP:CONNECTION}": request.connection,
        "%{HTTP_CONNECTION}": request.connection,
        "%{HTTP_UPGRADE}": request.upgrade,
        "%{REQUEST_URI}": request.path,
        "%{REQUEST_METHOD}": "GET",
        "%{HTTPS}": "on" if request.secure else "off",
        "%{REQUEST_SCHEME}": "https" if request.secure else "http",
        "%{THE_REQUEST}": f"GET {request.path}?a=b HTTP/1.1",
        "%{SERVER_PROTOCOL}": "HTTP/1.1",
        "%{HTTP:SEC-WEBSOCKET-VERSION}": "13" if request.upgrade else "",
        "%{HTTP:SEC-WEBSOCKET-KEY}": "key" if request.upgrade else "",
    }
    if request.port:
        known["%{SERVER_PORT}"] = request.port
    for name, value in known.items():
        text = re.sub(re.escape(name), value, text, flags=re.IGNORECASE) if name in text.upper() else text
    return None if "%{" in text else text
