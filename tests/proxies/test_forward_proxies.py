"""What a forward proxy forwards and rejects between the browser and DSS."""

import asyncio
import base64
import hashlib
import http.client
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Error
from support.forward import EXEMPT, PORT, WEBSOCKET, able_to_inspect, https_site
from support.machine import every
from support.pages import state_of
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from checks.lab.chromium import chromium_version, launch
from checks.lab.forward import config, forward
from checks.lab.process import LabError, NotInstalledError, free_port

SOCKET = "/dip/websocket?sessionId=standin000"


@dataclass(frozen=True)
class Shown:
    """What Chromium shows of a page of the stand-in."""

    state: str
    error: bool
    """Whether the page shows the error of DSS."""
    console: list
    """The lines of the console about WebSocket."""


LIVE = Shown("live", error=False, console=[])


@pytest.fixture
def inspecting_squid(squid):
    return able_to_inspect(squid)


@pytest.fixture(params=every("squid", before="5"), ids=str)
def squid_before_5(request):
    return able_to_inspect(request.param)


@pytest.fixture(params=every("squid", since="5"), ids=str)
def squid_since_5(request):
    return able_to_inspect(request.param)


@pytest.fixture
def shown(record_property):
    """Return a function that opens a URL in Chromium and returns what it shows."""

    def show(url, *arguments):
        with launch(*arguments) as browser:
            record_property("on", chromium_version())
            page, console = browser.new_page(), []
            page.on("console", lambda line: "WebSocket" in line.text and console.append(line.text))
            state = state_of(page, url)
            error = page.get_by_text("Could not establish WebSocket connection").is_visible()
            return Shown(state, error, console)

    return show


def through(company, *sites):
    """Return arguments for Chromium: use the proxy, and trust these sites."""
    keys = ",".join(key_of(site) for site in sites)
    trusted = [f"--ignore-certificate-errors-spki-list={keys}"] if sites else []
    return [f"--proxy-server={company.url}", "--proxy-bypass-list=<-loopback>", *trusted]


