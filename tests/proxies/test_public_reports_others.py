"""WebSocket broken by other proxies, as reported in public: no wrong name."""

import asyncio
import contextlib
import re
from dataclasses import dataclass, replace

import pytest
from support.machine import RECIPES, newest
from support.reader import Reader
from support.server import accept, fake_dss, response, run, scripted_server

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.lab.standin import StandIn
from checks.probe import Target, look


@dataclass(frozen=True)
class Report:
    """A public report, the same mistake in configs of ours, and what is expected."""

    url: str
    """Where the mistake was reported or documented."""
    chain: tuple
    """The proxies, from the server to the user: each a recipe and what replaces what in its config."""
    cause: str = ""
    """The cause to name; empty if the evidence cannot prove one."""
    candidates: frozenset = frozenset()
    """Causes that must be among the candidates if no cause is named."""
    step: str = ""
    """Words of the next step if no cause is named."""
    scheme: str = "http"
    path: str = ""
    server: object = None
    """The script of the server behind the proxies; without it, the stand-in."""
    service: object = None
    """The script of a service that a proxy asks first, on the port AUTH_PORT."""
    bare: bool = False
    """Whether the server behind the proxies is the backend of the stand-in, which reads every header."""
    held: int = 0
    """The number of WebSockets that another user has open."""


ENVOY_ROUTE = "route: { cluster: dss, timeout: 3600s }"
ENVOY_FILTERS = "          http_filters:\n"
ENVOY_UPGRADE = "          upgrade_configs:\n          - upgrade_type: websocket\n"
ENVOY_TYPE = "type.googleapis.com/envoy.extensions.filters.http"
TRAEFIK_SERVICE = "      service: dss\n"
CADDY = "reverse_proxy DSS_HOST:DSS_PORT {"
CADDY_SITE = "http://dss.example.com {\n"
VARNISH_CONNECTION = "    set bereq.http.Connection = req.http.Connection;\n"
LIGHTTPD_UPGRADE = 'proxy.header = ( "upgrade" => "enable" )'
SQUID_UPGRADE = "http_upgrade_request_protocols websocket allow all\n"
NGINX_UPGRADE = "proxy_set_header Upgrade $http_upgrade;"


def envoy_filter(name, text):
    """Return the change that adds an HTTP filter to Envoy."""
    added = f'          - name: {name}\n            typed_config:\n              "@type": {ENVOY_TYPE}.{text}\n'
    return {ENVOY_FILTERS: ENVOY_FILTERS + added}


def middleware(text):
    """Return the changes that put a middleware of Traefik in front of DSS."""
    end = "          - url: http://DSS_HOST:DSS_PORT\n"
    return {
        TRAEFIK_SERVICE: f"{TRAEFIK_SERVICE}      middlewares: [other]\n",
        end: f"{end}\n  middlewares:\n    other:\n      {text}\n",
    }


def secure_middleware(text):
    """Return the changes that do the same over HTTPS."""
    return {
        "      tls: {}\n": "      tls: {}\n      middlewares: [other]\n",
        "    to-https:\n": f"    other:\n      {text}\n    to-https:\n",
    }


def is_handshake(head):
    """Tell whether a request asks for a WebSocket, whatever the case of its headers."""
    return bool(re.search(rb"(?im)^upgrade: *websocket", head))


def strict_about(pattern, refusal):
    """Return a DSS that opens a WebSocket only if the head has this pattern."""

    def handshake(sock, head):
        run(accept() if re.search(pattern, head) else refusal, sock, head)

    return fake_dss(handshake=handshake)


def only_http_and_https(sock, head):
    """Reject ws and wss in X-Forwarded-Proto, as some sign-in services do."""
    good = re.search(rb"(?im)^x-forwarded-proto: *https?\r", head)
    run(response("200 OK") if good else response("400 Bad Request", b"invalid X-Forwarded-Proto"), sock, head)


def only_https(sock, head):
    """Redirect to https, unless X-Forwarded-Proto is https, as servers in Java do."""
    if re.search(rb"(?im)^x-forwarded-proto: *https\r", head):
        run(fake_dss(), sock, head)
        return
    host, path = re.search(rb"(?im)^host: *(\S+)", head)[1].decode(), head.split(b" ", 2)[1].decode()
    run(response("302 Found", b"", f"Location: https://{host}{path}"), sock, head)


def no_handshakes(sock, head):
    """Fail on a handshake, as a framework does that has no WebSocket there."""
    run(
        response("500 Internal Server Error", b"Internal Server Error") if is_handshake(head) else response(),
        sock,
        head,
    )


