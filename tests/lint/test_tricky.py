"""Configs on which a search for words is wrong."""

import pytest

from checks.lint import KINDS, Options, included, kind_of, lint_text

pytestmark = pytest.mark.quick

GOOD = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
HOST = "proxy_set_header Host $http_host; proxy_read_timeout 1h;"


def location(lines, around=""):
    return f"server {{ listen 80; {around} location / {{ proxy_pass http://a:1; {lines} }} }}"


def serious(text, kind="nginx", **options):
    """Return the rules that are more than a note, and the unknown facts."""
    report = lint_text(text, "x", kind, Options(**options))
    return {each.rule for each in report.findings if each.severity != "note"}, report.unknown, report.decided


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f"http {{ {GOOD} {HOST} {location('')} }}", set()),
        (location("proxy_set_header X-Request-Id 1;", GOOD + HOST), {"upgrade-cut-off", "host-lost"}),
        (location(GOOD + HOST + "proxy_set_header Connection '';"), set()),
        (location(GOOD + HOST + "proxy_set_header Upgrade websocket;"), {"upgrade-twice"}),
        (location(GOOD + HOST + "proxy_hide_header Upgrade;"), {"response-hidden"}),
        (
            location(
                "set $c ''; if ($http_upgrade ~* websocket) { set $c upgrade; }"
                + GOOD.replace("$http_connection", "$c")
                + HOST
            ),
            set(),
        ),
        (location(GOOD.replace("proxy_http_version 1.1;", "") + HOST), {"http-1-0"}),
        # blocks on one line, two directives on a line, a brace of its own
        ("server\n{\nlisten 80;\nlocation /\n{\nproxy_pass http://a:1; " + GOOD + HOST + "\n}\n}", set()),
        # Jinja, Go, ERB and Liquid around values and blocks
        (
            (
                "server {\n{% for x in y %}\nlisten {{ x }};\n{% endfor %}\n"
                f"location / {{ proxy_pass http://{{{{ h }}}}; {GOOD} {HOST} }} }}"
            ),
            set(),
        ),
        ("server {\n{{- range .X }}\nlocation / { proxy_pass http://a; " + GOOD + HOST + " }\n{{- end }}\n}", set()),
        (
            "server {\n<% if @x %>\nlisten <%= @port %>;\n<% end %>\nlocation / { proxy_pass http://a; "
            + GOOD
            + HOST
            + " }\n}",
            set(),
        ),
        # placeholders
        (
            "server { server_name <your-domain>; location / { proxy_pass http://${HOST}:${PORT}; "
            + GOOD
            + HOST
            + " } }",
            set(),
        ),
        ("server { server_name [server_name]; location / { proxy_pass http://%x%; " + GOOD + HOST + " } }", set()),
        ("server { server_name {domain}; location / { proxy_pass http://{upstream}; " + GOOD + HOST + " } }", set()),
        ("server {\nYOUR_SETTINGS_HERE\nlocation / {\nproxy_pass http://a;\n...\n" + GOOD + HOST + "\n}\n}", set()),
        # cut at either end
        (
            "proxy_pass http://a; "
            + GOOD
            + HOST
            + " } } server { listen 81; location / { proxy_pass http://b; "
            + GOOD
            + HOST,
            set(),
        ),
        # regexes, Lua, comments behind directives
        (
            'server { location ~ "^/x{1,10}/" { return 404; } location / { proxy_pass http://a; # {\n'
            + GOOD
            + HOST
            + " } }",
            set(),
        ),
        (
            "server { location / { access_by_lua_block { if x then ngx.exit(403) end } proxy_pass http://a; "
            + GOOD
            + HOST
            + " } }",
            set(),
        ),
        # which location takes it
        (
            location(GOOD + HOST, "location /dip/ { proxy_pass http://a:1; proxy_http_version 1.1; " + HOST + " }"),
            {"upgrade-lost"},
        ),
        (location(GOOD + HOST, "location ~ \\.php$ { proxy_pass http://a:1; }"), set()),
        (location(GOOD + HOST, "location /static/ { proxy_pass http://a:1; }"), set()),
        (
            "server { location / { try_files $uri @a; } location @a { proxy_pass http://a; " + GOOD + HOST + " } }",
            set(),
        ),
        # redirects to HTTPS are right
        (
            "server { listen 80; return 301 https://$host$request_uri; } server { listen 443 ssl; location / { proxy_pass http://a; proxy_set_header X-Forwarded-Proto https; "
            + GOOD
            + HOST
            + " } }",
            set(),
        ),
        # a stream
        ("stream { server { listen 443; proxy_pass a:1; } }", set()),
        ("stream { server { listen 443; proxy_pass a:1; proxy_timeout 30s; } }", {"idle-timeout"}),
        # what nginx answers itself, and where an error_page sends it
        (location(GOOD + HOST, "if ($http_upgrade) { return 403; }"), {"answered"}),
        (location(GOOD + HOST, "location /dip/websocket { return 403; }"), {"answered"}),
        (location(GOOD + HOST, "location /jupyter/ { deny all; }"), {"answered"}),
        (location(GOOD + HOST + "allow 10.0.0.0/8; deny all;"), set()),
        (
            location(
                "error_page 418 = @w; if ($http_upgrade) { return 418; }",
                "location @w { proxy_pass http://a; " + GOOD + HOST + " }",
            ),
            set(),
        ),
        (
            location(
                "if ($http_upgrade) { return 418; }",
                "error_page 418 = @w; location @w { proxy_pass http://a; " + HOST + "proxy_http_version 1.1; }",
            ),
            {"upgrade-lost"},
        ),
        # a rewrite with last ends the lines that change or answer a request
        (
            location(
                "rewrite ^/(dip|jupyter)/(.*) /in/$1/$2 last; return 403;",
                "location /in/ { proxy_pass http://a/; " + GOOD + HOST + " }",
            ),
            set(),
        ),
        # maps
        (
            "map $http_upgrade $c { websocket upgrade; WebSocket upgrade; }"
            + location(GOOD.replace("$http_connection", "$c") + HOST),
            {"does-not-load"},
        ),
        (
            "map $http_upgrade $c { ~*^websocket upgrade; ~*^WebSocket upgrade; '' close; }"
            + location(GOOD.replace("$http_connection", "$c") + HOST),
            set(),
        ),
        # versions
        (location("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;" + HOST), {"http-1-0"}),
    ],
)
def test_nginx(text, rules):
    assert serious(text)[0] == rules


