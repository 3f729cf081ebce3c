"""What the page of HAProxy claims about limits, reloads and HTTP/2."""

import asyncio

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.observe import evidence_of
from support.pages import state_of
from support.reader import Reader
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy
from checks.probe import Target, look

HAPROXY = RECIPES["haproxy"]
EVERY_BUILD = for_each_build("haproxy")
TUNNEL = "    timeout tunnel 1h\n"
STAY_IDLE = """path => new Promise(done => {
    const socket = new WebSocket(path);
    socket.onclose = ({code}) => done(code);
    socket.onmessage = ({data}) => done(data);
    socket.onopen = () => setTimeout(() => socket.send("still here"), 6000);
})"""


def changed(build, dss, *, first="", short=False, without="", https=False):
    """Run the recipe with changes.

    `first` goes above everything else, `short` sets a client timeout of 3 s, and `without` is removed.
    """
    config = HAPROXY.config(https=https)
    text = config.read_text()
    assert without in text, f"{config.name} has no {without!r}: name a part that it has"
    limit = "frontend dss\n    timeout client 3s\n" if short else "frontend dss\n"
    text = first + text.replace(without, "").replace("frontend dss\n", limit)
    return proxy(HAPROXY, build, config, dss, changed={config: text})


@pytest.mark.proves("one-server-of-two-refuses-every-other-socket")
@EVERY_BUILD
@pytest.mark.parametrize("first", ["broken", "sound"])
def test_two_servers_one_broken_is_intermittent(build, first, dss, verdict):
    """If one of two servers is broken, the cause is intermittent."""
    nginx = RECIPES["nginx"]
    with proxy(nginx, nginx.newest(), nginx.variant("upgrade-not-forwarded"), dss) as broken:
        server = "    server dss DSS_HOST:DSS_PORT\n"
        other = f"    server other 127.0.0.1:{broken.http}\n"
        config = HAPROXY.config(https=False)
        text = config.read_text().replace(server, other + server if first == "broken" else server + other)
        assert other in text
        with proxy(HAPROXY, build, config, dss, changed={config: text}) as site:
            evidence = asyncio.run(look(Target(site.origin, timeout=30)))
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "intermittent", named)
    assert named == ["intermittent"]


@pytest.mark.proves("a-replaced-origin-breaks-notebooks-too")
@EVERY_BUILD
def test_a_replaced_origin_is_named_host_not_preserved(build, dss, verdict):
    """A replaced `Origin` is named as a `Host` that is not preserved."""
    config = HAPROXY.config(https=False)
    rule = "backend dss\n    http-request replace-header Origin .* http://other.example.com\n"
    text = config.read_text().replace("backend dss\n", rule)
    with proxy(HAPROXY, build, config, dss, changed={config: text}) as site:
        evidence = evidence_of(site)
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "host-not-preserved", named)
    assert [evidence.handshake(path).opened for path in evidence.paths] == [True, False]
    assert named == ["host-not-preserved"]


def reloaded(site):
    """Reload, and tell whether it took effect: just after a start, it may not."""
    result = site.command(HAPROXY.command("reload"))
    assert result.returncode == 0, result.stdout
    return "Reloading HAProxy" in site.process.output() or "Reexecuting Master process" in site.process.output()


@pytest.mark.proves("haproxy-without-timeout-tunnel-the-shorter-limit-counts")
@EVERY_BUILD
def test_without_timeout_tunnel_timeout_client_ends_an_idle_websocket(build, dss):
    """Without `timeout tunnel`, `timeout client` ends an idle WebSocket."""
    with (
        changed(build, dss, short=True, without=TUNNEL) as without,
        changed(build, dss, short=True) as site,
        Reader(site).socket(ECHO) as stays,
        Reader(without).socket(ECHO) as drops,
    ):
        with pytest.raises(ConnectionClosed) as closed:
            drops.recv(timeout=20)
        assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"
        stays.send("still here")
        assert stays.recv(timeout=20) == "still here"


