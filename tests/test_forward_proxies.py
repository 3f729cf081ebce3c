"""A company's proxy between the reader and DSS: what it lets through, what it refuses, what helps."""

import asyncio
import base64
import hashlib
import http.client
import secrets
import socket
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from machine import RECIPES, every
from playwright.sync_api import Error
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from checks.lab.chromium import chromium_version, launch
from checks.lab.forward import can_inspect, config, forward
from checks.lab.process import LabError, MachineError, NotInstalledError, free_port
from checks.lab.proxy import proxy
from checks.lab.recipe import RECIPES as FOLDER

SOCKET = "/dip/websocket?sessionId=standin000"
PORT, WEBSOCKET, EXEMPT = (FOLDER / "squid" / f"{name}.conf" for name in ("port", "websocket", "exempt"))
LIVE = ("live", False, [])
"""What a page shows when all is well: its sockets live, no message, no complaint."""


def able_to_inspect(build):
    if not can_inspect(build):
        raise NotInstalledError(f"Squid {build.version} with OpenSSL")
    return build


@pytest.fixture(params=every("squid"), ids=str)
def squid(request):
    return request.param


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
def own_address():
    """Return an address of loopback that nobody else uses, on which port 443 can be opened."""
    address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
    try:
        socket.create_server((address, 443)).close()
    except OSError as error:
        raise MachineError(
            f"no permission to listen on port 443 ({error.strerror});"
            " on Linux, allow it with: sysctl net.ipv4.ip_unprivileged_port_start=443"
        ) from error
    return address


@pytest.fixture
def shown(record_property):
    """Return a function that gives what Chromium shows of a page: its socket, the message, the console on sockets."""

    def show(address, *arguments):
        with launch(*arguments) as browser:
            record_property("on", chromium_version())
            page, console = browser.new_page(), []
            page.on("console", lambda line: "WebSocket" in line.text and console.append(line.text))
            page.goto(address)
            page.locator("body[data-state]").wait_for()
            state = page.locator("body").get_attribute("data-state")
            return state, page.get_by_text("Could not establish WebSocket connection").is_visible(), console

    return show


def through(company, *sites):
    """Return the arguments that send Chromium through the proxy, and make it trust the certificates of these sites."""
    keys = ",".join(key_of(site) for site in sites)
    trusted = [f"--ignore-certificate-errors-spki-list={keys}"] if sites else []
    return [f"--proxy-server={company.url}", "--proxy-bypass-list=<-loopback>", *trusted]