def test_what_an_include_may_set_is_unknown():
    rules, unknown, decided = serious("server { location / { proxy_pass http://a; include /etc/nginx/ws.conf; } }")
    assert (rules, decided) == (set(), False)
    assert any("include /etc/nginx/ws.conf (line 1)" in each for each in unknown)


@pytest.mark.parametrize("name", ["connection_upgrade", "proxy_connection", "request_upgrade", "scheme_upgrade"])
def test_a_variable_of_another_file_is_unknown(name):
    text = location(GOOD.replace("http_connection", name) + HOST)
    rules, unknown, decided = serious(text)
    assert (rules, decided) == ({"variable-undefined"}, False)
    assert unknown
    (finding,) = [each for each in lint_text(text, "x", "nginx").findings if each.rule == "variable-undefined"]
    assert finding.severity == "depends"
    assert {each.severity for each in lint_text(f"events {{}} http {{ {text} }}", "x", "nginx").findings} == {"broken"}


def test_a_given_include_is_followed():
    files = {
        "nginx.conf": "http { include conf.d/*.conf; }",
        "conf.d/a.conf": location("include ws.inc;"),
        "ws.inc": GOOD + HOST,
    }
    trees = {path: KINDS["nginx"].read(text, path) for path, text in files.items()}
    found = KINDS["nginx"].model(trees["nginx.conf"], Options(files=trees))
    assert found.missing == []
    assert {fact.value for route in found.routes for fact in route.facts if fact.key == "upgrade"} == {"forwarded"}
    assert sorted(included(trees, "nginx", Options())) == ["conf.d/a.conf", "ws.inc"]


def test_the_output_of_nginx_t_has_several_files():
    dump = f"# configuration file /etc/nginx/nginx.conf:\nhttp {{\n include /etc/nginx/conf.d/*.conf;\n}}\n# configuration file /etc/nginx/conf.d/a.conf:\n\n{location('')}\n"
    report = lint_text(dump, "dump", "nginx")
    lost = next(each for each in report.findings if each.rule == "upgrade-lost")
    assert (lost.file, lost.line, report.unknown) == ("/etc/nginx/conf.d/a.conf", 2, [])