BAD = response("400 Bad Request", b"Bad Request")

REPORTS = {
    "Envoy, a route that disables the upgrade": Report(
        "https://github.com/envoyproxy/gateway/issues/2632",
        (
            (
                "envoy",
                {
                    ENVOY_ROUTE: "route:\n                  cluster: dss\n                  upgrade_configs:"
                    " [{ upgrade_type: websocket, enabled: false }]"
                },
            ),
        ),
        "upgrade-denied",
    ),
    "Envoy, a route without endpoints": Report(
        "https://github.com/envoyproxy/gateway/issues/9452",
        (("envoy", {ENVOY_ROUTE: "direct_response: { status: 503 }", ENVOY_UPGRADE: ""}),),
        candidates=frozenset({"backend-down"}),
        step="Envoy may have no server for this URL",
    ),
    "Envoy, RBAC refuses the handshake": Report(
        "https://github.com/istio/istio/issues/13150",
        (
            (
                "envoy",
                envoy_filter(
                    "rbac",
                    "rbac.v3.RBAC\n              rules: { action: DENY, policies: { sockets: {"
                    " principals: [{ any: true }],"
                    "\n                permissions: [{ header: { name: upgrade, present_match: true } }] } } }",
                ),
            ),
        ),
        step="the 403 comes from Envoy (RBAC",
    ),
    "Envoy, ext_authz cannot be reached": Report(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_authz_filter",
        (
            (
                "envoy",
                envoy_filter(
                    "ext_authz",
                    "ext_authz.v3.ExtAuthz\n              http_service: { server_uri: { uri: 'http://127.0.0.1:1',"
                    " cluster: nobody, timeout: 1s } }",
                ),
            ),
        ),
        step="the 403 comes from Envoy (ext_authz",
    ),
    "Envoy in front of an Envoy that refuses upgrades": Report(
        "https://github.com/envoyproxy/envoy/issues/5595",
        (("envoy", {ENVOY_UPGRADE: ""}), ("envoy", {})),
        candidates=frozenset({"upgrade-denied"}),
        step="upgrade_configs in Envoy",
    ),
    "Envoy, header names in lower case": Report(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/header_casing",
        (("envoy", {}),),
        server=strict_about(rb"\nUpgrade: ", BAD),
        step="in the logs, from the proxy to DSS",
    ),
    "Envoy, escaped slashes are rejected": Report(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secure",
        (
            (
                "envoy",
                {ENVOY_FILTERS: f"          path_with_escaped_slashes_action: REJECT_REQUEST\n{ENVOY_FILTERS}"},
            ),
        ),
        scheme="ws",
        path="/dip%2Fwebsocket",
        step="connect to DSS directly",
    ),
    "HAProxy sends the PROXY protocol to Envoy": Report(
        "https://doc.traefik.io/traefik/routing/entrypoints/#proxyprotocol",
        (("envoy", {}), ("haproxy", {"server dss DSS_HOST:DSS_PORT": "server dss DSS_HOST:DSS_PORT send-proxy"})),
        step="the cause is not related to WebSocket",
    ),
    "Traefik over TLS, a sign-in service rejects wss": Report(
        "https://github.com/ItalyPaleAle/traefik-forward-auth/pull/19",
        (("traefik", secure_middleware("forwardAuth: {address: 'http://127.0.0.1:AUTH_PORT/'}")),),
        scheme="https",
        service=only_http_and_https,
        cause="works",
    ),
    "Traefik over TLS, a server that does not know wss": Report(
        "https://github.com/traefik/traefik/issues/6388",
        (("traefik", {}),),
        "forwarded-proto",
        scheme="https",
        server=only_https,
    ),
    "Traefik, inFlightReq while others are connected": Report(
        "https://github.com/Venkateshvenki404224/benchpress/issues/186",
        (("traefik", middleware("inFlightReq: {amount: 2}")),),
        "connections-exhausted",
        held=2,
    ),
    "Traefik, buffering": Report(
        "https://github.com/traefik/plugin-simplecache/issues/23",
        (("traefik", middleware("buffering: {maxRequestBodyBytes: 1000000}")),),
        cause="works",
    ),
    "Traefik, compress": Report(
        "https://github.com/traefik/traefik/issues/1315",
        (("traefik", middleware("compress: {}")),),
        "works",
    ),
    "Traefik, a prefix that ends with a slash": Report(
        "https://github.com/traefik/traefik/issues/920",
        (
            (
                "traefik",
                {
                    "rule: Host(`dss.example.com`)": "rule: Host(`dss.example.com`) &&"
                    " (Path(`/`) || PathPrefix(`/dip/api/`) || PathPrefix(`/dip/websocket/`))"
                },
            ),
        ),
        candidates=frozenset({"wrong-path"}),
        step="the rule that this URL matches",
    ),
    "Traefik sends ws to https": Report(
        "https://github.com/traefik/traefik/issues/5571",
        (("traefik", middleware("redirectScheme: {scheme: https}")),),
        scheme="ws",
        path="/dip/websocket",
        step="diagnose wss://localhost/dip/websocket",
    ),
    "nginx drops Upgrade in front of Traefik": Report(
        "https://github.com/traefik/traefik/issues/6294",
        (("traefik", {}), ("nginx", {NGINX_UPGRADE: ""})),
        "upgrade-not-forwarded",
    ),
    "HAProxy reaches Traefik over HTTP/2": Report(
        "https://github.com/haproxy/haproxy/issues/162",
        (("traefik", {}), ("haproxy", {"server dss DSS_HOST:DSS_PORT": "server dss DSS_HOST:DSS_PORT proto h2"})),
        candidates=frozenset({"http2-upstream"}),
        step="over HTTP/2",
    ),
    "Traefik reaches Envoy over h2c": Report(
        "https://github.com/traefik/traefik/issues/7465",
        (("envoy", {}), ("traefik", {"url: http://DSS_HOST": "url: h2c://DSS_HOST"})),
        "works",
    ),
    "Caddy sends Upgrade to a sign-in service": Report(
        "https://github.com/caddyserver/caddy/issues/5430",
        (("caddy", {CADDY_SITE: f"{CADDY_SITE}\tforward_auth 127.0.0.1:AUTH_PORT {{\n\t\turi /verify\n\t}}\n"}),),
        step="must not send Upgrade to that service",
        service=no_handshakes,
    ),
    "Caddy, a matcher with a slash at the end": Report(
        "https://github.com/caddyserver/caddy/issues/6587",
        (
            (
                "caddy",
                {
                    CADDY_SITE: f"{CADDY_SITE}\t@rest not path / /dip/api/* /dip/websocket/\n"
                    '\trespond @rest "<html>welcome" 200\n'
                },
            ),
        ),
        candidates=frozenset({"upgrade-wrong-location", "wrong-path"}),
        step="the rule that this URL matches",
    ),
    "Caddy changes the case of Sec-WebSocket-Key": Report(
        "https://github.com/caddyserver/caddy/issues/3778",
        (("caddy", {}),),
        server=strict_about(rb"\nSec-WebSocket-Key: ", BAD),
        cause="works",
    ),
    "Caddy, a 101 without Connection": Report(
        "https://github.com/caddyserver/caddy/issues/6132",
        (("caddy", {}),),
        server=fake_dss(handshake=accept(change=lambda headers: headers.pop("Connection"))),
        candidates=frozenset({"handshake-header-mangled"}),
        step="Upgrade and Connection",
    ),
    "Caddy, handle_path removes a prefix": Report(
        "https://caddyserver.com/docs/caddyfile/directives/handle_path",
        (
            (
                "caddy",
                {
                    CADDY_SITE: CADDY_SITE
                    + "\thandle_path /dip/websocket* {\n\t\treverse_proxy DSS_HOST:DSS_PORT\n\t}\n"
                },
            ),
        ),
        candidates=frozenset({"wrong-path"}),
        step="gets the same page as /",
    ),
    "Varnish, Connection is not copied": Report(
        "https://github.com/varnishcache/varnish-cache/issues/2366",
        (("varnish", {VARNISH_CONNECTION: ""}),),
        "upgrade-not-forwarded",
        bare=True,
    ),
    "Varnish, Connection: close in the pipe": Report(
        "https://varnish-cache.org/docs/3.0/tutorial/websockets.html",
        (("varnish", {VARNISH_CONNECTION: '    set bereq.http.Connection = "close";\n'}),),
        "upgrade-not-forwarded",
        bare=True,
    ),
    "Varnish as a cache in front of nginx": Report(
        "https://github.com/miraheze/puppet/pull/3014",
        (("nginx", {}), ("varnish", {"return (pipe);": "return (pass);"})),
        "upgrade-not-forwarded",
    ),
    "lighttpd, a second proxy.header replaces the first": Report(
        "https://redmine.lighttpd.net/projects/lighttpd/wiki/WebSockets",
        (
            (
                "lighttpd",
                {
                    LIGHTTPD_UPGRADE: LIGHTTPD_UPGRADE
                    + '\n    $HTTP["url"] =~ "^/" { proxy.header = ( "https-remap" => "enable" ) }'
                },
            ),
        ),
        "upgrade-not-forwarded",
    ),
    "lighttpd, Connection in lower case": Report(
        "https://github.com/chronoxor/NetCoreServer/issues/71",
        (("lighttpd", {}),),
        server=strict_about(rb"\nConnection: .*Upgrade", BAD),
        step="in the logs, from the proxy to DSS",
    ),
    "Squid, an anonymous proxy": Report(
        "http://www.squid-cache.org/Doc/config/request_header_access/",
        (
            (
                "squid",
                {
                    SQUID_UPGRADE: SQUID_UPGRADE
                    + "".join(
                        f"request_header_access {name} allow all\n"
                        for name in ("Host", "Cookie", "Accept", "User-Agent", "Origin", "Upgrade", "Connection")
                    )
                    + "request_header_access All deny all\n"
                },
            ),
        ),
        "handshake-header-mangled",
    ),
    "Squid, a blocked word in the path": Report(
        "http://www.squid-cache.org/Doc/config/acl/",
        (
            (
                "squid",
                {
                    "http_access allow dss\n": "acl word urlpath_regex -i websocket channels\n"
                    "http_access deny word\nhttp_access allow dss\n"
                },
            ),
        ),
        step="the 403 comes from Squid (http_access)",
    ),
    "Squid, maxconn": Report(
        "http://www.squid-cache.org/Doc/config/acl/#maxconn",
        (("squid", {"http_access allow dss\n": "acl many maxconn 2\nhttp_access deny many\nhttp_access allow dss\n"}),),
        held=2,
        step="the 403 comes from Squid (http_access)",
    ),
    "a transparent Squid in front of Traefik": Report(
        "https://github.com/harness/harness/issues/787",
        (("traefik", {}), ("squid", {SQUID_UPGRADE: ""})),
        "upgrade-not-forwarded",
        scheme="ws",
        path="/dip/websocket",
    ),
}