@pytest.mark.proves("haproxy-hard-stop-after-cuts-sockets")
@EVERY_BUILD
def test_with_hard_stop_after_a_reload_ends_websockets(build, dss):
    """With `hard-stop-after`, a reload of HAProxy ends WebSocket."""
    with changed(build, dss, first="global\n    hard-stop-after 1s\n\n") as site, Reader(site).socket(ECHO) as socket:
        site.process.wait_until(lambda: reloaded(site))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, f"expected no close frame, got {closed.value.rcvd}"


@pytest.mark.proves("haproxy-refuses-16-kb-of-headers")
@EVERY_BUILD
def test_16_kb_of_headers_get_400(build, dss):
    """HAProxy rejects 16 KB of headers with 400."""
    with changed(build, dss) as site:
        statuses = {
            size: Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * (size << 10)})[0].status
            for size in (14, 16)
        }
    assert statuses == {14: 200, 16: 400}, "expected the limit between 14 and 16 KB"


@pytest.mark.proves("haproxy-check-is-silent-since-3-0")
@EVERY_BUILD
def test_without_v_the_check_prints_nothing_since_3_0(build, dss):
    """Since HAProxy 3.0, `haproxy -c` prints nothing without `-V`."""
    with changed(build, dss) as site:
        output = site.command("haproxy -c -f /etc/haproxy/haproxy.cfg").stdout
    assert output == ("" if build.release >= (3, 0) else "Configuration file is valid\n")


@pytest.mark.proves("haproxy-two-frontends-share-a-port")
@EVERY_BUILD
def test_two_frontends_on_one_port_share_its_requests(build, dss):
    """Two HAProxy frontends on one port share its requests."""
    other = "frontend other\n    bind :80\n    http-request return status 200\n\n"
    with changed(build, dss, first=other) as site:
        assert site.command(HAPROXY.command("check")).stdout == "Configuration file is valid\n"
        bodies = {Reader(site).request("/dip/api/ping")[1] for _ in range(100)}
    assert bodies == {b"pong\n", b""}, f"expected responses from both frontends, got {bodies}"


@pytest.fixture
def tab(record_property):
    """A tab of a browser; `statuses` has the status code of each of its handshakes."""
    record_property("on", chromium_version())
    with launch() as browser, browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.statuses = []
        tools = context.new_cdp_session(page)
        tools.send("Network.enable")
        response = "Network.webSocketHandshakeResponseReceived"
        tools.on(response, lambda event: page.statuses.append(event["response"]["status"]))
        yield page


@pytest.mark.xdist_group("browser")
@pytest.mark.proves("haproxy-carries-sockets-over-http-2-since-2-8")
@EVERY_BUILD
def test_a_browser_opens_websockets_over_http_2_since_2_8(build, dss, tab):
    """Since HAProxy 2.8, a browser opens a WebSocket over HTTP/2."""
    with changed(build, dss, https=True) as site:
        state_of(tab, f"{site.origin}/notebook#{dss.token}")
        assert tab.locator("#out").inner_text() == "42"
    # Over HTTP/2, CONNECT opens the WebSocket, with status code 200 (RFC 8441, section 5).
    assert tab.statuses == ([200] if build.release >= (2, 8) else [101])


@pytest.mark.xdist_group("browser")
@pytest.mark.proves("haproxy-timeout-tunnel-holds-over-http-2")
@for_each_build("haproxy", since="2.8")
def test_timeout_tunnel_applies_to_websockets_over_http_2(build, dss, tab):
    """`timeout tunnel` applies to WebSocket over HTTP/2 too."""
    with changed(build, dss, short=True, https=True) as site:
        tab.goto(f"{site.origin}/dip/api/ping")
        assert tab.evaluate(STAY_IDLE, ECHO) == "still here"
    with changed(build, dss, short=True, without=TUNNEL, https=True) as site:
        tab.goto(f"{site.origin}/dip/api/ping")
        assert tab.evaluate(STAY_IDLE, ECHO) == 1006
    assert tab.statuses == [200, 200], f"expected two handshakes over HTTP/2, got status codes {tab.statuses}"