def key_of(site):
    """Return the digest by which Chromium recognises the key of this site, and of no other."""
    certificate = x509.load_pem_x509_certificate((site.folder / "site.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def https_site(dss, address=None):
    """Put the newest nginx, with the published config for HTTPS, in front of the stand-in."""
    recipe = RECIPES["nginx"]
    return proxy(recipe, recipe.newest(), recipe.config(https=True), dss, address=address)


def refused(address):
    """Return the line on the console when the proxy opens no tunnel for the socket of this page."""
    return f"WebSocket connection to 'ws://{address}{SOCKET}' failed: Establishing a tunnel via proxy server failed."


def rules(text):
    """Return what decides about access, in its order."""
    kinds = ("acl ", "http_access ", "include ")
    return [line.partition("#")[0].split() for line in text.splitlines() if line.startswith(kinds)]


@pytest.mark.proves("squid-rules-are-those-of-debian")
def test_the_lab_has_the_access_rules_that_debian_ships(squid):
    shipped = squid.root / "etc" / "squid" / "squid.conf"
    if squid.root == Path("/"):  # where anybody may have changed it
        raise NotInstalledError(f"the package of Squid {squid.version}")
    # Squid 4 reads every file there.
    expected = shipped.read_text().replace("include /etc/squid/conf.d/*\n", "include /etc/squid/conf.d/*.conf\n")
    ours = config(squid, 3128).replace("include conf.d", "include /etc/squid/conf.d")
    assert rules(ours) == rules(expected)


@pytest.mark.proves("plain-page-passes-and-socket-does-not")
def test_the_page_passes_and_its_socket_does_not(squid, dss, shown):
    with forward(squid, dss) as company:
        seen = shown(f"http://localhost:{dss.port}", *through(company))
        company.wait_for(f"200 GET http://localhost:{dss.port}/")
        company.wait_for(f"403 CONNECT localhost:{dss.port}")
    assert seen == ("failed", True, [refused(f"localhost:{dss.port}")])


@pytest.mark.proves("https-on-another-port-does-not-help")
def test_over_https_on_another_port_not_even_the_page_passes(squid, dss, shown):
    with https_site(dss) as site, forward(squid, site) as company:
        with pytest.raises(Error, match="net::ERR_TUNNEL_CONNECTION_FAILED"):
            shown(site.origin, *through(company, site))
        company.wait_for(f"403 CONNECT localhost:{site.port}")


@pytest.mark.proves("https-on-443-helps")
def test_over_https_on_port_443_page_and_socket_pass(squid, dss, own_address, shown):
    with https_site(dss, own_address) as site, forward(squid, site) as company:
        assert shown("https://localhost", *through(company, site)) == LIVE
        company.wait_for("200 CONNECT localhost:443")


@pytest.mark.proves("the-port-added-to-ssl-ports-helps")
def test_with_its_port_among_ssl_ports_the_socket_passes(squid, dss, shown):
    with forward(squid, dss, PORT) as company:
        assert shown(f"http://localhost:{dss.port}", *through(company)) == LIVE
        company.wait_for(f"200 CONNECT localhost:{dss.port}")


def in_order(*proxies):
    """Return the arguments that give Chromium these proxies as the line `PROXY …; …` of a PAC file does.

    The headless build reads no PAC file. Nothing lifts the bypass of localhost: the site has another name.
    """
    return [f"--proxy-server={','.join(proxies)}", "--host-resolver-rules=MAP dss.example.com 127.0.0.1"]


@pytest.mark.proves("proxy-fallback-does-not-rescue")
def test_direct_as_the_second_choice_is_not_taken_after_a_refusal(squid, dss, shown):
    address = f"dss.example.com:{dss.port}"
    with forward(squid, dss) as company:
        seen = shown(f"http://{address}", *in_order(f"127.0.0.1:{company.port}", "direct://"))
        company.wait_for(f"403 CONNECT {address}")
    assert seen == ("failed", True, [refused(address)])
    # With nobody at the first choice the second is taken, page and socket: it would have worked.
    assert shown(f"http://{address}", *in_order(f"127.0.0.1:{free_port()}", "direct://")) == LIVE


def through_tls(company, site, tls):
    """Return the status of the page and of its socket through the proxy, for a client that trusts only `tls`."""
    page = http.client.HTTPSConnection("127.0.0.1", company.port, context=tls, timeout=20)
    page.set_tunnel("localhost", site.port)
    with closing(page):
        page.request("GET", "/")
        return page.getresponse().status, asyncio.run(handshake(company, site, tls))


async def handshake(company, site, tls):
    address = site.origin.replace("http", "ws", 1) + SOCKET
    try:
        async with connect(address, ssl=tls, proxy=company.url, origin=site.origin, subprotocols=["dummy"]) as opened:
            assert await opened.recv() == '{"type": "hello"}'
            return opened.response.status_code
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.proves("tls-inspection-undoes-https")
def test_with_tls_inspected_the_page_passes_and_the_socket_loses_its_upgrade(inspecting_squid, dss):
    with https_site(dss) as site, forward(inspecting_squid, site, PORT, inspects=True) as company:
        assert through_tls(company, site, company.tls) == (200, 426)


@pytest.mark.proves("inspection-told-of-websocket-passes-it")
def test_with_tls_inspected_and_websocket_allowed_both_pass(squid_since_5, dss):
    with https_site(dss) as site, forward(squid_since_5, site, PORT, WEBSOCKET, inspects=True) as company:
        assert through_tls(company, site, company.tls) == (200, 101)


@pytest.mark.proves("squid-before-5-cannot-be-told-of-websocket")
def test_squid_before_5_does_not_start_with_websocket_allowed(squid_before_5, dss):
    refused = "unrecognized: 'http_upgrade_request_protocols'"
    with (
        https_site(dss) as site,
        pytest.raises(LabError, match=refused),
        forward(squid_before_5, site, PORT, WEBSOCKET, inspects=True),
    ):
        pytest.fail("it started")


@pytest.mark.proves("squid-minds-the-case-of-websocket")
def test_websocket_allowed_in_capitals_is_not_allowed(squid_since_5, dss, tmp_path):
    capitals = tmp_path / "websocket.conf"
    capitals.write_text(WEBSOCKET.read_text().replace("protocols websocket", "protocols WebSocket"))
    with https_site(dss) as site, forward(squid_since_5, site, PORT, capitals, inspects=True) as company:
        assert through_tls(company, site, company.tls) == (200, 426)


@pytest.mark.proves("exemption-from-inspection-helps")
def test_with_dss_exempt_from_inspection_both_pass_under_its_own_certificate(inspecting_squid, dss):
    with https_site(dss) as site, forward(inspecting_squid, site, PORT, EXEMPT, inspects=True) as company:
        assert through_tls(company, site, site.tls) == (200, 101)
