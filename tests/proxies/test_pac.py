"""PAC files that return several proxies: `diagnose` follows them as Chromium."""

import asyncio
import json
import socket
import ssl

import pytest
import trustme
from support.echo import running_echo
from support.pac import REFUSALS, running_proxies

from checks.findings import diagnose
from checks.lab.chromium import launch
from checks.lab.process import free_port
from checks.probe import Target, look
from checks.probe.forward_proxy import from_pac, parse
from checks.report.terminal import stages

LISTS = {
    "direct": "DIRECT",
    "dead-direct": "PROXY 127.0.0.1:{dead}; DIRECT",
    "dead-alive": "PROXY 127.0.0.1:{dead}; PROXY 127.0.0.1:{http}; DIRECT",
    "dead-only": "PROXY 127.0.0.1:{dead}",
    "dead-dead-socks5": "PROXY 127.0.0.1:{dead}; SOCKS5 127.0.0.1:{dead2}; SOCKS5 127.0.0.1:{socks5}",
    "alive-first": "PROXY 127.0.0.1:{http}; DIRECT",
    "socks": "SOCKS 127.0.0.1:{socks4}; DIRECT",
    "socks-to-socks5": "SOCKS 127.0.0.1:{dead}; SOCKS5 127.0.0.1:{socks5}",
    "socks5-refuses": "SOCKS5 127.0.0.1:{socks5 refuses}; DIRECT",
    "https": "HTTPS 127.0.0.1:{https}; DIRECT",
    "https-not-tls": "HTTPS 127.0.0.1:{closes}; PROXY 127.0.0.1:{http}",
    "closes": "PROXY 127.0.0.1:{closes}; DIRECT",
    "forbids": "PROXY 127.0.0.1:{forbids}; DIRECT",
    "fails": "PROXY 127.0.0.1:{fails}; DIRECT",
    "garbage": "PROXY 127.0.0.1:{garbage}; DIRECT",
}
"""What the PAC file returns, by the first label of the host name."""

SCHEMES = {"DIRECT": "direct://", "PROXY": "http://", "SOCKS": "socks4://", "SOCKS5": "socks5://", "HTTPS": "https://"}
"""How Chromium's option --proxy-server writes the keywords of a PAC file (net/base/proxy_string_util.cc).

The headless Chromium of Debian cannot run PAC files, but it follows such a list in the same way.
"""

NAMES = ["http", "https", "socks4", "socks5", "socks5 refuses", "closes", *REFUSALS]

OPEN = """url => new Promise(done => {
    const socket = new WebSocket(url)
    socket.onopen = () => { socket.close(); done(true) }
    socket.onerror = () => done(false)
})"""


@pytest.fixture(scope="module")
def lab():
    """Yield the port of the site, the proxies, and each list with its ports."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with running_echo() as site, running_proxies(site.port, tls, NAMES) as (proxies, ports):
        dead = {"dead": free_port(), "dead2": free_port()}
        yield site.port, proxies, {host: text.format(**dead, **ports) for host, text in LISTS.items()}


def in_chromium(lab, host):
    """Return whether Chromium opens a WebSocket, and the last proxy that it uses."""
    port, proxies, lists = lab
    entries = (entry.split() for entry in lists[host].split(";"))
    proxies.used.clear()
    options = (
        "--proxy-server=" + ",".join(SCHEMES[keyword] + "".join(address) for keyword, *address in entries),
        "--host-resolver-rules=MAP *.example.com 127.0.0.1",
        "--ignore-certificate-errors",
    )
    with launch(*options) as browser:
        opened = browser.new_page().evaluate(OPEN, f"ws://{host}.example.com:{port}/socket")
    return opened, proxies.used[-1] if proxies.used else ""


def observed(lab, host):
    """Return the evidence of a look, and the last proxy that it used."""
    port, proxies, lists = lab
    script = f"function FindProxyForURL(url, host) {{ return {json.dumps(lists[host])}; }}"
    name = f"{host}.example.com"
    proxy, *others = from_pac(script, f"ws://{name}:{port}/", name)
    proxies.used.clear()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    evidence = asyncio.run(look(Target(f"ws://{name}:{port}/socket", {}, tls, 5, proxy, fallbacks=tuple(others))))
    return evidence, proxies.used[-1] if proxies.used else ""


@pytest.fixture(autouse=True)
def names_on_loopback(monkeypatch):
    """Resolve example.com to this computer, as in Chromium."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host, *arguments, **options):
        return resolve("127.0.0.1" if host.endswith(".example.com") else host, *arguments, **options)

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("host", LISTS)
def test_a_list_is_followed_as_in_chromium(host, lab):
    evidence, used = observed(lab, host)
    assert (evidence.handshake("/socket").opened, used) == in_chromium(lab, host)


def test_the_evidence_shows_what_was_passed_over(lab):
    evidence, _ = observed(lab, "dead-alive")
    dead, alive, _ = (entry.split()[1] for entry in lab[2]["dead-alive"].replace("DIRECT", "DIRECT x").split(";"))
    assert evidence.route.passed_over == ((f"http://{dead}", "connection refused"),)
    assert evidence.route.proxy == f"http://{alive}"
    assert diagnose(evidence).works
    rows = "\n".join(stages(evidence))
    assert f"http://{dead}: connection refused; trying the next one" in " ".join(rows.split())


def test_a_list_of_dead_proxies_names_them_all(lab):
    port, _, lists = lab
    dead = lists["dead-only"].split()[1]
    proxies = [parse(f"{scheme}://{dead}", "PAC file") for scheme in ("http", "socks5")]
    evidence = asyncio.run(look(Target(f"ws://a.example.com:{port}/", proxy=proxies[0], fallbacks=(proxies[1],))))
    (finding,) = diagnose(evidence).findings
    assert finding.id == "unreachable"
    assert finding.proof.endswith(f"; http://{dead}, which the PAC file returned before: connection refused")


def test_a_first_entry_that_works_leaves_no_note(lab):
    evidence, _ = observed(lab, "alive-first")
    assert evidence.route.passed_over == ()
