"""Lines in a published config that are a mistake, or a decision, and none of the causes: no wrong name for them."""

import asyncio

import pytest
from machine import RECIPES, newest

from checks.findings import diagnose, doubt
from checks.lab.proxy import proxy
from checks.probe import Target, look

SOCKET = "{ req.hdr(Upgrade) -i websocket }"
REFUSING = "if ($http_upgrade) { return %s; }"

AFTER = {
    "nginx": (
        "    location / {",
        [
            'proxy_set_header Sec-WebSocket-Key "";',
            "proxy_set_header Sec-WebSocket-Version 8;",
            'proxy_set_header Sec-WebSocket-Protocol "";',
            "proxy_method POST;",
            *(REFUSING % answer for answer in ("400", "403", "404", "426", "444", "503", '200 "<html>no sockets"')),
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
            f"http-request deny deny_status 429 if {SOCKET}",
            f"http-request deny deny_status 502 if {SOCKET}",
            f"http-request reject if {SOCKET}",
            f"http-request auth realm x if {SOCKET}",
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
"""A line of each config, and lines of which each is put behind it alone."""

MIDDLEWARES = [
    'headers: {customRequestHeaders: {Sec-WebSocket-Key: ""}}',
    "headers: {allowedHosts: [other.example.com]}",
    "ipAllowList: {sourceRange: [192.0.2.0/24]}",
    "forwardAuth: {address: 'http://127.0.0.1:1/'}",
    "circuitBreaker: {expression: LatencyAtQuantileMS(50.0) > 0}",
    "replacePath: {path: /}",
    "addPrefix: {prefix: /dss}",
]
"""Of Traefik."""


def with_middleware(config, middleware):
    """Return the config of Traefik with this between the reader and DSS."""
    head, service, rest = config.partition("      service: dss\n")
    assert service
    return f"{head}{service}      middlewares: [other]\n{rest}\n  middlewares:\n    other:\n      {middleware}\n"


def with_line(config, anchor, line):
    """Return the config with this line behind another."""
    assert config.count(f"{anchor}\n") == 1
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


CASES = [(newest(RECIPES[name].config(https=False)), name, text) for name, text in TEXTS.values()]


@pytest.mark.proves("other-mistakes-get-no-wrong-name")
@pytest.mark.parametrize(("build", "name", "text"), CASES, ids=TEXTS)
def test_a_line_that_is_none_of_the_causes_gets_no_name_but_a_word_where_to_look(build, name, text, dss, verdict):
    recipe, config = RECIPES[name], RECIPES[name].config(https=False)
    with proxy(recipe, build, config, dss, changed={config: text}) as site:
        evidence = asyncio.run(look(Target(site.origin)))
    named = [finding.id for finding in diagnose(evidence)]
    verdict("proxy", "something else", named)
    assert (named, bool(doubt(evidence).next)) == ([], True)
