"""Recognize the kind of a configuration, and find it inside other files."""

from __future__ import annotations

import re

from .text import VALUE

NAMES: list[tuple[str, str]] = [
    ("caddy", r"caddyfile"),
    ("haproxy", r"haproxy|\.cfg$"),
    ("apache", r"apache|httpd|\.htaccess$|\.vhost$"),
    ("squid", r"squid"),
    ("nginx", r"nginx"),
    ("traefik", r"traefik"),
    ("envoy", r"envoy"),
]
"""What the path of each kind looks like."""

SIGNS: dict[str, list[str]] = {
    "nginx": [
        r"(?m)^\s*(?:proxy_pass|proxy_set_header|proxy_http_version|proxy_read_timeout|server_name|listen)\s[^{}]*;",
        r"(?m)(?:^|[\s;{}])(?:location\s[^\n;]*\{|server\s*\{|upstream\s+\S+\s*\{|map\s+\$\S+\s+\$\S+\s*\{)",
        r"proxy_(?:pass|set_header|http_version|read_timeout)\s[^\n]*;",
        r"(?m)^\s*(?:http|events|stream)\s*\{|^\s*worker_(?:processes|connections)\s+\w+;|^\s*include\s+/etc/nginx/",
        r"\$(?:http_upgrade|connection_upgrade|http_host|proxy_add_x_forwarded_for)\b",
    ],
    "apache": [
        r"(?mi)^\s*</?(?:VirtualHost|Location|LocationMatch|IfModule|Directory|Proxy|Macro)\b",
        r"(?mi)^\s*(?:ProxyPass|ProxyPassMatch|ProxyPassReverse|RewriteRule|RewriteCond|ProxyPreserveHost|ProxyRequests)\s",
        r"(?mi)^\s*(?:LoadModule|ServerName|ServerAlias|SSLEngine|RewriteEngine|ProxyTimeout)\s",
    ],
    "haproxy": [
        r"(?m)^\s*(?:frontend|backend|listen|defaults|global)(?:\s+[\w.-]+)?\s*$",
        r"(?m)^\s*(?:use_backend|default_backend|http-request|http-response|bind)\s",
        r"(?m)^\s*timeout (?:client|server|tunnel|connect)\s",
        r"(?m)^\s*(?:mode (?:http|tcp)|balance\s|server\s+\S+\s+\S+|option (?:httpchk|forwardfor|http-server-close))",
    ],
    "caddy": [
        r"(?m)^\s*(?:reverse_proxy|header_up|header_down|handle_path|handle|encode|file_server|stream_close_delay)\b[^;:]*$",
        r"(?m)^\s*(?:https?://)?(?:[\w*.-]+\.[a-z]+|:\d+|localhost)(?::\d+)?(?:,\s*\S+)*\s*\{\s*$",
        r"(?m)^\s*(?:proxy\s+/\S*\s+\S+\s*\{|websocket$|transparent$|@\w+\s+\S)",
    ],
    "squid": [
        r"(?m)^\s*(?:http_port|https_port|http_access|cache_peer|ssl_bump|http_upgrade_request_protocols|icp_access)\s",
        r"(?m)^\s*acl\s+\S+\s+(?:src|dst|dstdomain|port|proto|method|url_regex|urlpath_regex|ssl::server_name)\b",
    ],
    "traefik": [
        r"(?m)^\s*-?\s*[\"']?traefik\.\w+",
        r"(?m)^\s*kind:\s*(?:IngressRoute|Middleware)\b",
        r"(?m)^\s*\[\[?(?:http|tcp)\.(?:routers|middlewares|services)\.",
        r"(?m)^\s*\[(?:entryPoints|certificatesResolvers|providers)\.\w+",
        r"(?m)^\s*(?:routers|middlewares|entryPoints|certificatesResolvers|customRequestHeaders|passHostHeader):",
    ],
    "envoy": [
        r"(?m)^\s*kind:\s*(?:Ingress|VirtualService|DestinationRule|HTTPRoute|Gateway|EnvoyFilter)\b",
        r"(?m)^\s*-?\s*(?:static_resources|upgrade_configs|http_filters|virtual_hosts|route_config|stat_prefix):",
        r"type\.googleapis\.com/envoy",
    ],
}
"""Patterns that occur in each kind of configuration."""


def kind_of(text: str, path: str) -> str:
    """Return the kind of a configuration, or an empty text."""
    scores = {
        kind: sum(2 + min(len(re.findall(sign, text)), 5) for sign in signs if re.search(sign, text))
        for kind, signs in SIGNS.items()
    }
    for kind, pattern in NAMES:
        if re.search(pattern, path.lower()):
            scores[kind] += 3
    if re.search(r"(?m)^\s*kind:\s*[\"']?Ingress\b", text) and "nginx.ingress.kubernetes.io/" in text:
        scores["envoy"] += 50  # the lines of nginx are in its annotations
    best = max(scores, key=lambda kind: scores[kind])
    if scores[best] < 3:
        return ""
    return best


HEREDOC = r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n([\s\S]*?)\n[ \t]*\2[ \t]*(?=\n|$)"
FENCE = r"(?m)^[ \t]*(`{3,}|~{3,})[ \t]*\{?[\w-]*[^\n]*\n([\s\S]*?)^[ \t]*\1[ \t]*$"
BLOCK = r"(?m)^([ \t]*)(?:- )?[\"']?[\w./-]+[\"']?:[ \t]*[|>][+-]?\d?[ \t]*\n((?:\1[ \t]+[^\n]*\n?|[ \t]*\n)+)"


DOUBLED = r"(?m)^[ \t]*(?:server|location\b[^\n{]*|upstream\s+\S+|http|events)\s*\{\{[ \t]*$"
"""A block in a text of Python that is to be formatted."""


def _single(text: str) -> str:
    """Return a text of Python with its values filled in."""
    text = re.sub(r"\{\{\{\{[^{}]*\}\}\}\}", VALUE, text)
    text = re.sub(r"(?<!\{)\{[A-Za-z_][^{}\n]*\}(?!\})", VALUE, text)
    return text.replace("{{", "{").replace("}}", "}")


def unwrapped(text: str, kind: str) -> str:
    """Return a configuration without what surrounds it, on the same lines.

    It may be in a here document of a shell script, in a string of YAML, or in a page of Markdown.
    """
    if kind == "nginx" and re.search(DOUBLED, text):
        return _single(text)
    for pattern, group in ((HEREDOC, 3), (FENCE, 2), (BLOCK, 2)):
        inner = [found for found in re.finditer(pattern, text) if kind_of(found[group], "") == kind]
        if inner:
            kept = ["\n" * text[: inner[0].start(group)].count("\n")]
            for found, following in zip(inner, [*inner[1:], None]):
                body = found[group]
                if pattern == HEREDOC and not found[1]:
                    body = body.replace("\\$", "$").replace("\\`", "`")
                end = following.start(group) if following else len(text)
                kept += [body, "\n" * text[found.end(group) : end].count("\n")]
            return "".join(kept)
    return text


def split_dump(text: str) -> dict[str, str]:
    """Return the files in the output of `nginx -T`, by path, or nothing."""
    parts = re.split(r"(?m)^# configuration file (\S+):[^\S\n]*$\n?", text)
    return dict(zip(parts[1::2], parts[2::2]))
