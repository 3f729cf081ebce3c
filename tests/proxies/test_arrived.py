"""`checks echo` behind a proxy with one mistake: `diagnose` names the cause."""

import asyncio

import pytest
from support.echo import running_echo
from support.machine import RECIPES

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look
from checks.report.terminal import stages

NGINX_UPGRADE = "proxy_set_header Upgrade $http_upgrade;"
NGINX_CONNECTION = "proxy_set_header Connection $connection_upgrade;"
NGINX_HOST = "proxy_set_header Host $http_host;"
NGINX_VERSION = "proxy_http_version 1.1;"
APACHE = "<VirtualHost *:80>"
HAPROXY = "    bind :80"
CADDY = "reverse_proxy DSS_HOST:DSS_PORT {"


def nginx(line):
    return ("nginx", [(NGINX_UPGRADE, f"{NGINX_UPGRADE} {line}")])


def apache(line):
    return ("apache", [(APACHE, f"{APACHE}\n{line}")])


def haproxy(line):
    return ("haproxy", [(HAPROXY, f"{HAPROXY}\n    {line}")])


def caddy(line):
    return ("caddy", [(CADDY, f"{CADDY}\n\t\t{line}")])


UPGRADE, VERSION, HEADER, HOST = (
    "upgrade-not-forwarded",
    "http-1-0-upstream",
    "handshake-header-mangled",
    "host-not-preserved",
)

CASES = {
    "nginx, no Connection": (
        ("nginx", [(NGINX_CONNECTION, 'proxy_set_header Connection "";')]),
        UPGRADE,
        "without Connection",
    ),
    "nginx, no Upgrade": (("nginx", [(NGINX_UPGRADE, 'proxy_set_header Upgrade "";')]), UPGRADE, "without Upgrade"),
    "nginx, Connection: close": (
        ("nginx", [("default upgrade;", "default close;"), ('""      close;', '"" upgrade;')]),
        UPGRADE,
        "Connection: close",
    ),
    "nginx, Connection: keep-alive": (
        ("nginx", [(NGINX_CONNECTION, "proxy_set_header Connection keep-alive;")]),
        UPGRADE,
        "Connection: keep-alive",
    ),
    "nginx, HTTP/1.0": (("nginx", [(NGINX_VERSION, "proxy_http_version 1.0;")]), VERSION, "as GET /dip/websocket"),
    "nginx, no key": (nginx('proxy_set_header Sec-WebSocket-Key "";'), HEADER, "without Sec-WebSocket-Key"),
    "nginx, version 8": (nginx("proxy_set_header Sec-WebSocket-Version 8;"), HEADER, "Sec-WebSocket-Version: 8"),
    "nginx, another Origin": (nginx("proxy_set_header Origin http://other;"), HOST, "Origin: http://other"),
    "nginx, another Host": (("nginx", [(NGINX_HOST, "proxy_set_header Host other;")]), HOST, "Host: other"),
    "apache, no subprotocol": (
        apache("RequestHeader unset Sec-WebSocket-Protocol"),
        HEADER,
        "without Sec-WebSocket-Protocol",
    ),
    "apache, no Upgrade": (apache("RequestHeader unset Upgrade early"), UPGRADE, "without Upgrade"),
    "apache, HTTP/1.0": (apache("SetEnv force-proxy-request-1.0 1"), VERSION, "without Connection"),
    "haproxy, no Upgrade": (haproxy("http-request del-header Upgrade"), UPGRADE, "without Upgrade"),
    "haproxy, no Connection": (haproxy("http-request del-header Connection"), UPGRADE, "without Connection"),
    "haproxy, no version": (
        haproxy("http-request del-header Sec-WebSocket-Version"),
        HEADER,
        "without Sec-WebSocket-Version",
    ),
    "haproxy, another key": (haproxy("http-request del-header Sec-WebSocket-Key"), "accept-mismatch", "Sec-WebSocket-"),
    "caddy, no Connection": (caddy("header_up -Connection"), UPGRADE, "without Connection"),
    "caddy, no Upgrade": (caddy("header_up -Upgrade"), UPGRADE, "without Upgrade"),
    "caddy, another Host": (caddy("header_up Host {upstream_hostport}"), HOST, "Host: 127.0.0.1:"),
}
"""For each mistake: the proxy and what is replaced in its config, the cause, and the start of a row of what arrived."""

NEAR_MISSES = {
    "nginx, no extensions": (nginx('proxy_set_header Sec-WebSocket-Extensions "";'), "without Sec-WebSocket-Extension"),
    "nginx, no Origin": (nginx('proxy_set_header Origin "";'), "without Origin"),
    "nginx, Host and Origin": (
        ("nginx", [(NGINX_HOST, "proxy_set_header Host other; proxy_set_header Origin http://other;")]),
        "Host: other",
    ),
    "nginx, one more header": (nginx("proxy_set_header X-Forwarded-Proto https;"), "with X-Forwarded-Proto: https"),
    "nginx, Connection: keep-alive, Upgrade": (
        ("nginx", [(NGINX_CONNECTION, 'proxy_set_header Connection "keep-alive, Upgrade";')]),
        "Connection: keep-alive, Upgrade",
    ),
}
"""For each change that breaks nothing: the proxy and what is replaced, and the start of a row of what arrived."""

HTTP_2 = ("caddy", [("reverse_proxy DSS_HOST:DSS_PORT", "reverse_proxy h2c://DSS_HOST:DSS_PORT")])

REWRITTEN = {
    "nginx, another path": nginx("rewrite ^/dip/websocket(.*) /websocket$1 break;"),
    "nginx, POST": nginx("proxy_method POST;"),
    "haproxy, another path": haproxy("http-request set-path /dss%[path]"),
}


@pytest.fixture(scope="module")
def echo():
    with running_echo() as server:
        yield server


def observe(echo, changed):
    name, replacements = changed
    recipe = RECIPES[name]
    config = recipe.config(https=False)
    text = recipe.text(config)
    for old, new in replacements:
        assert old in text, f"expected {old!r} in {config}"
        text = text.replace(old, new)
    with proxy(recipe, recipe.newest(), config, echo, changed={config: text}) as site:
        evidence = asyncio.run(look(Target(site.origin)))
    rows = [line.partition("arrived")[2].strip() for line in stages(evidence) if line.startswith("  arrived ")]
    return diagnose(evidence), rows


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_named_from_what_arrived(case, echo):
    changed, cause, row = CASES[case]
    diagnosis, rows = observe(echo, changed)
    assert [finding.id for finding in diagnosis.findings] == [cause]
    assert any(each.startswith(row) for each in rows), f"expected a row that starts with {row!r}, got {rows}"


@pytest.mark.parametrize("case", NEAR_MISSES)
def test_a_harmless_change_is_shown_and_works(case, echo):
    changed, row = NEAR_MISSES[case]
    diagnosis, rows = observe(echo, changed)
    assert diagnosis.works
    assert any(each.startswith(row) for each in rows), f"expected a row that starts with {row!r}, got {rows}"


@pytest.mark.parametrize("case", REWRITTEN)
def test_another_url_or_method_does_not_work(case, echo):
    diagnosis, rows = observe(echo, REWRITTEN[case])
    assert diagnosis.findings == ()
    assert "another URL or method" in diagnosis.next_step
    assert rows[0].startswith("as ")


def test_a_hop_over_http_2_is_shown(echo):
    diagnosis, rows = observe(echo, HTTP_2)
    assert "over HTTP/2" in diagnosis.next_step
    assert any(row.endswith("HTTP/2") for row in rows)
