"""What the page of HAProxy claims: limits, reloads, HTTP/2, and a port that two frontends share."""

import asyncio

import pytest
from machine import RECIPES, for_each_build
from reader import Reader
from survival import ECHO
from test_twins import evidence_of
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy
from checks.probe import Target, look

HAPROXY = RECIPES["haproxy"]
EVERY_BUILD = for_each_build("haproxy")
TUNNEL = "    timeout tunnel 1h\n"
SILENT = """path => new Promise(done => {
    const socket = new WebSocket(path);
    socket.onclose = ({code}) => done(code);
    socket.onmessage = ({data}) => done(data);
    socket.onopen = () => setTimeout(() => socket.send("still here"), 6000);
})"""


def changed(build, dss, *, first="", impatient=False, without="", https=False):
    """Run the recipe with sections before it, with a client limit of 3 s, without a line."""
    config = HAPROXY.config(https=https)
    text = config.read_text()
    assert without in text
    limit = "frontend dss\n    timeout client 3s\n" if impatient else "frontend dss\n"
    text = first + text.replace(without, "").replace("frontend dss\n", limit)
    return proxy(HAPROXY, build, config, dss, changed={config: text})


@pytest.mark.proves("one-server-of-two-refuses-every-other-socket")
@EVERY_BUILD
@pytest.mark.parametrize("first", ["broken", "sound"])
def test_of_two_servers_in_turn_the_one_that_opens_no_sockets_is_told_by_repetition(build, first, dss, verdict):
    nginx = RECIPES["nginx"]
    with proxy(nginx, nginx.newest(), nginx.twin("upgrade-not-forwarded"), dss) as broken:
        server = "    server dss DSS_HOST:DSS_PORT\n"
        other = f"    server other 127.0.0.1:{broken.http}\n"
        config = HAPROXY.config(https=False)
        text = config.read_text().replace(server, other + server if first == "broken" else server + other)
        assert other in text
        with proxy(HAPROXY, build, config, dss, changed={config: text}) as site:
            evidence = asyncio.run(look(Target(site.origin, timeout=30)))
    named = [finding.id for finding in diagnose(evidence)]
    verdict("proxy", "intermittent", named)
    assert named == ["intermittent"]


@pytest.mark.proves("a-replaced-origin-breaks-notebooks-too")
@EVERY_BUILD
def test_an_origin_that_the_proxy_replaces_is_told_as_a_host_that_it_replaces(build, dss, verdict):
    config = HAPROXY.config(https=False)
    rule = "backend dss\n    http-request replace-header Origin .* http://other.example.com\n"
    text = config.read_text().replace("backend dss\n", rule)
    with proxy(HAPROXY, build, config, dss, changed={config: text}) as site:
        evidence = evidence_of(site)
    named = [finding.id for finding in diagnose(evidence)]
    verdict("proxy", "host-not-preserved", named)
    assert ([evidence.handshake(path).opened for path in evidence.paths], named) == (
        [True, False],
        ["host-not-preserved"],
    )


def reloaded(site):
    """Reload, and tell whether it does: a signal to one that has only just started may be lost."""
    result = site.command(HAPROXY.command("reload"))
    assert result.returncode == 0, result.stdout
    return "Reloading HAProxy" in site.process.output() or "Reexecuting Master process" in site.process.output()


@pytest.mark.proves("haproxy-without-timeout-tunnel-the-shorter-limit-counts")
@EVERY_BUILD
def test_without_timeout_tunnel_a_silent_socket_ends_with_timeout_client(build, dss):
    with (
        changed(build, dss, impatient=True, without=TUNNEL) as without,
        changed(build, dss, impatient=True) as site,
        Reader(site).socket(ECHO) as stays,
        Reader(without).socket(ECHO) as drops,
    ):
        with pytest.raises(ConnectionClosed) as closed:
            drops.recv(timeout=20)
        assert closed.value.rcvd is None, "expected no close frame"
        stays.send("still here")
        assert stays.recv(timeout=20) == "still here"


@pytest.mark.proves("haproxy-hard-stop-after-cuts-sockets")
@EVERY_BUILD
def test_with_hard_stop_after_a_reload_cuts_open_sockets(build, dss):
    with changed(build, dss, first="global\n    hard-stop-after 1s\n\n") as site, Reader(site).socket(ECHO) as socket:
        site.process.wait_until(lambda: reloaded(site))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is None, "expected no close frame"


@pytest.mark.proves("haproxy-refuses-16-kb-of-headers")
@EVERY_BUILD
def test_headers_of_14_kb_pass_and_those_of_16_kb_do_not(build, dss):
    with changed(build, dss) as site:
        answers = [
            Reader(site).request("/dip/lab/request", headers={"Cookie": "sso=" + "x" * size})[0].status
            for size in (14 << 10, 16 << 10)
        ]
    assert answers == [200, 400]


@pytest.mark.proves("haproxy-check-is-silent-since-3-0")
@EVERY_BUILD
def test_without_v_the_check_of_3_0_says_nothing(build, dss):
    with changed(build, dss) as site:
        said = site.command("haproxy -c -f /etc/haproxy/haproxy.cfg").stdout
    assert said == ("" if build.release >= (3, 0) else "Configuration file is valid\n")


@pytest.mark.proves("haproxy-two-frontends-share-a-port")
@EVERY_BUILD
def test_two_frontends_on_one_port_are_accepted_and_each_gets_some_of_the_readers(build, dss):
    other = "frontend other\n    bind :80\n    http-request return status 200\n\n"
    with changed(build, dss, first=other) as site:
        assert site.command(HAPROXY.command("check")).stdout == "Configuration file is valid\n"
        answers = {Reader(site).request("/dip/api/ping")[1] for _ in range(100)}
    assert answers == {b"pong\n", b""}


@pytest.fixture
def tab(record_property):
    """A window of a browser that knows no authority; `statuses` are those of the handshakes it makes."""
    record_property("on", chromium_version())
    with launch() as browser, browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.statuses = []
        tools = context.new_cdp_session(page)
        tools.send("Network.enable")
        answered = "Network.webSocketHandshakeResponseReceived"
        tools.on(answered, lambda event: page.statuses.append(event["response"]["status"]))
        yield page


@pytest.mark.xdist_group("browser")
@pytest.mark.proves("haproxy-carries-sockets-over-http-2-since-2-8")
@EVERY_BUILD
def test_since_2_8_a_browser_opens_its_sockets_over_http_2(build, dss, tab):
    with changed(build, dss, https=True) as site:
        tab.goto(f"{site.origin}/notebook#{dss.token}")
        tab.wait_for_function("document.body.dataset.state")
        assert tab.locator("#out").inner_text() == "42"
    # A socket over HTTP/2 is a stream that CONNECT opens, and that is answered 200 (RFC 8441, section 5).
    assert tab.statuses == ([200] if build.release >= (2, 8) else [101])


@pytest.mark.xdist_group("browser")
@pytest.mark.proves("haproxy-timeout-tunnel-holds-over-http-2")
@for_each_build("haproxy", since="2.8")
def test_timeout_tunnel_holds_for_sockets_over_http_2_too(build, dss, tab):
    ends = []
    for without in ("", TUNNEL):
        with changed(build, dss, impatient=True, without=without, https=True) as site:
            tab.goto(f"{site.origin}/dip/api/ping")
            ends.append(tab.evaluate(SILENT, ECHO))
    assert (tab.statuses, ends) == ([200, 200], ["still here", 1006])
