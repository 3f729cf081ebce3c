"""Rules of proxies that decide by a header in which browsers differ."""

import asyncio

import pytest
from support.machine import RECIPES, newest

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

FIREFOX = "Chrome, Edge and Safari opened one, but Firefox got"
BY_CONNECTION = "the reason is Connection: keep-alive, Upgrade"
TOKEN = "{ req.fhdr(connection) -i upgrade }"
SOCKET = "{ hdr(upgrade) -i websocket }"

REFUSES = [
    ("nginx", 'if ($http_connection = "keep-alive, Upgrade") { return 400; }', f"{FIREFOX} 400", BY_CONNECTION),
    ("nginx", 'if ($http_user_agent ~ "Firefox/") { return 403; }', f"{FIREFOX} 403", ""),
    ("nginx", 'if ($http_user_agent ~ "Version/[0-9.]+ Safari/") { return 444; }', "but Safari got the server", ""),
    ("haproxy", "http-request deny if { hdr_sub(user-agent) Firefox }", f"{FIREFOX} 403", ""),
    ("haproxy", f"http-request deny if {SOCKET} !{{ hdr(sec-fetch-mode) -m found }} !{{ hdr_sub(user-agent) Firefox }}",
     "Firefox opened one, but Chrome, Edge and Safari got 403", ""),
    ("caddy", "@odd header Connection keep-alive,*\n\trespond @odd 400", f"{FIREFOX} 400", BY_CONNECTION),
    ("caddy", "@old header User-Agent *Firefox*\n\trespond @old 403", f"{FIREFOX} 403", ""),
    ("apache", '<If "%{HTTP_USER_AGENT} =~ /Firefox/">\nRequire all denied\n</If>', f"{FIREFOX} 403", ""),
]  # fmt: skip
"""A proxy, a line to add, and what the proof must contain."""

ACCEPTS = [
    ("nginx", 'if ($http_user_agent = "") { return 403; }'),
    ("nginx", 'if ($http_accept_language = "") { return 403; }'),
    ("nginx", 'if ($http_connection !~* "upgrade|keep-alive") { return 403; }'),
    ("haproxy", f"http-request deny if {SOCKET} !{TOKEN}"),  # HAProxy drops keep-alive from Connection
    ("haproxy", "http-request deny if !{ hdr(user-agent) -m sub Mozilla }"),
    ("haproxy", "http-request deny if !{ hdr(accept-encoding) -m found }"),
    ("haproxy", "http-request deny if { path / } !{ hdr(accept) -m sub text/html }"),
    ("caddy", "@bot not header User-Agent Mozilla*\n\tabort @bot"),
    ("apache", "RewriteEngine On\nRewriteCond %{HTTP_USER_AGENT} ^$|python|curl [NC]\nRewriteRule ^ - [F]"),
]
"""A proxy, and a line that rejects programs other than browsers."""

AFTER = {
    "nginx": "    location / {",
    "haproxy": "    bind :80",
    "caddy": "http://dss.example.com {",
    "apache": "<VirtualHost *:80>",
}
"""The line of each config below which to add one."""


def diagnosed(name, line, dss):
    """Return the diagnosis of a proxy with this line added."""
    config = RECIPES[name].config(https=False)
    build, text = newest(config), config.read_text()
    assert AFTER[name] in text
    changed = {config: text.replace(AFTER[name], f"{AFTER[name]}\n    {line}", 1)}
    with proxy(RECIPES[name], build, config, dss, changed=changed) as site:
        return diagnose(asyncio.run(look(Target(site.origin))))


@pytest.mark.parametrize(("name", "line", "proof", "reason"), REFUSES, ids=lambda part: str(part)[:60])
def test_a_rule_that_refuses_a_browser_is_named(name, line, proof, reason, bare):
    found = diagnosed(name, line, bare).findings
    assert [finding.id for finding in found] == ["browser-refused"]
    assert proof in found[0].proof
    assert (BY_CONNECTION in found[0].proof) == bool(reason)


@pytest.mark.parametrize(("name", "line"), ACCEPTS, ids=lambda part: str(part)[:60])
def test_a_rule_that_accepts_browsers_accepts_diagnose(name, line, bare):
    assert [finding.id for finding in diagnosed(name, line, bare).findings] == ["works"]
