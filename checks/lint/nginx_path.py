"""Find the location of nginx that takes a path, and the values of its variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .patterns import compiled
from .text import VALUE, is_placeholder, one_edit
from .tree import GAP, Fact, Node

REQUEST: dict[str, str] = {
    "http_upgrade": "websocket",
    "http_connection": "Upgrade",
    "http_host": "⟨http_host⟩",
    "host": "⟨host⟩",
    "proxy_host": "⟨upstream⟩",
    "proxy_port": "⟨?⟩",
    "http_origin": "⟨origin⟩",
    "http_sec_websocket_key": "⟨key⟩",
    "http_sec_websocket_version": "13",
    "http_sec_websocket_extensions": "⟨extensions⟩",
    "http_sec_websocket_protocol": "⟨protocol⟩",
    "request_method": "GET",
    "server_protocol": "HTTP/1.1",
    "is_args": "?",
    "args": "⟨args⟩",
    "query_string": "⟨args⟩",
    "status": "101",
}
"""What a browser sends when it opens a WebSocket, by variable."""

NOTHING = ["http_transfer_encoding", "http_content_length", "content_length", "http_expect", "http_te", "http_via"]
"""Variables that are empty for every WebSocket."""

UNSURE = (
    r"^(?:http_|arg_|cookie_|geoip|ssl_client|remote_user|proxy_protocol|realip|limit_|invalid_referer|server_addr"
    r"|upstream_|sent_|jwt_|auth_|oidc)"
)
BUILT_IN = (
    r"^(?:(?:remote_(?:addr|port)|request(?:_(?:body|body_file|completion|filename|id|length|time|port|uri))?"
    r"|is_(?:args|request_port)|server_(?:name|port|protocol)|scheme|https?|http[23]|hostname|nginx_version|pid|pipe"
    r"|proxy_(?:add_x_forwarded_for|host|port|upstream_name|alternative_upstream_name|internal_body_length)|msec"
    r"|time_(?:iso8601|local)|uri|document_(?:root|uri)|realpath_root|(?:body_)?bytes_sent|content_(?:length|type)"
    r"|connection(?:_requests|_time)?|binary_remote_addr|date_(?:local|gmt)|limit_rate|gzip_ratio|spdy|quic|memcached_key"
    r"|slice_range|modern_browser|ancient_browser|msie|host|args|query_string|status|namespace|ingress_name"
    r"|location_path|best_http_host|forward_scheme|port|server|\d)$"
    r"|ssl_|tcpinfo_|uid_|secure_link|fastcgi_|service_|resolver|kubernetes|pass_|full_x|the_real|redirect_)"
)


@dataclass
class State:
    """A request inside a server of nginx."""

    path: str
    tree: Node
    server: Node | None = None
    plain: bool = False
    """Whether it is a request for a page, not for a WebSocket."""
    firefox: bool = False
    """Whether it is Firefox, which sends `Connection: keep-alive, Upgrade`."""
    by_connection: bool = False
    """Whether a map or a condition reads Connection."""
    scheme: str = "http"
    port: str = ""
    name: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    sent_path: str = ""
    """The path as the browser sent it."""
    maps: list[Node] = field(default_factory=list)
    whole: bool = False
    """Whether the text is a whole nginx.conf, with all its includes."""
    defined: list[str] = field(default_factory=list)
    steps: int = 0
    jump: str = ""
    """Where an error_page sends the request: a path or a named location."""
    extra: list[Fact] = field(default_factory=list)
    spelled: dict[str, str] = field(default_factory=dict)
    """For each directive, the one that is meant, if its name is misspelt."""


def find_location(blocks: list[Node], path: str) -> tuple[list[Node], str]:
    """Return the locations that take a path, the outermost first.

    The second value is `redirect` if nginx adds a slash to the path instead.
    """
    exact, best, redirect = None, None, None
    for node in blocks:
        kind, name = location_name(node)
        if kind == "=" and name == path:
            exact = node
        if kind in ["", "^~"] and path.startswith(name) and (best is None or len(name) > len(location_name(best)[1])):
            best = node
        if kind in ["", "^~", "="] and name == path + "/" and has_handler(node):
            redirect = node
    if exact:
        return [exact], ""
    if redirect and not (best and location_name(best)[1] == path):
        return [redirect], "redirect"
    inner: list[Node] = []
    if best:
        inner, answer = find_location(locations(best), path)
        if answer or any(location_name(each)[0] in ["=", "~", "~*"] for each in inner):
            return [best, *inner], answer
    if not (best and location_name(best)[0] == "^~"):
        for node in blocks:
            kind, name = location_name(node)
            if kind in ["~", "~*"] and matches(name, path, ignore_case=kind == "~*"):
                nested, answer = find_location(locations(node), path)
                return [node, *nested], answer
    return ([best, *inner] if best else []), ""


def matches(pattern: str, text: str, *, ignore_case: bool) -> bool:
    """Return whether a pattern of PCRE is found in a text."""
    found = compiled(pattern, ignore_case=ignore_case)
    return bool(found and found.search(text))


def location_name(node: Node) -> tuple[str, str]:
    """Return the modifier and the name of a location."""
    words = node.words[1:]
    if len(words) >= 2 and words[0] in ["=", "~", "~*", "^~"]:
        return words[0], words[1]
    name = words[0] if words else "/"
    found = re.search(r"^(\^~|~\*|~|=)(.+)$", name)
    if found:
        return found[1], found[2]
    return ("@", name) if name.startswith("@") else ("", name)


def locations(node: Node) -> list[Node]:
    """Return the locations directly in a block."""
    return [each for each in node.children if each.words[0] == "location" and each.block]


def has_handler(node: Node) -> bool:
    """Return whether a block sends requests to a server itself."""
    return any(each.words[0] in ["proxy_pass", "uwsgi_pass", "fastcgi_pass", "grpc_pass"] for each in node.children)


def expand(text: str, state: State) -> str | None:
    """Return a text with the values of its variables, or None if one is unknown."""
    parts: list[str] = []
    place = 0
    for found in re.finditer(r"\$\{([A-Za-z0-9_]+)\}|\$([A-Za-z0-9_]+)", text):
        value = variable(found[1] or found[2], state)
        if value is None:
            return None
        parts += [text[place : found.start()], value]
        place = found.end()
    whole = "".join(parts) + text[place:]
    return None if is_placeholder(whole) or VALUE in whole else whole


def variable(name: str, state: State) -> str | None:
    """Return the value of a variable, or None if it is unknown."""
    state.steps += 1
    if state.steps > 400:
        return None
    if name in state.variables:
        return state.variables[name] if state.variables[name] != "⟨unknown⟩" else None
    for node in state.maps:
        if len(node.words) > 2 and node.words[2] == "$" + name:
            return mapped(node, state)
    if state.plain and name in ["http_upgrade", "http_connection"]:
        return "" if name == "http_upgrade" else "keep-alive"
    if state.firefox and name == "http_connection":
        return "keep-alive, Upgrade"
    known = {"scheme": state.scheme, "server_port": state.port, "server_name": state.name, "uri": state.path}
    known["request_uri"] = state.sent_path + "?⟨args⟩"
    known["document_uri"] = state.path
    if name in known:
        return known[name] or None
    if name in REQUEST:
        return "" if state.plain and name.startswith("http_sec_") else REQUEST[name]
    if name in NOTHING or is_misspelt_header(name):
        return ""
    if name in state.defined or re.search(UNSURE, name) or name == name.upper():
        return None
    return "⟨?⟩" if re.search(BUILT_IN, name) else None


def is_misspelt_header(name: str) -> bool:
    """Return whether a variable is for a header whose name is a misspelt one."""
    return name.startswith("http_") and name not in REQUEST and any(one_edit(name, known) for known in REQUEST)


def is_defined(name: str, state: State) -> bool:
    """Return whether nginx, or this configuration, defines a variable."""
    known = name in REQUEST or name in state.variables or name in state.defined or name == name.upper()
    return known or bool(re.search(UNSURE, name) or re.search(BUILT_IN, name))


def mapped(node: Node, state: State) -> str | None:
    """Return the value that a map has, or None if it is unknown."""
    source = expand(node.words[1], state)
    if source is None:
        return None
    default = ""
    patterns: list[Node] = []
    for each in node.children:
        key = each.words[0]
        if each.maybe or key in [GAP, "include"]:
            return None
        if len(each.words) < 2:
            continue
        if key == "default" and not (each.quoted and each.quoted[0]):
            default = each.words[1]
        elif key.startswith("~") and len(key) > 1:
            patterns.append(each)
        elif key.lower().removeprefix("\\") == source.lower():
            return expand(each.words[1], state)
    if "⟨" in source and patterns:
        return None
    for each in patterns:
        key = each.words[0]
        if matches(key[2:] if key.startswith("~*") else key[1:], source, ignore_case=key.startswith("~*")):
            return expand(each.words[1], state)
    return expand(default, state)


def condition(words: list[str], state: State) -> bool | None:
    """Return whether the condition of an `if` holds, or None if that is unknown."""
    text = " ".join(words[1:]).strip()
    if not (text.startswith("(") and text.endswith(")")):
        return None
    parts = re.findall(r"\"[^\"]*\"|'[^']*'|[^\s]+", text[1:-1].strip())
    if not parts or not parts[0].startswith("$"):
        return None
    left = expand(parts[0], state)
    if left is None or ("⟨" in left and len(parts) > 1):
        return None
    if len(parts) == 1:
        return left not in ["", "0"]
    right = re.sub(r"^[\"']|[\"']$", "", parts[2]) if len(parts) > 2 else ""
    operator = parts[1]
    if operator in ["=", "!="]:
        value = expand(right, state)
        return None if value is None or "⟨" in value else (left == value) == (operator == "=")
    if operator in ["~", "~*", "!~", "!~*"]:
        return matches(right, left, ignore_case=operator.endswith("*")) == (not operator.startswith("!"))
    return None


def example_of(pattern: str) -> str:
    """Return a path that a simple pattern matches, or an empty text."""
    text = re.sub(r"\(\?:|\(\?i\)", "(", pattern)
    for _ in range(6):
        text = re.sub(r"\(([^()|]*)(?:\|[^()]*)?\)[?*+]?", r"\1", text)
    text = re.sub(r"\.[*+]\??|\[[^\]]*\][*+]?", "x", text)
    text = re.sub(r"^\^|\$$|\\(?=[./-])", "", re.sub(r"[?*+]", "", text))
    for path in [text, "/" + text.lstrip("/")]:
        test = compiled(pattern, ignore_case=True)
        if path.startswith("/") and test and test.search(path):
            return path
    return ""