def test_with_a_known_version_the_default_counts():
    text = location("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;" + HOST)
    assert serious(text, version="1.29.7")[0] == set()
    assert serious(text, version="1.22.1")[0] == {"http-1-0"}


def test_other_servers_have_no_check_of_origin():
    assert serious(location(GOOD + "proxy_read_timeout 1h;"), server="any")[0] == set()


def test_for_any_server_one_location_for_websocket_is_enough():
    text = location("", "location /ws { proxy_pass http://b; " + GOOD + HOST + " }")
    assert serious(text, server="any")[0] == set()


@pytest.mark.parametrize(
    ("kind", "text", "rules"),
    [
        (
            "apache",
            "<VirtualHost *:80>\nProxyPreserveHost On\nProxyTimeout 1h\nProxyPass / http://b/ \\\n  upgrade=websocket\n</VirtualHost>",
            set(),
        ),
        (
            "apache",
            "<VirtualHost *:80>\nProxyPreserveHost On\nProxyTimeout 1h\n<Proxy balancer://c>\nBalancerMember http://b upgrade=websocket\n</Proxy>\nProxyPass / balancer://c/\n</VirtualHost>",
            set(),
        ),
        (
            "apache",
            "<VirtualHost *:80>\nProxyPreserveHost On\nProxyTimeout 1h\n<Proxy http://b/>\nProxySet upgrade=websocket\n</Proxy>\nProxyPass / http://b/\n</VirtualHost>",
            set(),
        ),
        (
            "apache",
            "<VirtualHost *:80>\nProxyPreserveHost On\nProxyTimeout 1h\n<LocationMatch ^/(dip|jupyter)/>\nProxyPassMatch ws://b\n</LocationMatch>\n</VirtualHost>",
            set(),
        ),
        (
            "caddy",
            "http://a {\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t\ttransport http {\n\t\t\tversions 2\n\t\t}\n\t}\n}\n",
            set(),
        ),
        ("caddy", "http://a {\n\treverse_proxy h2c://b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n", {"http-2"}),
        (
            "apache",
            "Define HOST b\n<VirtualHost *:80>\nProxyPreserveHost On\nProxyTimeout 3600\nProxyPass / ws://${HOST}/\n</VirtualHost>",
            set(),
        ),
        (
            "apache",
            "<IfModule mod_proxy.c>\n<VirtualHost *:80>\nproxypreservehost on\nproxytimeout 3600\nproxypass / ws://b/\n</VirtualHost>\n</IfModule>",
            set(),
        ),
        (
            "haproxy",
            "defaults\n mode http\n timeout client 50s\n timeout server 50s\nfrontend f\n bind :80\n default_backend b\nbackend b\n timeout tunnel 3600\n server s a:1\n",
            {"idle-milliseconds"},
        ),
        ("haproxy", "listen l\n bind :80\n mode tcp\n timeout client 1h\n timeout server 1h\n server s a:1\n", set()),
        (
            "caddy",
            "dss.example.com {\n\treverse_proxy a:1 {\n\t\theader_up Connection {>Connection}\n\t\tstream_close_delay 24h\n\t}\n}\n",
            {"connection-wrong"},
        ),
        (
            "haproxy",
            "listen l\n bind :80\n mode http\n option forceclose\n timeout tunnel 1h\n server s a:1\n",
            {"removed"},
        ),
        (
            "envoy",
            'kind: Ingress\nmetadata:\n  name: a\n  annotations:\n    nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"\n    nginx.ingress.kubernetes.io/configuration-snippet: |\n      proxy_set_header Upgrade $http_upgrade;\n      proxy_set_header Connection "upgrade";\n',
            {"upgrade-snippet"},
        ),
        ("caddy", "dss.example.com\n\nreverse_proxy a:1 {\n\tstream_close_delay 24h\n}\n", set()),
        (
            "traefik",
            "services:\n  a:\n    labels:\n      - traefik.http.routers.a.rule=Host(`a`)\n      - traefik.http.routers.a.middlewares=m\n      - traefik.http.middlewares.m.headers.customrequestheaders.Upgrade=websocket\n      - traefik.http.middlewares.m.headers.customrequestheaders.Connection=Upgrade\n",
            {"upgrade-on-pages"},
        ),
        (
            "envoy",
            'kind: Ingress\nmetadata:\n  name: a\n  annotations:\n    nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"\n',
            set(),
        ),
        (
            "caddy",
            "http://a {\n\trespond /dip/websocket 403\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            {"answered"},
        ),
        (
            "caddy",
            "http://a {\n\trespond /health 200\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            set(),
        ),
        (
            "caddy",
            "http://a {\n\tredir https://{host}{uri}\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            {"redirected"},
        ),
        ("caddy", "http://a {\n\tredir / /home/\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n", set()),
        (
            "caddy",
            "http://a {\n\turi strip_prefix /dip\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            {"path-changed"},
        ),
        (
            "caddy",
            "http://a {\n\trewrite * /x{uri}\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            {"path-changed"},
        ),
        ("caddy", "http://a {\n\trewrite / /home/\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n", set()),
        (
            "caddy",
            "http://a {\n\trequest_header -Sec-WebSocket-Key\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n",
            {"key-dropped"},
        ),
        (
            "caddy",
            "http://a {\n\troute {\n\t\treverse_proxy b:1 {\n\t\t\tstream_close_delay 1h\n\t\t}\n\t\trespond 404\n\t}\n}\n",
            set(),
        ),
        ("caddy", "a.example.com {\n  proxy / b:1 {\n    websocket\n  }\n}\n", {"removed"}),
        (
            "traefik",
            "services:\n  a:\n    labels:\n      traefik.http.routers.a.rule: Host(`a`)\n      traefik.http.services.a.loadbalancer.server.port: 80\n      traefik.http.services.a.loadbalancer.passhostheader: false\n",
            {"host-lost"},
        ),
        (
            "nginx",
            "server { location / { proxy_pass http://a; " + GOOD.replace("$", "${DOLLAR}") + HOST + " } }",
            set(),
        ),
        (
            "squid",
            "http_port 80 accel\ncache_peer a parent 1 0 originserver\nhttp_upgrade_request_protocols WebSocket allow all\n",
            {"upgrade-case"},
        ),
    ],
)
def test_other_proxies(kind, text, rules):
    assert serious(text, kind)[0] == rules
    assert kind_of(text, "input") in {kind, ""}


