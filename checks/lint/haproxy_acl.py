"""Evaluate the conditions of HAProxy for one request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .patterns import compiled
from .tree import Node


@dataclass
class Request:
    """A request inside HAProxy, with the headers that it has so far."""

    path: str
    plain: bool = False
    """Whether it is a request for a page, not for a WebSocket."""
    secure: bool = False
    method: str = "GET"
    headers: dict[str, list[str]] = field(default_factory=dict)
    acls: list[Node] = field(default_factory=list)
    steps: int = 0


def holds(words: list[str], request: Request) -> bool | None:
    """Return whether a condition holds, or None if that is unknown."""
    if not words:
        return True
    negate = words[0] == "unless"
    result: bool | None = False
    for part in _alternatives(words[1:]):
        all_of: bool | None = True
        for negated, test in part:
            value = _test(test, request)
            value = None if value is None else value != negated
            all_of = False if value is False or all_of is False else None if value is None else all_of
        result = True if all_of or result else None if all_of is None or result is None else False
    return None if result is None else result != negate


def _alternatives(words: list[str]) -> list[list[tuple[bool, list[str]]]]:
    """Return the tests of a condition: all of one list must hold."""
    found: list[list[tuple[bool, list[str]]]] = [[]]
    negated = False
    inner: list[str] | None = None
    for word in words:
        if inner is not None:
            if word == "}":
                found[-1].append((negated, inner))
                inner, negated = None, False
            else:
                inner.append(word)
        elif word in ["or", "||"]:
            found.append([])
        elif word in ["!", "!{", "{"]:
            negated = word.startswith("!") or negated
            if word.endswith("{"):
                inner = []
        else:
            found[-1].append((negated or word.startswith("!"), ["acl", word.lstrip("!")]))
            negated = False
    return found


def _test(words: list[str], request: Request) -> bool | None:
    request.steps += 1
    if request.steps > 500 or not words:
        return None
    if words[0] == "acl":
        known = {"TRUE": True, "FALSE": False, "HTTP": True, "METH_GET": True, "METH_POST": False, "LOCALHOST": None}
        if words[1] in known:
            return known[words[1]]
        lines = [node for node in request.acls if node.words[1] == words[1]]
        results = [_test(node.words[2:], request) for node in lines]
        return True if True in results else None if None in results or not results else False
    return _match(words, request)


def _match(words: list[str], request: Request) -> bool | None:
    """Evaluate one sample with its patterns."""
    name = words[0]
    if name == "http_auth" or name.startswith("http_auth("):
        return False
    if name == "ssl_fc":
        return request.secure
    sample, method = _sample(name, request)
    patterns: list[str] = []
    ignore_case = False
    for number, word in enumerate(words[1:]):
        if word == "-i":
            ignore_case = True
        elif word == "-m":
            method = (words[number + 2 : number + 3] or ["str"])[0]
        elif word == "-f":
            return None
        elif not (number and words[number] == "-m") and word != "--":
            patterns.append(word)
    found = re.search(r"^(?:req\.)?hdr(?:_cnt)?\(([^),]*)\)$", name)
    if found and found[1].lower() in request.headers:
        count = len(request.headers[found[1].lower()])
        if method == "found":
            return count > 0
        if "_cnt" in name:
            return _counts(count, patterns)
    if name == "status":
        return _counts(101, patterns)
    if sample is None:
        return None
    if method == "found":
        return bool(sample)
    if name.startswith(("method", "req.hdr_cnt", "hdr_cnt")):
        return "GET" in patterns if name == "method" else None
    return any(_fits(value, pattern, method, ignore_case) for value in sample for pattern in patterns)


def _counts(number: int, patterns: list[str]) -> bool | None:
    """Return whether a number fits patterns such as `gt 0`, or None if unknown."""
    operator = patterns[0] if patterns and not re.search(r"^\d", patterns[0]) else "eq"
    wanted = [float(each) for each in patterns if re.search(r"^\d+$", each)]
    ranges = [each.split(":") for each in patterns if re.search(r"^\d+:\d+$", each)]
    if operator not in ["eq", "gt", "ge", "lt", "le"] or not (wanted or ranges):
        return None
    if any(float(first) <= number <= float(last) for first, last in ranges):
        return True
    known = {"eq": [0.0], "gt": [1.0], "ge": [0.0, 1.0], "lt": [-1.0], "le": [0.0, -1.0]}[operator]
    return any((1.0 if number > each else -1.0 if number < each else 0.0) in known for each in wanted)


def _sample(name: str, request: Request) -> tuple[list[str] | None, str]:
    """Return the values of a sample, or None if they are unknown, and its method."""
    found = re.search(
        r"^(pathq|path|base|url|hdr|req\.f?hdr|req\.hdr|method)(?:_(beg|end|sub|reg|dir|dom|len|cnt|str))?(?:\(([^)]*)\))?(,lower|,upper)?$",
        name,
    )
    if not found:
        return None, "str"
    kind, method = found[1], found[2] or "str"
    case = found[4] or ""
    if kind in ["path", "url"] or (kind == "pathq" and method in ["beg", "dir", "sub"]):
        return [_cased(request.path, case)], method
    if kind == "method":
        return ["GET"], method
    if kind in ["base", "pathq"] or not found[3]:
        return None, method
    header = found[3].split(",")[0].strip().lower()
    if header in request.headers:
        values = request.headers[header]
        return (None if "?" in values else [_cased(each, case) for each in values]), method
    return ([] if header in ["via", "transfer-encoding", "content-length", "expect"] else None), method


def _cased(text: str, converter: str) -> str:
    return text.lower() if converter == ",lower" else text.upper() if converter == ",upper" else text


def _fits(value: str, pattern: str, method: str, ignore_case: bool) -> bool:
    if method == "reg":
        expression = compiled(pattern, ignore_case=ignore_case)
        return bool(expression and expression.search(value))
    if ignore_case:
        value, pattern = value.lower(), pattern.lower()
    if method == "beg":
        return value.startswith(pattern)
    if method == "end":
        return value.endswith(pattern)
    if method == "sub":
        return pattern in value
    if method == "dir":
        return f"/{pattern.strip('/')}/" in value + "/"
    return value == pattern
