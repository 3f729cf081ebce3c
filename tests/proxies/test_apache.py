"""What the page of Apache httpd claims about versions and surprises."""

import contextlib

import pytest
from support.conformance import CHECKS, ECHO, survive
from support.machine import RECIPES, for_each_build, newest, suiting
from support.observe import evidence_of
from support.reader import Reader
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
    """Run a config with one place in it replaced."""
    text = config.read_text()
    assert text.count(old) == 1, f"expected {old!r} once in {config.name}, found it {text.count(old)} times"
    return proxy(APACHE, build, config, dss, changed={config: text.replace(old, new)})


def findings_of(site):
    return [finding.id for finding in diagnose(evidence_of(site)).findings]


@pytest.mark.proves("apache-passes-on-upgrades-since-2-4-47")
@EVERY_BUILD
def test_upgrade_websocket_has_no_effect_before_2_4_47(build, dss):
    """Before Apache httpd 2.4.47, `upgrade=websocket` has no effect."""
    with proxy(APACHE, build, HTTP, dss) as site:
        survive(CHECKS["accepted"], site)
        assert findings_of(site) == (["works"] if build.release >= (2, 4, 47) else ["upgrade-not-forwarded"])


def buffers_the_first_message(site, seconds):
    """Tell whether the first message of DSS arrives only with the next.

    The next is sent after so many seconds.
    """
    with Reader(site).socket("/dip/websocket?sessionId=a", subprotocols=["dummy"]) as socket:
        try:
            socket.recv(timeout=seconds)
        except TimeoutError:
            socket.send('{"type": "ping"}')
            assert [socket.recv(timeout=20) for _ in range(2)] == ['{"type": "hello"}', '{"type": "pong"}']
            return True
    return False


@pytest.mark.proves("apache-2-4-48-keeps-back-the-first-message")
@EVERY_BUILD_WITH_TUNNELS
def test_2_4_48_buffers_a_message_sent_with_the_101(build, dss):
    """Apache httpd 2.4.48 buffers a message that comes with the 101."""
    buffers = build.release < (2, 4, 53)
    seconds = 2 if buffers else 60  # on a busy machine, a message may be late
    with proxy(APACHE, build, HTTP, dss) as site:
        assert any(buffers_the_first_message(site, seconds) for _ in range(50)) == buffers


@pytest.mark.proves("apache-counts-the-smaller-limit-before-2-4-53")
@EVERY_BUILD_WITH_TUNNELS
def test_timeout_overrides_proxytimeout_before_2_4_53(build, dss):
    """Before Apache httpd 2.4.53, `Timeout` overrides `ProxyTimeout`."""
    with (
        changed(build, "ProxyTimeout 3600", "ProxyTimeout 3600\n    Timeout 1", dss) as site,
        Reader(site).socket(ECHO) as socket,
    ):
        expected, seconds = (ConnectionClosed, 60) if build.release < (2, 4, 53) else (TimeoutError, 4)
        with pytest.raises(expected):
            socket.recv(timeout=seconds)


@pytest.mark.proves("apache-wstunnel-is-not-needed")
@EVERY_NEWER_BUILD
def test_a_rewrite_rule_with_ws_needs_no_mod_proxy_wstunnel(build, dss):
    """A `RewriteRule` to `ws://` does not need mod_proxy_wstunnel."""
    rules = """RewriteEngine On
    RewriteCond %{HTTP:Upgrade} =websocket [NC]
    RewriteRule /(.*) ws://DSS_HOST:DSS_PORT/$1 [P]
    ProxyPass / http://DSS_HOST:DSS_PORT/"""
    with changed(build, PASS, rules, dss) as site:
        assert "proxy_wstunnel" not in site.command("apachectl -M").stdout
        survive(CHECKS["notifications"], site)


@pytest.mark.proves("apache-rewrite-rule-refuses-3f-since-2-4-60")
@EVERY_BUILD
def test_a_rewrite_rule_breaks_encoded_question_marks(build, dss):
    """A `RewriteRule` breaks a URL with an encoded question mark."""
    rules = "RewriteEngine On\nRewriteRule /(.*) http://DSS_HOST:DSS_PORT/$1 [P]"
    with changed(build, PASS, rules, dss) as site:
        response, body = Reader(site).request("/dip/lab/request/a%3Fb")
    if build.release >= (2, 4, 60):
        assert response.status == 403
    else:
        assert b'"target": "/dip/lab/request/a?b"' in body


@pytest.mark.proves("apache-answers-404-to-a-slash-in-a-name")
@EVERY_BUILD
def test_an_encoded_slash_gets_404_without_allowencodedslashes(build, dss):
    """Without `AllowEncodedSlashes`, a URL with `%2F` gets 404."""
    with changed(build, "AllowEncodedSlashes NoDecode", "", dss) as site:
        response, _ = Reader(site).request("/dip/lab/request/a%2Fb")
    assert response.status == 404


