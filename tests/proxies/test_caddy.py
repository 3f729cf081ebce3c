"""What the page of Caddy claims about reloads, other sites and HTTPS to DSS."""

import pytest
from support.conformance import ECHO
from support.machine import RECIPES, SITES
from support.reader import Reader
from websockets.exceptions import ConnectionClosed, InvalidStatus

from checks.lab.process import is_listening
from checks.lab.proxy import proxy
from checks.lab.standin import stand_in

CADDY = RECIPES["caddy"]
SITES_OF_CADDY = [site for site in SITES if site[0].program == "caddy"]
EVERY_BUILD = pytest.mark.parametrize(
    ("build", "config"), [site for site in SITES_OF_CADDY if not CADDY.secure(site[1])], ids=str
)


@pytest.mark.proves("caddy-reload-ends-sockets-with-1001")
@EVERY_BUILD
def test_a_reload_closes_websockets_with_1001_without_stream_close_delay(build, config, dss):
    """Without `stream_close_delay`, a reload of Caddy closes with 1001."""
    text = config.read_text().replace("\t\tstream_close_delay 24h\n", "")
    # Caddy 2.6.2 sometimes masks its close frame, which servers must not do. The connection then fails with 1002.
    codes = {1001} if build.release >= (2, 7) else {1001, 1002}
    with proxy(CADDY, build, config, dss, changed={config: text}) as site, Reader(site).socket(ECHO) as socket:
        socket.send("opened")  # Caddy sends 101 before it adds the connection to those that a reload closes
        assert socket.recv(timeout=20) == "opened"
        assert site.command(CADDY.command("reload")).returncode == 0
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd.code in codes


@pytest.mark.proves("caddy-catch-all-takes-the-redirect-away")
@pytest.mark.parametrize(("build", "config"), [site for site in SITES_OF_CADDY if CADDY.secure(site[1])], ids=str)
def test_a_catch_all_site_on_port_80_disables_the_redirect(build, config, dss):
    """In Caddy, a site for every name on port 80 disables the redirect."""
    # `http://` means the same as the `:80` of the package: all names, on the port for HTTP.
    text = config.read_text() + '\nhttp:// {\n\trespond "welcome"\n}\n'
    with proxy(CADDY, build, config, dss, changed={config: text}) as site:
        site.process.wait_until(lambda: is_listening(site.http))  # the port for HTTPS opens first
        response, body = Reader(site, insecure=True).request("/", headers={"Host": "localhost"})
    assert response.status == 200, f"expected the page of the site for all names, got {response.status}"
    assert body == b"welcome"


@pytest.mark.proves("caddy-1-lines-lose-the-upgrade")
@EVERY_BUILD
def test_the_lines_for_caddy_1_drop_the_upgrade(build, config, dss):
    """In Caddy 2, the lines for Caddy 1 drop `Upgrade`."""
    text = CADDY.text(CADDY.variant("upgrade-not-forwarded"))
    if build.release < (2, 7):
        text = text.replace("\t\tstream_close_delay 24h\n", "")
    with proxy(CADDY, build, config, dss, changed={config: text}) as site:
        assert Reader(site).request("/dip/api/ping")[0].status == 200
        with pytest.raises(InvalidStatus), Reader(site).socket(ECHO):
            pass


@pytest.fixture
def secure(identity):
    """A stand-in for DSS that listens on HTTPS."""
    server = {"ssl": "true"}
    server |= {"ssl_certificate": f"{identity.folder}/chain.pem", "ssl_certificate_key": f"{identity.folder}/key.pem"}
    with stand_in(server=server) as dss:
        yield dss


def over_https(build, config, secure, added=""):
    """Run the recipe with HTTPS to DSS."""
    options = "transport http {\n\t\t\ttls_insecure_skip_verify\n\t\t}\n"
    text = config.read_text().replace("reverse_proxy DSS_HOST:DSS_PORT", "reverse_proxy https://DSS_HOST:DSS_PORT")
    if "{\n\t\tstream" not in text and "DSS_PORT\n" in text:
        text = text.replace("DSS_PORT\n", "DSS_PORT {\n\t}\n")
    text = text.replace("DSS_PORT {\n", f"DSS_PORT {{\n\t\t{options}{added}")
    return proxy(CADDY, build, config, secure, changed={config: text})


def host_is_preserved(site):
    """Tell whether DSS receives the Host of the browser."""
    _, body = Reader(site).request("/dip/lab/request")
    return f'"Host", "localhost:{site.port}"'.encode() in body


@pytest.mark.proves("caddy-since-2-11-changes-host-for-https")
@EVERY_BUILD
def test_over_https_to_dss_2_11_replaces_the_host(build, config, secure):
    """Over HTTPS to DSS, Caddy 2.11 replaces `Host`."""
    with over_https(build, config, secure) as site:
        assert host_is_preserved(site) == (build.release < (2, 11))


@pytest.mark.proves("caddy-host-can-be-kept-over-https")
@EVERY_BUILD
def test_header_up_preserves_the_host_over_https_to_dss(build, config, secure):
    """`header_up Host` preserves `Host` over HTTPS to DSS."""
    with over_https(build, config, secure, "\t\theader_up Host {http.request.hostport}\n") as site:
        assert host_is_preserved(site)