def test_a_value_of_a_template_is_shown_as_dots():
    _, unknown, _ = serious("server { location / { proxy_pass http://a; include snippets/{{ x }}.conf; } }")
    assert any("include snippets/….conf" in each for each in unknown)


def test_an_nginx_conf_without_servers_is_recognized():
    assert kind_of("http { include /etc/nginx/conf.d/*.conf; }", "stdin") == "nginx"


def test_a_config_inside_another_file_keeps_its_lines():
    inner = f"server {{\n  location / {{\n    proxy_pass http://a;\n{GOOD}\n  }}\n}}\n"
    for text, line in (
        ("cat > /etc/nginx/a.conf <<EOF\n" + inner.replace("$", "\\$") + "EOF\n", 4),
        ("data:\n  a.conf: |\n" + "".join(f"    {each}\n" for each in inner.splitlines()), 5),
        ("# Title\n\n```nginx\n" + inner + "```\n", 6),
    ):
        report = lint_text(text, "x")
        assert [each.line for each in report.findings if each.rule == "idle-timeout"] == [line]
        assert not [each for each in report.findings if each.severity == "broken"]


TOML = (
    """# a comment
[http.routers]
  [http.routers.dss]
    rule = 'PathPrefix(`/`)'
    middlewares = [
      "own",  # one for all
    ]
    service = "dss"
[http.services]
  dss.loadBalancer = { passHostHeader = false, servers = [{ url = "http://a:1" }] }
[[http.services.other.loadBalancer.servers]]
  url = "http://b:1"
[http.middlewares.own.headers.customRequestHeaders]
  Upgrade = ""
  "X-Own" = """
    + 3 * "'"
    + """
two lines"""
    + 3 * "'"
    + """
"""
)


def test_toml_of_traefik_is_read_with_its_lines():
    assert kind_of(TOML, "dss.toml") == "traefik"
    found = {each.rule: each.line for each in lint_text(TOML, "dss.toml").findings}
    assert found == {"upgrade-lost": 14, "host-lost": 10}


def test_toml_that_is_cut_anywhere_is_read():
    for place in range(len(TOML)):
        lint_text(TOML[:place], "x", "traefik")
        lint_text(TOML[place:], "x", "traefik")
