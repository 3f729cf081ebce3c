"""Run the set, if, rewrite and return of nginx for one request."""

from __future__ import annotations

import re

from .nginx_path import State, condition, expand
from .patterns import compiled
from .text import VALUE
from .tree import Fact, Node

ON_SOCKETS = r"\$(?:http_upgrade|http_connection|\w*(?:upgrade|websocket)\w*)"
"""What a condition for WebSocket alone reads."""


def rewrites(node: Node, state: State, outer: list[Node]) -> tuple[Fact | None, list[Node]]:
    """Run the set, if, rewrite and return of a block, inside others.

    An error_page that takes a returned status moves the request: see `jump`.
    """
    chosen: list[Node] = []
    levels = [node, *outer]
    allowed = [each for level in levels for each in level.children if each.words[0] == "valid_referers"]
    if allowed:  # browsers send no Referer with a WebSocket
        state.variables["invalid_referer"] = "" if "none" in allowed[0].words else "1"
    for each in node.children:
        name = each.words[0]
        if name == "if" and each.block:
            holds = condition(each.words, state)
            if holds:
                answer, _ = rewrites(each, state, [node, *outer])
                if answer and re.search(ON_SOCKETS, " ".join(each.words)):
                    answer.text["for"] = "WebSocket"
                if answer or state.jump:
                    return answer, []
                chosen = [each]
            elif holds is None:
                _uncertain(each, state)
                for inner in each.children:
                    if inner.words[0] == "set" and len(inner.words) > 2:
                        state.variables[inner.words[1].lstrip("$")] = "⟨unknown⟩"
        elif name == "set" and len(each.words) > 2:
            value = expand(each.words[2], state)
            state.variables[each.words[1].lstrip("$")] = "⟨unknown⟩" if value is None or each.maybe else value
        elif name == "return" and not each.maybe and len(each.words) > 1:
            state.jump = error_page(each.words[1], [node, *outer])
            return (None if state.jump else _returned(each)), []
        elif name == "rewrite" and len(each.words) > 2 and not each.maybe:
            pattern = compiled(each.words[1], ignore_case=False)
            ends = each.words[3:4] == ["last"] and bool(pattern and pattern.search(state.path))
            answer = _rewritten(each, state)
            if answer:
                return answer, []
            if ends or "⟨stay⟩" in state.variables:
                break
        elif name == "break":
            break
    return None, chosen


def error_page(code: str, levels: list[Node]) -> str:
    """Return where error_page sends a status, or an empty text.

    Only those of the innermost block that has any count.
    """
    for node in levels:
        lines = [each.words for each in node.children if each.words[0] == "error_page" and len(each.words) > 2]
        if lines:
            targets = [words[-1] for words in lines if code in words[1:-1]]
            return targets[0] if targets and targets[0].startswith(("@", "/")) else ""
    return ""


def _uncertain(node: Node, state: State) -> None:
    """Keep a redirect that depends on what a proxy in front of this one sends."""
    redirects = [
        each for each in node.children if each.words[0] in ["return", "rewrite"] and "https" in " ".join(each.words)
    ]
    if redirects and "$http_x_forwarded_proto" in " ".join(node.words) and state.scheme == "https":
        state.extra.append(Fact("front", "needs-proto", node.line, node.file, {}))


def _returned(node: Node) -> Fact:
    code = node.words[1] if re.search(r"^\d+$", node.words[1]) else "302"
    kind = "redirect" if code.startswith("3") else "status"
    text = {"code": code, "to": (node.words[2] if len(node.words) > 2 else node.words[1]).replace(VALUE, "…")}
    return Fact("answer", kind, node.line, node.file, text)


def _rewritten(node: Node, state: State) -> Fact | None:
    """Apply a rewrite to the path; return a fact if it redirects."""
    pattern, target = compiled(node.words[1], ignore_case=False), node.words[2]
    found = pattern.search(state.path) if pattern else None
    if not found:
        return None
    flag = node.words[3] if len(node.words) > 3 else ""
    if flag in ["redirect", "permanent"] or target.startswith(("http://", "https://", "$scheme")):
        text = {"code": "301" if flag == "permanent" else "302", "to": target}
        return Fact("answer", "redirect", node.line, node.file, text)
    for number in range(1, 10):
        if f"${number}" in target:
            target = target.replace(f"${number}", found[number] or "")
    value = expand(target.split("?")[0], state)
    if value is None or "⟨" in value:
        state.variables["⟨stay⟩"] = "⟨unknown⟩"
        state.variables["⟨path⟩"] = "⟨unknown⟩"
        return None
    state.path = value
    if flag == "break":
        state.variables["⟨stay⟩"] = "1"
    return None
