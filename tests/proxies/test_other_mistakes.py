"""Other mistakes and decisions in a config get no wrong name."""

import asyncio

import pytest
from support.machine import RECIPES, newest

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

WEBSOCKET = "{ req.hdr(Upgrade) -i websocket }"
REJECTING = "if ($http_upgrade) { return %s; }"

AFTER = {
    "nginx": (
        "    location / {",
        [
            'proxy_set_header Sec-WebSocket-Key "";',
            "proxy_set_header Sec-WebSocket-Version 8;",
            'proxy_set_header Sec-WebSocket-Protocol "";',
            "proxy_method POST;",
            *(
                REJECTING % response
                for response in ("400", "403", "404", "426", "444", "503", '200 "<html>no sockets"')
            ),
            "if ($http_origin) { return 403; }",
            "if ($uri ~ ^/dip/websocket) { return 302 /login; }",
            "if ($uri ~ ^/dip/websocket) { return 404; }",
            "if ($uri !~ ^/dip/websocket) { return 502; }",
            'return 503 "Back soon";',
            "return 302 https://sso.example.com/login?to=$uri;",
            "deny all;",
        ],
    ),
    "apache": (
        "<VirtualHost *:80>",
        ["RequestHeader unset Sec-WebSocket-Key", "ProxyPass /dip/websocket !"],
    ),
    "haproxy": (
        "    bind :80",
        [
            "http-request del-header Sec-WebSocket-Version",
            f"http-request deny deny_status 429 if {WEBSOCKET}",
            f"http-request deny deny_status 502 if {WEBSOCKET}",
            f"http-request reject if {WEBSOCKET}",
            f"http-request auth realm x if {WEBSOCKET}",
            "http-request auth realm x",
            "http-request set-path /dss%[path]",
            "http-request set-method POST",
            "http-request redirect scheme https",
        ],
    ),
    "caddy": (
        "http://dss.example.com {",
        [
            "method POST",
            "rewrite * /dss{uri}",
            "@socket header Upgrade websocket\n\trespond @socket 403",
            "@socket header Upgrade websocket\n\tabort @socket",
            "respond /dip/websocket 404",
            "request_header -Sec-WebSocket-Key",
        ],
    ),
}
"""A line of each config, and the lines to add after it, one at a time."""

MIDDLEWARES = [
    'headers: {customRequestHeaders: {Sec-WebSocket-Key: ""}}',
    "headers: {allowedHosts: [other.example.com]}",
    "ipAllowList: {sourceRange: [192.0.2.0/24]}",
    "forwardAuth: {address: 'http://127.0.0.1:1/'}",
    "circuitBreaker: {expression: LatencyAtQuantileMS(50.0) > 0}",
    "replacePath: {path: /}",
    "addPrefix: {prefix: /dss}",
]
"""Middlewares of Traefik to add, one at a time."""


def with_middleware(config, middleware):
    """Return a config of Traefik with a middleware in front of DSS."""
    head, service, rest = config.partition("      service: dss\n")
    assert service, "expected the line `service: dss` in the config of Traefik: change with_middleware"
    return f"{head}{service}      middlewares: [other]\n{rest}\n  middlewares:\n    other:\n      {middleware}\n"


def with_line(config, anchor, line):
    """Return a config with a line added after another."""
    assert config.count(f"{anchor}\n") == 1, f"expected the line {anchor!r} once: change AFTER"
    return config.replace(f"{anchor}\n", f"{anchor}\n{line}\n")


TEXTS = {
    **{
        f"{name}: {line}": (name, with_line(RECIPES[name].config(https=False).read_text(), anchor, line))
        for name, (anchor, lines) in AFTER.items()
        for line in lines
    },
    **{
        f"traefik: {each}": ("traefik", with_middleware(RECIPES["traefik"].config(https=False).read_text(), each))
        for each in MIDDLEWARES
    },
}


MISSED = ("Sec-WebSocket-Key", "Sec-WebSocket-Version")
"""The headers that the stand-in names if it misses them."""

NAMED = [title for title in TEXTS if any(name in title for name in MISSED)]
CASES = {title: (newest(RECIPES[name].config(https=False)), name, text) for title, (name, text) in TEXTS.items()}


def observed(build, name, text, dss):
    """Return the evidence of a recipe with this text."""
    recipe, config = RECIPES[name], RECIPES[name].config(https=False)
    with proxy(recipe, build, config, dss, changed={config: text}) as site:
        return asyncio.run(look(Target(site.origin)))


@pytest.mark.proves("other-mistakes-get-no-wrong-name")
@pytest.mark.parametrize(
    ("build", "name", "text"), [pytest.param(*CASES[title], id=title) for title in CASES if title not in NAMED]
)
def test_another_mistake_gets_a_next_step_but_no_name(build, name, text, dss, verdict):
    """A mistake that is not in the list gets a next step, and no name."""
    evidence = observed(build, name, text, dss)
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "something else", named)
    assert named == []
    assert diagnose(evidence).next_step, "expected a next step, because no cause was named"


@pytest.mark.parametrize(("build", "name", "text"), [pytest.param(*CASES[title], id=title) for title in NAMED])
def test_a_header_that_the_server_misses_is_named(build, name, text, dss, verdict):
    evidence = observed(build, name, text, dss)
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "handshake-header-mangled", named)
    assert named == ["handshake-header-mangled"]
