"""What the page of Apache httpd claims: what differs by version, and what surprises."""

import contextlib

import pytest
from machine import RECIPES, for_each_build, newest, suiting
from reader import Reader
from survival import CHECKS, ECHO, survive
from test_twins import evidence_of
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.process import SCALE
from checks.lab.proxy import proxy

APACHE = RECIPES["apache"]
HTTP = APACHE.config(https=False)
PASS = "ProxyPass / http://DSS_HOST:DSS_PORT/ upgrade=websocket nocanon"
EVERY_BUILD = for_each_build("apache")
EVERY_BUILD_WITH_TUNNELS = for_each_build("apache", since="2.4.47")
EVERY_NEWER_BUILD = pytest.mark.parametrize("build", suiting(HTTP), ids=str)
NEWEST = pytest.mark.parametrize("build", [newest(HTTP)], ids=str)


def changed(build, old, new, dss, config=HTTP):
    """Run the recipe with some words of it changed."""
    text = config.read_text()
    assert text.count(old) == 1
    return proxy(APACHE, build, config, dss, changed={config: text.replace(old, new)})


def findings_of(site):
    return [finding.id for finding in diagnose(evidence_of(site))]


@pytest.mark.proves("apache-passes-on-upgrades-since-2-4-47")
@EVERY_BUILD
def test_before_2_4_47_upgrade_websocket_is_accepted_and_does_nothing(build, dss):
    with proxy(APACHE, build, HTTP, dss) as site:
        survive(CHECKS["accepted"], site)
        assert findings_of(site) == (["works"] if build.release >= (2, 4, 47) else ["upgrade-not-forwarded"])


def keeps_back(site):
    """Tell whether what DSS says first waits until DSS says more."""
    with Reader(site).socket("/dip/websocket?sessionId=a", subprotocols=["dummy"]) as socket:
        try:
            socket.recv(timeout=2)
        except TimeoutError:
            socket.send('{"type": "ping"}')
            assert [socket.recv(timeout=20) for _ in range(2)] == ['{"type": "hello"}', '{"type": "pong"}']
            return True
    return False


@pytest.mark.proves("apache-2-4-48-keeps-back-the-first-message")
@EVERY_BUILD_WITH_TUNNELS
def test_2_4_48_keeps_back_what_dss_says_together_with_its_101(build, dss):
    with proxy(APACHE, build, HTTP, dss) as site:
        assert any(keeps_back(site) for _ in range(50)) == (build.release < (2, 4, 53))


@pytest.mark.proves("apache-counts-the-smaller-limit-before-2-4-53")
@EVERY_BUILD_WITH_TUNNELS
def test_before_2_4_53_timeout_ends_a_tunnel_that_proxytimeout_lets_be(build, dss):
    with (
        changed(build, "ProxyTimeout 3600", "ProxyTimeout 3600\n    Timeout 1", dss) as site,
        Reader(site).socket(ECHO) as socket,
    ):
        expected = ConnectionClosed if build.release < (2, 4, 53) else TimeoutError
        with pytest.raises(expected):
            socket.recv(timeout=4)


@pytest.mark.proves("apache-wstunnel-is-not-needed")
@EVERY_NEWER_BUILD
def test_without_mod_proxy_wstunnel_a_rule_with_ws_opens_sockets_too(build, dss):
    rules = """RewriteEngine On
    RewriteCond %{HTTP:Upgrade} =websocket [NC]
    RewriteRule /(.*) ws://DSS_HOST:DSS_PORT/$1 [P]
    ProxyPass / http://DSS_HOST:DSS_PORT/"""
    with changed(build, PASS, rules, dss) as site:
        assert "proxy_wstunnel" not in site.command("apachectl -M").stdout
        survive(CHECKS["notifications"], site)


@pytest.mark.proves("apache-rewrite-rule-refuses-3f-since-2-4-60")
@EVERY_BUILD
def test_a_rewrite_rule_for_everything_loses_question_marks_and_since_2_4_60_refuses_them(build, dss):
    rules = "RewriteEngine On\nRewriteRule /(.*) http://DSS_HOST:DSS_PORT/$1 [P]"
    with changed(build, PASS, rules, dss) as site:
        response, body = Reader(site).request("/dip/lab/request/a%3Fb")
    if build.release >= (2, 4, 60):
        assert response.status == 403
    else:
        assert b'"target": "/dip/lab/request/a?b"' in body


@pytest.mark.proves("apache-answers-404-to-a-slash-in-a-name")
@EVERY_BUILD
def test_without_allow_encoded_slashes_a_slash_in_a_name_is_not_found(build, dss):
    with changed(build, "AllowEncodedSlashes NoDecode", "", dss) as site:
        response, _ = Reader(site).request("/dip/lab/request/a%2Fb")
    assert response.status == 404


