"""Mistakes from public reports about nginx, Apache httpd and HAProxy."""

import asyncio
import contextlib
from typing import NamedTuple

import pytest
from support.applications import application
from support.machine import RECIPES, newest

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

TO_DSS = "proxy_pass http://DSS_HOST:DSS_PORT;"
UPGRADE = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
HOST = "proxy_set_header Host $http_host;"
KEEP_HOST = "ProxyPreserveHost On"
PASS = "ProxyPass / http://DSS_HOST:DSS_PORT/"
REWRITE = "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} =websocket [NC]\n"
SERVER = "server dss DSS_HOST:DSS_PORT"


class Report(NamedTuple):
    """A mistake that a user reported, in a config of our own."""

    url: str
    """Where it was reported, on GitHub: the issue or the pull request."""
    proxy: str
    config: str
    """What replaces the recipe: the server, the virtual host, or the lines of the frontend and the backend."""
    server: str = "DSS"
    """What runs behind the proxy: the stand-in, or the name of an application."""
    path: str = ""
    """The path of the WebSocket if it is asked as ws:// or wss://."""
    named: str = ""
    """The cause that is named, if there is enough evidence for one."""
    among: str = ""
    """Otherwise a cause that is among the candidates, if any of ours is right."""
    advice: str = ""
    """Words of the next step."""
    secure: bool = False


def nginx(text):
    return f"server {{\nlisten 80; server_name dss.example.com;\n{text}\n}}\n"


def nginx_https(text):
    files = "ssl_certificate /etc/nginx/ssl/dss_server_cert.pem; ssl_certificate_key /etc/nginx/ssl/dss_server.key;"
    redirect = "server { listen 80; return 301 https://$host$request_uri; }\n"
    return f"{redirect}server {{\nlisten 443 ssl; server_name dss.example.com; {files}\n{text}\n}}\n"


def apache(text):
    return f"<VirtualHost *:80>\nServerName dss.example.com\n{text}\n</VirtualHost>\n"


def apache_https(text):
    files = "SSLEngine On\nSSLCertificateFile /etc/apache2/ssl/dss_server_cert.pem\n"
    key = "SSLCertificateKeyFile /etc/apache2/ssl/dss_server.key"
    return f"<VirtualHost *:443>\nServerName dss.example.com\n{files}{key}\n{text}\n</VirtualHost>\n{apache(PASS)}"


def haproxy(front="", back="", server=SERVER, use="default_backend dss"):
    return f"frontend dss\n    bind :80\n    {front}\n    {use}\n\nbackend dss\n    {back}\n    {server}\n"