@contextlib.contextmanager
def site_of(report, build, dss, bare):
    """Run the proxies of a report, and yield the last."""
    with contextlib.ExitStack() as stack:
        behind = bare if report.bare else dss
        if report.server:
            behind = StandIn(stack.enter_context(scripted_server(report.server)), "", dss.folder)
        auth = stack.enter_context(scripted_server(report.service)) if report.service else 0
        for name, changes in report.chain:
            recipe = RECIPES[name]
            config = recipe.config(https=report.scheme == "https")
            text = config.read_text()
            for old, new in changes.items():
                assert text.count(old) == 1, f"{config.name}: expected {old!r} once: correct the test"
                text = text.replace(old, new.replace("AUTH_PORT", str(auth)))
            used = build if name == report.chain[-1][0] else newest(config)
            site = stack.enter_context(proxy(recipe, used, config, behind, changed={config: text}))
            behind = replace(dss, port=site.port)
        yield site


def observe(report, build, dss, bare):
    """Return the evidence of a report."""
    with site_of(report, build, dss, bare) as site, contextlib.ExitStack() as stack:
        for _ in range(report.held):
            stack.enter_context(Reader(site).socket("/dip/websocket?sessionId=other"))
        url = f"{report.scheme}://localhost:{site.port}{report.path}"
        return asyncio.run(look(Target(url, tls=site.tls)))


def front_of(report):
    """Return the build of the last proxy, which users connect to."""
    return newest(RECIPES[report.chain[-1][0]].config(https=report.scheme == "https"))


ROWS = [pytest.param(front_of(report), report, id=title) for title, report in REPORTS.items()]


@pytest.mark.parametrize(("build", "report"), ROWS)
def test_a_public_report_gets_no_wrong_name(build, report, dss, bare, verdict):
    diagnosis = diagnose(observe(report, build, dss, bare))
    named = [finding.id for finding in diagnosis.findings]
    (truth,) = (
        [report.cause] if report.cause else report.candidates if len(report.candidates) == 1 else ["something else"]
    )
    verdict("proxy", truth, named)
    assert named == ([report.cause] if report.cause else [])
    assert report.candidates <= set(diagnosis.candidates)
    assert report.step in diagnosis.next_step


def test_every_report_has_a_cause_or_a_next_step():
    """A row without both would accept any advice."""
    assert all(report.cause or report.step for report in REPORTS.values())