@pytest.mark.proves("apache-redirect-encodes-once-more")
@EVERY_NEWER_BUILD
def test_redirect_encodes_a_slash_in_a_name_once_more(build, dss):
    rule = r"""RewriteEngine On
    RewriteCond %{THE_REQUEST} ^\S+\s(/[^?\s]*)
    RewriteRule ^ https://dss.example.com%1 [R=permanent,NE]"""
    redirect = "Redirect permanent / https://dss.example.com/"
    with changed(build, rule, redirect, dss, APACHE.config(https=True)) as site:
        response, _ = Reader(site, insecure=True).request("/a%2Fb", headers={"Host": "localhost"})
    assert response.getheader("Location") == "https://localhost/a%252Fb"


@pytest.mark.proves("apache-proxypassreverse-misses")
@EVERY_NEWER_BUILD
def test_proxypassreverse_misses_redirects_when_the_host_is_preserved(build, dss):
    edit = "Header edit Location ^http://dss.example.com https://dss.example.com"
    reverse = "ProxyPassReverse / http://DSS_HOST:DSS_PORT/"
    with changed(build, edit, reverse, dss, APACHE.config(https=True)) as site:
        response, _ = Reader(site).request("/dip/lab/redirect")
    assert response.getheader("Location") == f"http://localhost:{site.port}/dip/api/ping"


@pytest.mark.proves("apache-first-proxypass-wins")
@EVERY_NEWER_BUILD
def test_a_proxypass_for_everything_wins_over_those_below_it(build, dss):
    sockets = "ProxyPass /dip/websocket http://DSS_HOST:DSS_PORT/dip/websocket upgrade=websocket"
    with changed(build, PASS, f"ProxyPass / http://DSS_HOST:DSS_PORT/ nocanon\n{sockets}", dss) as site:
        assert findings_of(site) == ["upgrade-not-forwarded"]


@pytest.mark.proves("apache-unset-upgrade-loses-it")
@EVERY_NEWER_BUILD
def test_upgrade_taken_out_of_requests_is_lost_and_taken_out_of_answers_is_not(build, dss):
    for line, expected in (
        ("RequestHeader unset Upgrade", ["upgrade-not-forwarded"]),
        ("Header unset Upgrade", ["works"]),
    ):
        with changed(build, PASS, f"{PASS}\n{line}", dss) as site:
            assert findings_of(site) == expected


@pytest.mark.proves("apache-limit-request-body-spares-uploads")
@EVERY_BUILD
def test_limit_request_body_does_not_count_what_is_passed_on(build, dss):
    with changed(build, PASS, f"{PASS}\nLimitRequestBody 1000", dss) as site:
        response, _ = Reader(site).request("/dip/lab/upload", "POST", b"x" * 2000)
    assert response.status == 200


@pytest.mark.proves("apache-header-limit-is-that-of-the-default-site")
@EVERY_NEWER_BUILD
@pytest.mark.parametrize("https", [True, False])
def test_a_limit_on_header_fields_counts_where_the_default_site_has_it(build, https, dss):
    added = f"{PASS}\nLimitRequestFieldSize 16380"
    with changed(build, PASS, added, dss, APACHE.config(https=https)) as site:
        response, _ = Reader(site).request("/dip/api/ping", headers={"Cookie": "sso=" + "x" * 9000})
    assert response.status == 400


@pytest.mark.proves("apache-fills-up-with-reloads")
@NEWEST
@pytest.mark.parametrize("room", [True, False])
def test_with_few_places_reloads_end_in_silence(build, room, dss):
    text = HTTP.read_text()
    if not room:
        text = text.replace("MaxRequestWorkers 1000\n", "").replace("ServerLimit 100\n", "")
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(proxy(APACHE, build, HTTP, dss, changed={HTTP: text}))
        with contextlib.nullcontext() if room else pytest.raises(TimeoutError):
            for times in range(1, 20):
                stack.enter_context(Reader(site).socket(ECHO, open_timeout=10 * SCALE))
                reload_once_more(site, times)
        assert ("AH03490: scoreboard is full" in site.log()) != room


def reload_once_more(site, times):
    assert site.command(APACHE.command("reload")).returncode == 0
    log = site.folder / "proxy.log"
    site.process.wait_until(lambda: log.read_text().count("resuming normal operations") == times + 1)


@pytest.mark.proves("apache-server-limit-takes-a-restart")
@NEWEST
def test_a_reload_does_not_change_server_limit(build, dss):
    text = HTTP.read_text()
    with proxy(APACHE, build, HTTP, dss, changed={HTTP: text.replace("ServerLimit 100", "ServerLimit 50")}) as site:
        file = site.folder / "sites-available" / "dss.conf"
        file.write_text(file.read_text().replace("ServerLimit 50", "ServerLimit 100"))
        site.process.wait_until((site.folder / "apache2.pid").exists)  # the ports are open a little earlier
        assert site.command(APACHE.command("reload")).returncode == 0
        site.process.wait_until(lambda: "changing ServerLimit to 100" in site.log())