def key_of(site):
    """Return the digest of a site's key, as Chromium expects it."""
    certificate = x509.load_pem_x509_certificate((site.folder / "site.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def without_tunnel(authority):
    """Return what Chromium shows when the proxy rejects the tunnel for a WebSocket."""
    url = f"ws://{authority}{SOCKET}"
    error = f"WebSocket connection to '{url}' failed: Establishing a tunnel via proxy server failed."
    return Shown("failed", error=True, console=[error])


def rules(text):
    """Return the lines of a config that decide about access, split into words."""
    kinds = ("acl ", "http_access ", "include ")
    return [line.partition("#")[0].split() for line in text.splitlines() if line.startswith(kinds)]


@pytest.mark.proves("squid-rules-are-those-of-debian")
def test_the_lab_has_the_access_rules_that_debian_ships(squid):
    """Squid in the lab has the access rules that Debian ships."""
    shipped = squid.root / "etc" / "squid" / "squid.conf"
    if squid.root == Path("/"):  # an administrator may have changed that file
        raise NotInstalledError(f"the package of Squid {squid.version}")
    # Squid 4 includes every file of that folder.
    expected = shipped.read_text().replace("include /etc/squid/conf.d/*\n", "include /etc/squid/conf.d/*.conf\n")
    ours = config(squid, 3128).replace("include conf.d", "include /etc/squid/conf.d")
    assert rules(ours) == rules(expected)


@pytest.mark.proves("plain-page-passes-and-socket-does-not")
def test_the_page_loads_but_its_websocket_gets_403(squid, dss, shown):
    """Through Squid on HTTP, the page loads, and its WebSocket gets 403."""
    with forward(squid, dss) as company:
        result = shown(f"http://localhost:{dss.port}", *through(company))
        company.wait_for(f"200 GET http://localhost:{dss.port}/")
        company.wait_for(f"403 CONNECT localhost:{dss.port}")
    assert result == without_tunnel(f"localhost:{dss.port}")


@pytest.mark.proves("https-on-another-port-does-not-help")
def test_over_https_on_another_port_the_page_fails_too(squid, dss, shown):
    """Through Squid, over HTTPS on another port, the page fails too."""
    with https_site(dss) as site, forward(squid, site) as company:
        with pytest.raises(Error, match="net::ERR_TUNNEL_CONNECTION_FAILED"):
            shown(site.origin, *through(company, site))
        company.wait_for(f"403 CONNECT localhost:{site.port}")


@pytest.mark.proves("https-on-443-helps")
def test_over_https_on_port_443_page_and_websocket_work(squid, dss, own_address, shown):
    """Through Squid, page and WebSocket work over HTTPS on port 443."""
    with https_site(dss, own_address) as site, forward(squid, site) as company:
        assert shown("https://localhost", *through(company, site)) == LIVE
        company.wait_for("200 CONNECT localhost:443")


@pytest.mark.proves("the-port-added-to-ssl-ports-helps")
def test_a_port_added_to_ssl_ports_lets_the_websocket_through(squid, dss, shown):
    """A port that is added to `SSL_ports` lets the WebSocket through."""
    with forward(squid, dss, PORT) as company:
        assert shown(f"http://localhost:{dss.port}", *through(company)) == LIVE
        company.wait_for(f"200 CONNECT localhost:{dss.port}")


def in_order(*proxies):
    """Return arguments for Chromium: try these proxies in order, like `PROXY …; …`.

    Headless Chromium ignores PAC files. It never uses a proxy for localhost, so the site has another name.
    """
    return [f"--proxy-server={','.join(proxies)}", "--host-resolver-rules=MAP dss.example.com 127.0.0.1"]


@pytest.mark.proves("proxy-fallback-does-not-rescue")
def test_a_rejected_tunnel_does_not_fall_back_to_direct(squid, dss, shown):
    """After a rejected tunnel, a browser does not connect directly."""
    authority = f"dss.example.com:{dss.port}"
    with forward(squid, dss) as company:
        result = shown(f"http://{authority}", *in_order(f"127.0.0.1:{company.port}", "direct://"))
        company.wait_for(f"403 CONNECT {authority}")
    assert result == without_tunnel(authority)
    # If nothing listens at the first choice, Chromium uses the second: a direct connection works.
    assert shown(f"http://{authority}", *in_order(f"127.0.0.1:{free_port()}", "direct://")) == LIVE


def through_tls(company, site, tls):
    """Return the status codes of a page and of its handshake through the proxy.

    The client trusts only the authorities in `tls`.
    """
    page = http.client.HTTPSConnection("127.0.0.1", company.port, context=tls, timeout=20)
    page.set_tunnel("localhost", site.port)
    with closing(page):
        page.request("GET", "/")
        return {"page": page.getresponse().status, "handshake": asyncio.run(handshake(company, site, tls))}


async def handshake(company, site, tls):
    url = site.origin.replace("http", "ws", 1) + SOCKET
    try:
        async with connect(url, ssl=tls, proxy=company.url, origin=site.origin, subprotocols=["dummy"]) as websocket:
            assert await websocket.recv() == '{"type": "hello"}'
            return websocket.response.status_code
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.proves("tls-inspection-undoes-https")
def test_tls_inspection_drops_the_upgrade_of_a_websocket(inspecting_squid, dss):
    """By default, TLS inspection in Squid drops the `Upgrade` header."""
    with https_site(dss) as site, forward(inspecting_squid, site, PORT, inspects=True) as company:
        assert through_tls(company, site, company.tls) == {"page": 200, "handshake": 426}


@pytest.mark.proves("inspection-told-of-websocket-passes-it")
def test_tls_inspection_with_websocket_allowed_forwards_it(squid_since_5, dss):
    """TLS inspection that allows WebSocket forwards it."""
    with https_site(dss) as site, forward(squid_since_5, site, PORT, WEBSOCKET, inspects=True) as company:
        assert through_tls(company, site, company.tls) == {"page": 200, "handshake": 101}


@pytest.mark.proves("squid-before-5-cannot-be-told-of-websocket")
def test_squid_before_5_does_not_start_with_websocket_allowed(squid_before_5, dss):
    """Squid before version 5 does not start with the line for WebSocket."""
    error = "unrecognized: 'http_upgrade_request_protocols'"
    with (
        https_site(dss) as site,
        pytest.raises(LabError, match=error),
        forward(squid_before_5, site, PORT, WEBSOCKET, inspects=True),
    ):
        pytest.fail(f"{squid_before_5} started; expected an error about http_upgrade_request_protocols")


@pytest.mark.proves("squid-minds-the-case-of-websocket")
def test_websocket_allowed_in_another_case_is_not_allowed(squid_since_5, dss, tmp_path):
    """For users of Squid, `websocket` must be allowed in lower case."""
    capitals = tmp_path / "websocket.conf"
    capitals.write_text(WEBSOCKET.read_text().replace("protocols websocket", "protocols WebSocket"))
    with https_site(dss) as site, forward(squid_since_5, site, PORT, capitals, inspects=True) as company:
        assert through_tls(company, site, company.tls) == {"page": 200, "handshake": 426}


@pytest.mark.proves("exemption-from-inspection-helps")
def test_an_exception_from_tls_inspection_keeps_the_certificate_of_dss(inspecting_squid, dss):
    """With an exception from TLS inspection, the certificate is that of DSS."""
    with https_site(dss) as site, forward(inspecting_squid, site, PORT, EXEMPT, inspects=True) as company:
        assert through_tls(company, site, site.tls) == {"page": 200, "handshake": 101}
