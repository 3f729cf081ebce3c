"""Run the http-request and http-response rules of HAProxy for one WebSocket."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .haproxy_acl import Request, holds
from .patterns import compiled
from .policy import blocks_sockets
from .text import VALUE
from .tree import Fact, Node

HANDSHAKE = ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version"]
RULES = ["http-request", "http-response", "http-after-response", "redirect"]
STOPS = ["redirect", "deny", "tarpit", "reject", "return", "silent-drop", "auth", "use-service"]
RESPONSE = ["upgrade", "connection", "sec-websocket-accept"]


@dataclass
class Sent:
    """What HAProxy sends to a server."""

    target: str
    path: str = ""
    lines: dict[str, Node] = field(default_factory=dict)
    """The line that last changed a header."""
    unsure: dict[str, Node] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)


def conditions(words: list[str]) -> list[str]:
    """Return the words from `if` or `unless` on."""
    for number, word in enumerate(words):
        if word in ["if", "unless"]:
            return words[number:]
    return []


def run_rules(rules: list[Node], request: Request, plain: Request, sent: Sent) -> bool:
    """Apply the rules of a section; return whether plain HTTP is redirected to HTTPS."""
    if _closes(rules, request, sent):
        return False
    ended: list[str] = []
    for node in rules:
        kind = node.words[0]
        words = node.words[1:]
        if kind == "redirect":
            words = ["redirect", *words]
        if kind not in RULES or not words or node.maybe or kind in ended:
            continue
        condition = conditions(words)
        result = holds(condition, request)
        if result is False:
            continue
        on_page = holds(condition, plain)
        if words[0] == "allow":
            ended.append(kind)
        elif kind in ["http-response", "http-after-response"]:
            if result:
                _response(node, words, sent)
        elif words[0] in STOPS:
            if _stops(node, words, request, result, on_page, sent):
                return True
        elif result:
            _change(node, words, request, sent)
        elif len(words) > 1:
            sent.unsure[words[1].split("(")[0].lower()] = node
    return False


def _closes(rules: list[Node], request: Request, sent: Sent) -> bool:
    """Return whether a rule of tcp-request closes the connection."""
    for node in rules:
        words = node.words[1:]
        if node.words[0] != "tcp-request" or len(words) < 2 or words[1] not in ["accept", "reject"] or node.maybe:
            continue
        result = holds(conditions(words), request)
        if result and words[1] == "reject":
            sent.facts.append(Fact("answer", "closed", node.line, node.file))
            return True
        if result is not False:
            return False
    return False


def _stops(
    node: Node, words: list[str], request: Request, result: bool | None, on_page: bool | None, sent: Sent
) -> bool:
    """Handle a rule that answers the request; return whether it only leads to HTTPS."""
    text = " ".join(words)
    if words[0] == "auth":
        if result:
            sent.facts.append(Fact("password", "everywhere" if on_page else "socket", node.line, node.file))
        return False
    if words[0] == "redirect":
        to_https = "scheme https" in text or "https://" in text
        if result is None:
            if to_https and request.secure and re.search(r"(?i)x-forwarded-proto", text):
                sent.facts.append(Fact("front", "needs-proto", node.line, node.file))
            return False
        if to_https and on_page and not request.secure:
            return True
        place = [
            words[number + 1] for number, word in enumerate(words[:-1]) if word in ["location", "prefix", "scheme"]
        ]
        sent.facts.append(
            Fact("answer", "redirect", node.line, node.file, {"to": place[0] if place else "another address"})
        )
        return False
    if result and words[0] in ["silent-drop", "reject"]:
        sent.facts.append(Fact("answer", "closed", node.line, node.file))
    elif result:
        code = re.search(r"(?:deny_status|status)\s+(\d+)", text)
        usual = {"deny": "403", "tarpit": "500"}.get(words[0], "200")
        sent.facts.append(Fact("answer", "status", node.line, node.file, {"code": code[1] if code else usual}))
    return False


def _change(node: Node, words: list[str], request: Request, sent: Sent) -> None:
    """Apply a rule that changes a header or the path."""
    action = words[0]
    name = words[1].lower() if len(words) > 1 else ""
    value = words[2] if len(words) > 2 else ""
    if action == "del-header":
        names = [name]
        if "-m" in words:
            method = words[words.index("-m") + 1] if words.index("-m") + 1 < len(words) else "str"
            test = {"beg": f"^{name}", "end": f"{name}$", "sub": name, "reg": name}.get(method, f"^{name}$")
            pattern = compiled(test, ignore_case=True)
            names = [each for each in request.headers if pattern and pattern.search(each)]
        for each in names:
            request.headers[each] = []
            sent.lines[each] = node
    elif action in ["set-header", "add-header"]:
        value = _value(value, request)
        old = request.headers.get(name, []) if action == "add-header" else []
        request.headers[name] = [*old, value]
        sent.lines[name] = node
    elif action in ["replace-header", "replace-value"] and len(words) > 3:
        pattern = compiled(words[2], ignore_case=False)
        old = request.headers.get(name, [])
        if pattern and any(pattern.search(each) for each in old):
            request.headers[name] = ["?" if _refers(words[3]) else words[3]]
            sent.lines[name] = node
    elif action in ["set-path", "replace-path", "set-uri", "replace-uri", "set-pathq", "replace-pathq"]:
        _change_path(node, words, request, sent)
    elif action == "set-method" and len(words) > 1 and "%" not in words[1]:
        request.method = words[1]
        sent.lines["method"] = node


def _refers(text: str) -> bool:
    """Return whether a replacement refers to what its pattern has matched."""
    return "%" in text or bool(re.search(r"\\\d", text))


def _value(text: str, request: Request) -> str:
    """Return the value that a header gets; `?` is one that is not known."""
    found = re.search(r"^%\[(?:req\.f?hdr|hdr|req\.hdr)\(([^)]*)\)\]$", text)
    if found:
        values = request.headers.get(found[1].lower(), ["?"])
        return values[0] if values else ""
    return "?" if "%" in text or VALUE in text or "$" in text else text


def _change_path(node: Node, words: list[str], request: Request, sent: Sent) -> None:
    before = request.path
    if words[0] in ["set-path", "set-uri"] and len(words) > 1:
        value = words[1]
        if "%" in value or not value.startswith("/"):
            joined = re.search(r"^([^%]*)%\[path\]$", value)
            value = joined[1] + before if joined else before
        request.path = value
    elif words[0] in ["replace-path", "replace-pathq", "replace-uri"] and len(words) > 2:
        pattern = compiled(words[1], ignore_case=False)
        found = pattern.search(before) if pattern else None
        if found:
            value = words[2]
            for number in range(1, 10):
                if f"\\{number}" in value:
                    value = value.replace(f"\\{number}", found[number] or "")
            request.path = before[: found.start()] + value + before[found.end() :]
    if request.path != before and "%" not in request.path:
        sent.lines["path"] = node
        sent.path = before


def _response(node: Node, words: list[str], sent: Sent) -> None:
    """Judge a rule about the response."""
    action = words[0]
    name = words[1].lower() if len(words) > 1 else ""
    value = words[2] if len(words) > 2 else ""
    if action in ["deny", "return", "reject", "silent-drop"]:
        code = re.search(r"(?:deny_status|status)\s+(\d+)", " ".join(words))
        usual = {"deny": "502"}.get(action, "200")
        sent.facts.append(Fact("answer", "status", node.line, node.file, {"code": code[1] if code else usual}))
    if action == "set-status" and name != "101":
        sent.facts.append(Fact("answer", "status", node.line, node.file, {"code": name}))
    if name in RESPONSE and action == "del-header":
        kind = "accept-hidden" if name == "sec-websocket-accept" else "hidden"
        sent.facts.append(Fact("response", kind, node.line, node.file, {"header": words[1]}))
    if name in ["upgrade", "connection"] and action in ["replace-header", "replace-value"] and len(words) > 3:
        usual = "websocket" if name == "upgrade" else "Upgrade"
        pattern = compiled(value, ignore_case=False)
        if pattern and pattern.search(usual) and words[3].lower() != usual.lower() and not _refers(words[3]):
            text = {"header": words[1], "value": words[3]}
            sent.facts.append(Fact("response", "changed", node.line, node.file, text))
    if name in RESPONSE and action in ["set-header", "add-header"] and "%" not in value:
        good = {"upgrade": value.lower() == "websocket", "connection": "upgrade" in value.lower()}.get(name, False)
        if not good or (action == "add-header" and name == "upgrade"):
            sent.facts.append(Fact("response", "changed", node.line, node.file, {"header": words[1], "value": value}))
    if name == "content-security-policy" and action in ["set-header", "add-header"] and "%" not in value:
        kind = blocks_sockets(value)
        if kind:
            sent.facts.append(Fact("policy", kind, node.line, node.file, {"value": value}))


def sent_facts(sent: Sent, request: Request, anchor: Node) -> list[Fact]:
    """Return the facts about what the server gets."""
    where = {"target": sent.target}
    found = list(sent.facts)
    upgrade = [value for value in request.headers["upgrade"] if value.lower() != "h2c"]  # HAProxy drops it
    connection = ", ".join(request.headers["connection"])
    found.append(_header("upgrade", upgrade, len(upgrade) == 1 and upgrade[0].lower() == "websocket", sent, anchor))
    tokens = [part.strip().lower() for part in connection.split(",")]
    found.append(_header("connection", request.headers["connection"], "upgrade" in tokens, sent, anchor))
    for name in ["sec-websocket-key", "sec-websocket-version"]:
        if name in sent.lines and request.headers[name] not in [["key"], ["13"], ["?"]]:
            node = sent.lines[name]
            kind = "fixed" if request.headers[name] else "dropped"
            found.append(Fact("key", kind, node.line, node.file, {"header": node.words[2], **where}))
    if request.method != "GET":
        node = sent.lines["method"]
        found.append(Fact("method", "changed", node.line, node.file, {"value": request.method}))
    found.append(_host(request, sent, anchor))
    if "path" in sent.lines:
        node = sent.lines["path"]
        found.append(Fact("path", "changed", node.line, node.file, {"from": sent.path, "to": request.path}))
    if request.secure:
        values = request.headers.get("x-forwarded-proto", [])
        node = sent.lines.get("x-forwarded-proto", sent.unsure.get("x-forwarded-proto", anchor))
        wrong = bool(values) and values[0] not in ["https", "?"]
        missing = not values and node is anchor
        kind = "wrong" if wrong else "missing" if missing else "sent"
        found.append(Fact("scheme", kind, node.line, node.file, {"value": values[0] if values else ""}))
    return found


def _header(key: str, values: list[str], good: bool, sent: Sent, anchor: Node) -> Fact:
    node = sent.lines.get(key, anchor)
    text = {"target": sent.target, "value": values[0] if values else ""}
    unless = f"a condition is not known here (line {sent.unsure[key].line})" if key in sent.unsure else ""
    if good and key in sent.unsure:
        return Fact(key, "unknown", sent.unsure[key].line, anchor.file, text, 0.0, unless)
    if "?" in values:
        return Fact(key, "unknown", node.line, node.file, text, 0.0, f"the value is not known (line {node.line})")
    kind = (
        "forwarded" if good else "lost" if not values else "twice" if len(values) > 1 and key == "upgrade" else "wrong"
    )
    return Fact(key, kind, node.line, node.file, text)


def _host(request: Request, sent: Sent, anchor: Node) -> Fact:
    origin = request.headers["origin"]
    node = sent.lines.get("host", anchor)
    values = request.headers["host"]
    text = {"value": values[0] if values else "", "target": sent.target}
    if not origin or (origin != ["?"] and re.sub(r"^\w+://", "", origin[0]) == text["value"]):
        return Fact("host", "no-origin", node.line, node.file, text)
    if "host" not in sent.lines:
        return Fact("host", "kept", node.line, node.file, text)
    if not values:
        return Fact("host", "empty", node.line, node.file, text)
    return Fact(
        "host",
        "unknown" if values == ["?"] else "fixed",
        node.line,
        node.file,
        text,
        0.0,
        "" if values != ["?"] else f"the value is not known (line {node.line})",
    )
