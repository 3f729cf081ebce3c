"""State what nginx does with a WebSocket in nested blocks, as facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .nginx_path import State, expand
from .policy import blocks_sockets
from .text import VALUE, seconds, shown_time, size
from .tree import GAP, Fact, Node


@dataclass
class Values:
    """The lines of one directive that apply in a block, and what may change them."""

    lines: list[Node]
    level: int = -1
    unless: str = ""
    """What may add lines, such as an include that was not given."""
    inner: str = ""
    """The same in a block inside: its lines would replace these."""
    outer: bool = False
    """Whether an outer block has more of them, which nginx drops here."""


ELSEWHERE = "the rest of the location is not in this text"


def effective(levels: list[Node], name: str) -> Values:
    """Return the lines of a directive from the innermost block that has any.

    nginx drops those of the blocks around it.
    """
    found = Values([])
    for number in range(len(levels) - 1, -1, -1):
        own = [node for node in levels[number].children if node.words[0] == name and len(node.words) > 1]
        gaps = [node for node in levels[number].children if node.words[0] == GAP]
        if found.level < 0:
            if own:
                found.lines, found.level, found.inner = own, number, found.unless
            if gaps and not found.unless:
                found.unless = f"{gaps[0].words[1]} (line {gaps[0].line})"
            if any(node.maybe for node in own) and not found.unless:
                found.unless = f"a template (line {own[0].line})"
        elif own:
            found.outer = True
    snippet = levels[-1].words[0] == "main" and not any(node.words[0] == "proxy_pass" for node in levels[-1].children)
    if snippet and not found.unless:
        found.unless = ELSEWHERE
    return found


def facts_of(levels: list[Node], target: Node | None, state: State, plain: State) -> list[Fact]:
    """Return the facts of one route."""
    anchor = target or levels[-1]
    where = {"target": shown_target(target, state)}
    found = _upgrade(levels, anchor, state, plain, where)
    found += _version(levels, anchor, where)
    found += _host(levels, anchor, state, where)
    found += _idle(levels, anchor)
    found += _path(levels, target, state)
    found += _hidden(levels)
    found += _limits(levels, state)
    found += _access(levels)
    found += _method(levels, state)
    found += _resolver(levels, target, state)
    found += _forwarded(levels, anchor, state)
    return found


def shown_target(target: Node | None, state: State) -> str:
    """Return the server that a proxy_pass names, for people."""
    if not target or len(target.words) < 2:
        return "the server"
    name = re.sub(r"^\w+://|(?<!unix:)/.*$", "", target.words[1])
    return (expand(name, state) or name).replace(VALUE, "…") or "the server"


def _fact(key: str, value: str, node: Node, text: dict[str, str], unless: str = "") -> Fact:
    return Fact(key, value, node.line, node.file, text, 0.0, unless)


def _sent(values: Values, name: str, state: State) -> list[tuple[Node, str | None]]:
    """Return the lines that set a request header, with their values.

    nginx does not send empty ones.
    """
    lines = [node for node in values.lines if node.words[1].lower() == name.lower() and len(node.words) > 2]
    pairs = [(node, expand(node.words[2], state)) for node in lines]
    return [pair for pair in pairs if pair[1] != ""]


def _set(values: Values, name: str) -> list[Node]:
    return [node for node in values.lines if node.words[1].lower() == name.lower()]


def _upgrade(levels: list[Node], anchor: Node, state: State, plain: State, where: dict[str, str]) -> list[Fact]:
    headers = effective(levels, "proxy_set_header")
    off = effective(levels, "proxy_pass_request_headers")
    found: list[Fact] = []
    if off.lines and off.lines[0].words[1] == "off":
        found.append(_fact("key", "dropped", off.lines[0], where))
    upgrade, connection = _sent(headers, "upgrade", state), _sent(headers, "connection", state)
    first = headers.lines[0] if headers.lines else anchor
    cut = headers.outer and not _set(headers, "upgrade") and _outer_has(levels, headers.level)
    if cut and not upgrade:
        found.append(_fact("upgrade", "cut", first, where, headers.unless))
    elif not upgrade:
        set_empty = _set(headers, "upgrade")
        found.append(_fact("upgrade", "lost", set_empty[0] if set_empty else anchor, where, headers.unless))
    elif len(upgrade) > 1:
        found.append(_fact("upgrade", "twice", upgrade[1][0], where, headers.unless and _maybe(upgrade)))
    else:
        found.append(_value("upgrade", upgrade[0], where, headers.inner))
    if upgrade:
        found += _connection(headers, connection, anchor, where)
    found += _always(headers, plain, where)
    for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Version"]:
        for node in _set(headers, name):
            value = expand(node.words[2], state) if len(node.words) > 2 else None
            if value is not None and value not in ["⟨key⟩", "13"]:
                found.append(_fact("key", "fixed" if value else "dropped", node, {"header": name, **where}))
    return found


def _maybe(pairs: list[tuple[Node, str | None]]) -> str:
    return "a template" if any(node.maybe for node, _ in pairs) else ""


def _outer_has(levels: list[Node], number: int) -> bool:
    """Return whether a block outside sets Upgrade."""
    outer = [node for level in levels[:number] for node in level.children if node.words[0] == "proxy_set_header"]
    return any(len(node.words) > 2 and node.words[1].lower() == "upgrade" and node.words[2] != "" for node in outer)


def _value(key: str, pair: tuple[Node, str | None], where: dict[str, str], inner: str) -> Fact:
    node, value = pair
    text = {"value": node.words[2].replace(VALUE, "…"), **where}
    if value is None:
        name = re.search(r"\$\{?([A-Za-z0-9_]+)", node.words[2])
        unless = (
            "the template fills in the value" if VALUE in node.words[2] or not name else f"${name[1]} is not set here"
        )
        return _fact(key, "unknown", node, text, f"{unless} (line {node.line})")
    good = value.lower() == "websocket" if key == "upgrade" else "upgrade" in _tokens(value)
    return _fact(key, "forwarded" if good else "wrong", node, text, "a template" if node.maybe else inner)


def _tokens(value: str) -> list[str]:
    return [part.strip().lower() for part in value.split(",")]


def _connection(
    headers: Values, sent: list[tuple[Node, str | None]], anchor: Node, where: dict[str, str]
) -> list[Fact]:
    known = [pair for pair in sent if pair[1] is not None]
    good = [pair for pair in known if "upgrade" in _tokens(pair[1] or "")]
    if good:
        others = [pair for pair in sent if pair[0] is not good[0][0]]
        text = {"value": good[0][0].words[2], **where}
        if others:
            return [_fact("connection", "two", others[0][0], text, _maybe(sent))]
        return [_fact("connection", "forwarded", good[0][0], text, headers.inner)]
    if sent:
        return [_value("connection", (known or sent)[0], where, headers.inner)]
    lines = _set(headers, "connection")
    return [_fact("connection", "lost", lines[0] if lines else anchor, where, headers.unless)]


def _always(headers: Values, plain: State, where: dict[str, str]) -> list[Fact]:
    """Note if pages are asked for with Connection: upgrade, too."""
    for node, value in _sent(headers, "connection", plain):
        if value is not None and "upgrade" in _tokens(value):
            return [_fact("connection-always", "yes", node, where)]
    return []


def _version(levels: list[Node], anchor: Node, where: dict[str, str]) -> list[Fact]:
    lines = effective(levels, "proxy_http_version")
    if not lines.lines:
        return [_fact("http", "default", anchor, where, lines.unless)]
    node = lines.lines[-1]
    unless = "a template" if node.maybe or VALUE in node.words[1] else lines.inner
    return [_fact("http", node.words[1], node, {"value": node.words[1], **where}, unless)]


def _host(levels: list[Node], anchor: Node, state: State, where: dict[str, str]) -> list[Fact]:
    headers = effective(levels, "proxy_set_header")
    lines = [node for node in _set(headers, "host") if len(node.words) > 2]
    full = [node for node in lines if node.words[2] != ""]
    lines = full or lines  # nginx does not send empty ones
    node = lines[-1] if lines else anchor
    value = expand(lines[-1].words[2], state) if lines and len(lines[-1].words) > 2 else None
    if not lines:
        value = "⟨upstream⟩"
    origin = [expand(each.words[2], state) for each in _set(headers, "origin") if len(each.words) > 2]
    text = {"value": node.words[2].replace(VALUE, "…") if lines and len(node.words) > 2 else "", **where}
    if origin and (origin[-1] == "" or origin[-1] is None):
        return [_fact("host", "no-origin", node, text)]
    if origin and value is not None and _same_host(origin[-1] or "", value, where["target"]):
        return [_fact("host", "no-origin", node, text)]
    kind = host_kind(value, state)
    unless = headers.inner if lines and not lines[-1].maybe else headers.unless
    if kind == "unknown":
        unless = unless or f"the value of {text['value']} is not known (line {node.line})"
    return [_fact("host", kind, node, text, unless)]


def _same_host(origin: str, host: str, target: str) -> bool:
    bare = re.sub(r"^\w+://", "", origin).replace("⟨upstream⟩", target)
    return bare == host.replace("⟨upstream⟩", target)


def host_kind(value: str | None, state: State) -> str:
    """Return what happens to Host."""
    if value is None or "⟨?⟩" in value:
        return "unknown"
    default = "443" if state.scheme == "https" else "80"
    usual = state.port in ["", default, "80", "443"]
    if value == "⟨http_host⟩":
        return "kept"
    if value == "⟨upstream⟩":
        return "lost"
    if value in ["⟨host⟩", "⟨http_host⟩:"] or (state.name and value == state.name):
        return "usual-port" if usual else "no-port"
    found = re.search(r"^⟨(?:http_)?host⟩:(.*)$", value)
    if found:
        return "added-port" if usual and (found[1] in ["80", "443"] or found[1] == state.port) else "kept"
    if state.name and value.startswith(state.name + ":"):
        return "added-port" if value.endswith((":80", ":443")) else "kept"
    return "empty" if value == "" else "fixed"


def _idle(levels: list[Node], anchor: Node) -> list[Fact]:
    lines = effective(levels, "proxy_read_timeout")
    if not lines.lines:
        return [Fact("idle", "default", anchor.line, anchor.file, {"time": "60 s"}, 60.0, lines.unless)]
    node = lines.lines[-1]
    value = seconds(" ".join(node.words[1:]), "s")
    unless = "a template" if node.maybe or value < 0 else lines.inner
    return [
        Fact(
            "idle",
            "zero" if value == 0 else "written",
            node.line,
            node.file,
            {"time": shown_time(value)},
            value,
            unless,
        )
    ]


def _path(levels: list[Node], target: Node | None, state: State) -> list[Fact]:
    """Return the path that the server gets.

    A proxy_pass with a path replaces the name of the location with it.
    """
    if not target or len(target.words) < 2:
        return []
    found = re.search(r"^\w+://(?:unix:[^:]*:?|[^/]*)(/.*)?$", target.words[1])
    rest = found[1] if found else None
    before, sent = state.sent_path, state.path
    text = {"from": before, "value": target.words[1].replace(VALUE, "…")}
    if "⟨path⟩" in state.variables or (rest and "$" in rest and "$request_uri" not in rest and "$uri" not in rest):
        return [_fact("path", "unknown", target, text)]
    if rest and "$" not in rest and "$" not in (found[0] if found else ""):
        own = [level for level in levels if target in level.children and level.words[0] == "location"]
        name = own[0].words[-1] if own and not re.search(r"^(~\*?|@)", own[0].words[1]) else "/"
        sent = rest + sent[len(name) :] if sent.startswith(name) else sent
    elif rest and "$" not in rest:
        sent = rest
    if VALUE in sent:
        return []
    if sent != before:
        return [_fact("path", "changed", target, {"to": sent, **text})]
    return [_fact("path", "decoded", target, text)] if rest and "$" not in target.words[1] else []


def _hidden(levels: list[Node]) -> list[Fact]:
    """Return facts about what is missing in the response, or is there twice."""
    found: list[Fact] = []
    for name in ["proxy_hide_header", "more_clear_headers"]:
        for node in effective(levels, name).lines:
            words = [word for word in node.words[1:] if word.lower() in ["upgrade", "sec-websocket-accept"]]
            found += [_fact("response", "hidden", node, {"header": word}) for word in words]
    for node in effective(levels, "add_header").lines:
        name, value = node.words[1].lower(), node.words[2] if len(node.words) > 2 else ""
        if name == "upgrade" and "always" in node.words[2:]:
            found.append(_fact("response", "changed", node, {"header": "Upgrade", "value": value}))
        if name == "content-security-policy" and "$" not in value and VALUE not in value:
            kind = blocks_sockets(value)
            if kind:
                found.append(_fact("policy", kind, node, {"value": value}))
    return found


def _limits(levels: list[Node], state: State) -> list[Fact]:
    found: list[Fact] = []
    for node in effective(levels[:2], "large_client_header_buffers").lines + effective(levels, "limit_conn").lines:
        if node.words[0] == "limit_conn" and len(node.words) > 2 and re.search(r"^\d+$", node.words[2]):
            number = float(node.words[2])
            found.append(Fact("connections", "limited", node.line, node.file, {"count": node.words[2]}, number))
        elif node.words[0] != "limit_conn" and len(node.words) > 2 and size(node.words[2]) >= 0:
            number = size(node.words[2])
            found.append(Fact("header-size", "limited", node.line, node.file, {"size": node.words[2]}, number))
    for node in state.tree.children:
        if node.words[0] == "worker_shutdown_timeout" and len(node.words) > 1:
            value = seconds(node.words[1], "s")
            text = {"time": shown_time(value)}
            if value >= 0:
                found.append(Fact("reload", "limited", node.line, node.file, text, value))
    return found


def _access(levels: list[Node]) -> list[Fact]:
    """Return a fact if the WebSocket, but not the page, needs a password."""
    limits = [each for each in levels[-1].children if limits_get(each)]
    lines = effective([*levels, *limits], "auth_basic")
    if not lines.lines or lines.lines[0].words[1] == "off" or effective(levels, "satisfy").lines:
        return []
    node = lines.lines[0]
    everywhere = lines.level < len(levels) - 1 or (levels[-1].words[-1] == "/" and not limits)
    return [_fact("password", "everywhere" if everywhere else "socket", node, {}, lines.unless)]


def limits_get(node: Node) -> bool:
    """Return whether a limit_except is for GET, the method of a WebSocket."""
    return node.words[0] == "limit_except" and node.block and "GET" not in [word.upper() for word in node.words[1:]]


def _method(levels: list[Node], state: State) -> list[Fact]:
    """Return a fact if the server gets another method than GET."""
    lines = effective(levels, "proxy_method")
    if not lines.lines:
        return []
    node = lines.lines[-1]
    value = expand(node.words[1], state)
    if value is None or value == "GET":
        return []
    return [_fact("method", "changed", node, {"value": node.words[1]}, "a template" if node.maybe else lines.inner)]


def _resolver(levels: list[Node], target: Node | None, state: State) -> list[Fact]:
    """Return a fact if nginx cannot look up the server while it runs.

    It looks up the name in a proxy_pass with a variable for each request, unless another line names that server.
    """
    if not target or len(target.words) < 2 or "$" not in target.words[1] or effective(levels, "resolver").lines:
        return []
    found = re.search(r"^(https?)://([^/]*)", _expanded(target.words[1], state))
    if not found or "⟨" in found[2] or VALUE in found[2] or re.search(r"^(\[|unix:|[\d.]+(:|$))", found[2]):
        return []
    server = found[2].lower()
    if server == "" or server in upstreams(state.tree):
        return []
    usual = {"http": ":80", "https": ":443"}[found[1]]
    if ":" not in server and server + usual in upstreams(state.tree):
        return []
    text = {"name": found[2].split(":")[0]}
    return [_fact("resolver", "missing", target, text, "" if state.whole else "another file may have one")]


def _expanded(target: str, state: State) -> str:
    """Return the URL of a server, as far as it is known."""
    found = re.search(r"^([^/]*//[^/]*)(.*)$", target)
    return expand(found[1] if found else target, state) or ""


def upstreams(tree: Node) -> list[str]:
    """Return the servers that a configuration names.

    Those of upstream blocks have no port, and those of other lines have one.
    """
    found: list[str] = []
    for node in tree.children:
        if node.words[0] == "upstream" and len(node.words) > 1:
            found.append(node.words[1].lower())
        elif node.words[0].endswith("_pass") and len(node.words) > 1 and "$" not in node.words[1]:
            url = re.search(r"^(?:(https?|grpcs?)://)?([^/]+)", node.words[1])
            if url:
                usual = ":443" if url[1] in ["https", "grpcs"] else ":80"
                found.append((url[2] if ":" in url[2] else url[2] + usual).lower())
        elif node.block:
            found += upstreams(node)
    return found


def _forwarded(levels: list[Node], anchor: Node, state: State) -> list[Fact]:
    """Return what happens to X-Forwarded-Proto where users have HTTPS."""
    if state.scheme != "https":
        return []
    headers = effective(levels, "proxy_set_header")
    lines = _set(headers, "x-forwarded-proto")
    if not lines:
        return [_fact("scheme", "missing", anchor, {}, headers.unless)]
    value = expand(lines[-1].words[2], state) if len(lines[-1].words) > 2 else None
    wrong = value is not None and "⟨" not in value and value.lower() not in ["https", "wss"]
    return [_fact("scheme", "wrong" if wrong else "sent", lines[-1], {"value": lines[-1].words[-1]})]