@pytest.mark.proves("apache-redirect-encodes-once-more")
@EVERY_NEWER_BUILD
def test_redirect_encodes_an_encoded_slash_again(build, dss):
    """`Redirect` of Apache httpd encodes an encoded slash again."""
    rule = r"""RewriteEngine On
    RewriteCond %{THE_REQUEST} ^\S+\s(/[^?\s]*)
    RewriteRule ^ https://dss.example.com%1 [R=permanent,NE]"""
    redirect = "Redirect permanent / https://dss.example.com/"
    with changed(build, rule, redirect, dss, APACHE.config(https=True)) as site:
        response, _ = Reader(site, insecure=True).request("/a%2Fb", headers={"Host": "localhost"})
    assert response.getheader("Location") == "https://localhost/a%252Fb"


@pytest.mark.proves("apache-proxypassreverse-misses")
@EVERY_NEWER_BUILD
def test_proxypassreverse_ignores_redirects_when_the_host_is_preserved(build, dss):
    """With `ProxyPreserveHost On`, `ProxyPassReverse` changes no redirect."""
    edit = "Header edit Location ^http://dss.example.com https://dss.example.com"
    reverse = "ProxyPassReverse / http://DSS_HOST:DSS_PORT/"
    with changed(build, edit, reverse, dss, APACHE.config(https=True)) as site:
        response, _ = Reader(site).request("/dip/lab/redirect")
    assert response.getheader("Location") == f"http://localhost:{site.port}/dip/api/ping"


@pytest.mark.proves("apache-first-proxypass-wins")
@EVERY_NEWER_BUILD
def test_the_first_proxypass_that_matches_wins(build, dss):
    """The first `ProxyPass` that matches a URL is used."""
    websocket = "ProxyPass /dip/websocket http://DSS_HOST:DSS_PORT/dip/websocket upgrade=websocket"
    with changed(build, PASS, f"ProxyPass / http://DSS_HOST:DSS_PORT/ nocanon\n{websocket}", dss) as site:
        assert findings_of(site) == ["upgrade-not-forwarded"]


@pytest.mark.proves("apache-unset-upgrade-loses-it")
@EVERY_NEWER_BUILD
def test_unsetting_upgrade_breaks_requests_but_not_responses(build, dss):
    """Unsetting `Upgrade` breaks a request, but not a response."""
    with changed(build, PASS, f"{PASS}\nRequestHeader unset Upgrade", dss) as site:
        assert findings_of(site) == ["upgrade-not-forwarded"]
    with changed(build, PASS, f"{PASS}\nHeader unset Upgrade", dss) as site:
        assert findings_of(site) == ["works"]


@pytest.mark.proves("apache-limit-request-body-spares-uploads")
@EVERY_BUILD
def test_limitrequestbody_does_not_limit_forwarded_uploads(build, dss):
    """`LimitRequestBody` does not limit uploads that are forwarded."""
    with changed(build, PASS, f"{PASS}\nLimitRequestBody 1000", dss) as site:
        response, _ = Reader(site).request("/dip/lab/upload", "POST", b"x" * 2000)
    assert response.status == 200


@pytest.mark.proves("apache-header-limit-is-that-of-the-default-site")
@EVERY_NEWER_BUILD
@pytest.mark.parametrize("https", [True, False])
def test_limitrequestfieldsize_of_the_default_site_counts(build, https, dss):
    """`LimitRequestFieldSize` counts only in the default site."""
    added = f"{PASS}\nLimitRequestFieldSize 16380"
    with changed(build, PASS, added, dss, APACHE.config(https=https)) as site:
        response, _ = Reader(site).request("/dip/api/ping", headers={"Cookie": "sso=" + "x" * 9000})
    assert response.status == 400


@pytest.mark.proves("apache-fills-up-with-reloads")
@NEWEST
@pytest.mark.parametrize("enough_slots", [True, False])
def test_reloads_fill_a_small_scoreboard(build, enough_slots, dss):
    """Reloads of Apache httpd fill a small scoreboard."""
    text = HTTP.read_text()
    if not enough_slots:
        text = text.replace("MaxRequestWorkers 1000\n", "").replace("ServerLimit 100\n", "")
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(proxy(APACHE, build, HTTP, dss, changed={HTTP: text}))
        with contextlib.nullcontext() if enough_slots else pytest.raises(TimeoutError):
            for reloads in range(1, 20):
                stack.enter_context(Reader(site).socket(ECHO, open_timeout=10 * SCALE))
                reload_again(site, reloads)
        assert ("AH03490: scoreboard is full" in site.log()) != enough_slots


def reload_again(site, reloads):
    """Reload, and wait until the log counts this many reloads."""
    assert site.command(APACHE.command("reload")).returncode == 0
    log = site.folder / "proxy.log"
    site.process.wait_until(lambda: log.read_text().count("resuming normal operations") == reloads + 1)


@pytest.mark.proves("apache-server-limit-takes-a-restart")
@NEWEST
def test_a_reload_does_not_change_serverlimit(build, dss):
    """A reload does not change `ServerLimit`."""
    text = HTTP.read_text()
    with proxy(APACHE, build, HTTP, dss, changed={HTTP: text.replace("ServerLimit 100", "ServerLimit 50")}) as site:
        file = site.folder / "sites-available" / "dss.conf"
        file.write_text(file.read_text().replace("ServerLimit 50", "ServerLimit 100"))
        site.process.wait_until((site.folder / "apache2.pid").exists)  # the ports are open before it exists
        assert site.command(APACHE.command("reload")).returncode == 0
        site.process.wait_until(lambda: "changing ServerLimit to 100" in site.log())