REPORTS = {
    "nginx, Upgrade has the value of Connection": Report(
        "coreruleset/modsecurity-crs-docker/issues/42",
        "nginx",
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
        + nginx(
            f"location / {{ {TO_DSS} {HOST} proxy_http_version 1.1; proxy_set_header Upgrade $connection_upgrade;"
            " proxy_set_header Connection $connection_upgrade; }"
        ),
        server="bare",
        named="upgrade-not-forwarded",
    ),
    "nginx, a slash is added": Report(
        "mcdonc/klangk/pull/1233",
        "nginx",
        nginx(f"location = /ws {{ return 308 /ws/$is_args$args; }} location / {{ {TO_DSS} {HOST} {UPGRADE} }}"),
        server="Tornado",
        path="/ws",
        named="redirect-on-handshake",
    ),
    "nginx, a location adds the slash by itself": Report(
        "websockets/ws/issues/1769",
        "nginx",
        nginx(
            f"location /ws/ {{ proxy_pass http://DSS_HOST:DSS_PORT/ws; {HOST} {UPGRADE} }}"
            f"location / {{ {TO_DSS} {HOST} }}"
        ),
        server="Tornado",
        path="/ws",
        named="redirect-on-handshake",
    ),
    "nginx, a regex location misses some URLs": Report(
        "CollaboraOnline/online/pull/15150",
        "nginx",
        nginx(f"location ~ ^/dip/(.*)/ws$ {{ {TO_DSS} {HOST} {UPGRADE} }} location / {{ {TO_DSS} {HOST} }}"),
        named="upgrade-not-forwarded",
    ),
    "nginx, a location with a header of its own loses all others": Report(
        "alphagov/govuk-helm-charts/pull/197",
        "nginx",
        nginx(
            f"{UPGRADE} {HOST} location /ws {{ {TO_DSS} proxy_set_header X-Real-IP $remote_addr; }}"
            f"location / {{ {TO_DSS} }}"
        ),
        server="Tornado",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "nginx, the location of the WebSocket does not inherit Host": Report(
        "tiny-pilot/ansible-role-tinypilot/pull/113",
        "nginx",
        nginx(f"{HOST} location /ws {{ {TO_DSS} {UPGRADE} }} location / {{ {TO_DSS} }}"),
        server="Tornado",
        path="/ws",
        among="host-not-preserved",
        advice="compare Host and Origin",
    ),
    "nginx, Connection: keep-alive": Report(
        "flet-dev/website/pull/116",
        "nginx",
        nginx(
            f"location / {{ {TO_DSS} {HOST} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
            " proxy_set_header Connection keep-alive; }"
        ),
        server="Fiber",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "nginx, a sign-in for every request": Report(
        "goauthentik/authentik/issues/3637",
        "nginx",
        nginx(
            f"location / {{ {TO_DSS} {HOST} {UPGRADE} auth_request /auth; error_page 401 = @signin; }}"
            " location = /auth { internal; return 401; }"
            " location @signin { return 302 https://sso.example.com/start?rd=$request_uri; }"
        ),
        server="Tornado",
        path="/ws",
        among="auth-on-handshake",
        advice="sign in with a browser",
    ),
    "nginx, a variable in proxy_pass drops the query": Report(
        "mcdonc/klangk/pull/1233",
        "nginx",
        nginx(f"location ~ ^/(?<rest>.*)$ {{ proxy_pass http://DSS_HOST:DSS_PORT/$rest; {HOST} {UPGRADE} }}"),
        server="token",
        path="/ws?token=secret",
        advice="check in the log of the server that the query arrives",
    ),
    "nginx, HTTP to a port for HTTPS": Report(
        "StudioQi/jeto/issues/26",
        "nginx",
        nginx(f"location / {{ proxy_pass http://443; {HOST} {UPGRADE} }}"),
        named="scheme-mismatch",
    ),
    "nginx, em-websocket without headers": Report(
        "nginx-proxy/nginx-proxy/issues/175",
        "nginx",
        nginx(f"location / {{ {TO_DSS} {HOST} }}"),
        server="em-websocket",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "nginx, Fiber without headers": Report(
        "antoniodipinto/ikisocket/issues/9",
        "nginx",
        nginx(f"location / {{ {TO_DSS} {HOST} }}"),
        server="Fiber",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "nginx, gorilla without headers": Report(
        "mattermost/mattermost/issues/4232",
        "nginx",
        nginx(f"location / {{ {TO_DSS} {HOST} }}"),
        server="gorilla",
        path="/ws",
        among="upgrade-not-forwarded",
        advice="connect to DSS directly",
    ),
    "nginx, Phoenix without headers": Report(
        "plausible/analytics/issues/3824",
        "nginx",
        nginx(f"location / {{ {TO_DSS} {HOST} }}"),
        server="Phoenix",
        path="/live/websocket?vsn=2.0.0",
        among="upgrade-not-forwarded",
        advice="connect to DSS directly",
    ),
    "nginx, the headers of the response do not fit": Report(
        "NginxProxyManager/nginx-proxy-manager/issues/4681",
        "nginx",
        nginx(f"location / {{ {TO_DSS} {HOST} {UPGRADE} }}"),
        server="long headers",
        path="/ws",
        advice="too long headers",
    ),
    "nginx, headers for HTTP only": Report(
        "rstudio/shiny-server/issues/237",
        "nginx",
        nginx_https(f"location / {{ {TO_DSS} {HOST} }}"),
        secure=True,
        named="upgrade-not-forwarded",
    ),
    "nginx, a page for every URL that is no file": Report(
        "socketio/socket.io/issues/3508",
        "nginx",
        nginx(
            f"location /dip/api/ {{ {TO_DSS} }}"
            " location / { default_type text/html; return 200 '<!doctype html><title>An application</title>"
            "<script src=/main.js></script><p>This page loads an application in the browser.</p>'; }"
        ),
        among="upgrade-wrong-location",
        advice="one page for every URL (try_files",
    ),
    "nginx, few connections for each client": Report(
        "dev-sec/chef-nginx-hardening/issues/11",
        "nginx",
        "limit_conn_zone $binary_remote_addr zone=few:1m;\n"
        + nginx(f"limit_conn few 1; location / {{ {TO_DSS} {HOST} {UPGRADE} }}"),
        named="connections-exhausted",
    ),
    "nginx, an error page replaces the words of the server": Report(
        "kubernetes/ingress-nginx/issues/8376",
        "nginx",
        nginx(
            f"proxy_intercept_errors on; error_page 400 404 426 /oops; location / {{ {TO_DSS} {HOST} }}"
            " location = /oops { internal; return 200 'Something went wrong'; }"
        ),
        named="upgrade-not-forwarded",
    ),
    "nginx, proxy_pass without a slash": Report(
        "websockets/ws/issues/1769",
        "nginx",
        nginx(f"location /app/ {{ {TO_DSS} {HOST} {UPGRADE} }} location / {{ {TO_DSS} {HOST} }}"),
        server="Tornado",
        path="/app/ws",
        among="wrong-path",
        advice="If its path is not that of the URL",
    ),
    "nginx, another site because Host is replaced": Report(
        "websockets/ws/issues/979",
        "nginx",
        nginx(f"location / {{ {TO_DSS} proxy_set_header Host dss.internal; {UPGRADE} }}"),
        server="two sites",
        path="/ws",
        advice="knows the server by another host name",
    ),
    "nginx, one request each second": Report(
        "binary-com/websockets/issues/35",
        "nginx",
        "limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/s;\n"
        + nginx(f"location / {{ {TO_DSS} {HOST} }} location /ws {{ limit_req zone=slow; {TO_DSS} {HOST} {UPGRADE} }}"),
        server="Tornado",
        path="/ws",
        among="connections-exhausted",
        advice="a limit on requests",
    ),
    "nginx, Connection as the browser sent it": Report(
        "portainer/portainer/issues/111",
        "nginx",
        nginx(
            f"location /ui {{ {TO_DSS} {HOST} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
            " proxy_set_header Connection $http_connection; rewrite /ui/(.*)$ /$1 break; }"
        ),
        server="Tornado",
        path="/ui/ws",
        named="works",
    ),
    "Apache, no upgrade, and its own error page": Report(
        "louislam/uptime-kuma/issues/1094",
        "apache",
        apache(f'ProxyErrorOverride On\nErrorDocument 400 "Oops"\nErrorDocument 426 "Oops"\n{PASS}\n{KEEP_HOST}'),
        named="upgrade-not-forwarded",
    ),
    "Apache, ProxyPass with a slash that the URL lacks": Report(
        "websockets/ws/issues/893",
        "apache",
        apache(f"ProxyPass /ws/ ws://DSS_HOST:DSS_PORT/ws\n{PASS}\n{KEEP_HOST}"),
        server="Tornado",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "Apache, the percent sign of REQUEST_URI is missing": Report(
        "homebridge/homebridge-config-ui-x/issues/259",
        "apache",
        apache(f"{REWRITE}RewriteRule .* ws://DSS_HOST:DSS_PORT/{{REQUEST_URI}} [P]\n{PASS}\n{KEEP_HOST}"),
        server="Tornado",
        path="/ws",
        advice="RewriteRule with ws://",
    ),
    "Apache, every WebSocket goes to the root": Report(
        "cockpit-project/cockpit/issues/9543",
        "apache",
        apache(f"{REWRITE}RewriteRule /(.*) ws://DSS_HOST:DSS_PORT/ [P,L]\n{PASS}\n{KEEP_HOST}"),
        server="Tornado",
        path="/ws",
        advice="RewriteRule with ws://",
    ),
    "Apache, WebSockets go to a port that is closed": Report(
        "dani-garcia/vaultwarden/issues/491",
        "apache",
        apache(f"{REWRITE}RewriteRule /(.*) ws://127.0.0.1:9/$1 [P,L]\n{PASS}\n{KEEP_HOST}"),
        advice="may be down",
    ),
    "Apache, the Location for pages comes last": Report(
        "jupyterhub/jupyterhub/issues/219",
        "apache",
        apache(
            '<Location "/ws">\nProxyPass ws://DSS_HOST:DSS_PORT/ws\n</Location>\n'
            f'<Location "/">\nProxyPass http://DSS_HOST:DSS_PORT/\n</Location>\n{KEEP_HOST}'
        ),
        server="Tornado",
        path="/ws",
        named="upgrade-not-forwarded",
    ),
    "Apache, Host is kept and Origin is replaced": Report(
        "jupyterhub/jupyterhub/issues/1411",
        "apache",
        apache(f'{PASS} upgrade=websocket\n{KEEP_HOST}\nRequestHeader edit Origin "localhost:[0-9]+" 127.0.0.1:8000'),
        server="Tornado",
        path="/ws",
        among="host-not-preserved",
        advice="compare Host and Origin",
    ),
    "Apache, Origin is replaced with a URL": Report(
        "ipython/ipython/issues/7898",
        "apache",
        apache(f"{PASS} upgrade=websocket\nRequestHeader set Origin http://127.0.0.1:8888/python"),
        server="Tornado",
        path="/ws",
        among="host-not-preserved",
        advice="compare Host and Origin",
    ),
    "Apache, wss:// without SSLProxyEngine": Report(
        "websockets/ws/issues/2102",
        "apache",
        apache(f"ProxyPass /dip/websocket wss://DSS_HOST:DSS_PORT/dip/websocket\n{PASS}\n{KEEP_HOST}"),
        advice="wss:// needs SSLProxyEngine",
    ),
    "Apache, wss:// to a port for HTTP": Report(
        "digitalfondue/lavagna/issues/127",
        "apache",
        apache(
            f"SSLProxyEngine On\n{REWRITE}RewriteRule .* wss://DSS_HOST:DSS_PORT%{{REQUEST_URI}} [P]\n"
            f"{PASS}\n{KEEP_HOST}"
        ),
        among="scheme-mismatch",
        advice="use http or ws there",
    ),
    "Apache, no handler for the scheme": Report(
        "openshift/origin/issues/17016",
        "apache",
        apache(f"ProxyPass /dip/websocket websocket://DSS_HOST:DSS_PORT/dip/websocket\n{PASS}\n{KEEP_HOST}"),
        advice="a scheme that no module handles",
    ),
    "Apache, a condition with a dollar sign": Report(
        "openware/opendax/issues/284",
        "apache",
        apache(
            "RewriteEngine On\nRewriteCond ${HTTP:Upgrade} websocket [NC]\n"
            f"RewriteRule /(.*) ws://DSS_HOST:DSS_PORT/$1 [P,L]\n{PASS}\n{KEEP_HOST}"
        ),
        server="gorilla",
        path="/ws",
        among="upgrade-not-forwarded",
        advice="connect to DSS directly",
    ),
    "Apache, the rules are not in the virtual host for HTTPS": Report(
        "magne4000/quassel-webserver/issues/159",
        "apache",
        apache_https(f"{PASS}\n{KEEP_HOST}"),
        secure=True,
        named="upgrade-not-forwarded",
    ),
    "Apache, headers set by hand": Report(
        "dani-garcia/vaultwarden/issues/527",
        "apache",
        apache(
            "RequestHeader setifempty Connection Upgrade\nRequestHeader setifempty Upgrade websocket\n"
            f"{PASS}\n{KEEP_HOST}"
        ),
        server="bare",
        named="upgrade-not-forwarded",
    ),
    "HAProxy, Host with a port": Report(
        "rancher/cattle/pull/734",
        "haproxy",
        haproxy(use="use_backend dss if { hdr(host) -i dss.example.com }"),
        advice="may know DSS by that host name only",
    ),
    "HAProxy, Upgrade and Connection set by hand": Report(
        "haproxy/haproxy/issues/1944",
        "haproxy",
        haproxy(back="http-request set-header Upgrade websocket\n    http-request set-header Connection Upgrade"),
        named="works",
    ),
    "HAProxy, a server that rejects a Host in a message": Report(
        "haproxy/haproxy/issues/1982",
        "haproxy",
        haproxy(back="http-request set-header Host app.example.com"),
        server="Tornado",
        path="/strict",
        advice="Some servers report in a message what they miss",
    ),
    "HAProxy, a redirect for what was HTTPS already": Report(
        "docker-archive/dockercloud-haproxy/pull/235",
        "haproxy",
        haproxy(front="http-request redirect scheme https code 301 unless { ssl_fc }"),
        server="Tornado",
        path="/ws",
        advice="diagnose wss://localhost",
    ),
    "HAProxy, Upgrade and Connection set by hand, HTTP/2": Report(
        "haproxy/haproxy/issues/1944",
        "haproxy",
        haproxy(
            front="bind :443 ssl crt /etc/haproxy/certs/dss.pem alpn h2,http/1.1",
            back="http-request set-header Upgrade websocket\n    http-request set-header Connection Upgrade",
        ),
        secure=True,
        named="works",
    ),
    "HAProxy, option httpclose": Report(
        "rancher/cattle/pull/1020", "haproxy", haproxy(back="option httpclose"), named="works"
    ),
}
"""By title. Those named `works` failed on an older build, or the proxy was blamed wrongly."""


def observed(build, report, dss, bare):
    """Return the evidence of a recipe with this config."""
    recipe = RECIPES[report.proxy]
    config = recipe.config(https=report.secure)
    with contextlib.ExitStack() as stack:
        own = {"DSS": dss, "bare": bare}.get(report.server)
        server = own or stack.enter_context(application(report.server))
        site = stack.enter_context(proxy(recipe, build, config, server, changed={config: report.config}))
        url = f"ws{site.origin.removeprefix('http')}{report.path}" if report.path else site.origin
        return asyncio.run(look(Target(url, tls=site.tls)))


def built(report):
    """Return the newest build for a report."""
    return newest(RECIPES[report.proxy].config(https=report.secure))


@pytest.mark.parametrize(
    ("build", "report"), [pytest.param(built(each), each, id=title) for title, each in REPORTS.items()]
)
def test_a_reported_mistake_gets_a_next_step(build, report, dss, bare, verdict):
    evidence = observed(build, report, dss, bare)
    diagnosis = diagnose(evidence)
    named = [finding.id for finding in diagnosis.findings]
    verdict("proxy", report.named or report.among or "something else", named)
    assert named == [report.named][: bool(report.named)]
    assert report.among in {"", *diagnosis.candidates}
    assert report.named or report.advice in diagnosis.next_step
