"""`diagnose` through a company's proxy: Squid, TLS inspection, SOCKS5."""

import asyncio
import contextlib
import ssl

import pytest
from machine import every
from support.forward import EXEMPT, PORT, WEBSOCKET, able_to_inspect, https_site

from checks.cli import main
from checks.findings import diagnose
from checks.lab.forward import forward, socks
from checks.lab.process import free_port
from checks.lab.recipe import RECIPES as FOLDER
from checks.probe import Target, look
from checks.probe.forward_proxy import parse

EXEMPT_FROM_AUTHENTICATION = FOLDER / "squid" / "unasked.conf"


def trusting(*contexts):
    """Return the TLS settings that trust the authorities of all these."""
    trust = ssl.create_default_context()
    for context in contexts:
        for der in context.get_ca_certs(binary_form=True):
            trust.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der))
    return trust


def seen(url, proxy, tls=None):
    return asyncio.run(look(Target(url, tls=tls, proxy=parse(proxy, "option"), timeout=5)))


def named(evidence, verdict, truth):
    """Return the causes that are named, and record them."""
    names = [finding.id for finding in diagnose(evidence).findings]
    verdict("forward", truth, names)
    return names


PLAIN = {"as shipped": ([], "connect-denied"), "with the port of DSS": ([PORT], "works")}


@pytest.mark.parametrize("case", PLAIN)
def test_over_http(case, squid, dss, verdict):
    added, truth = PLAIN[case]
    with forward(squid, dss, *added) as company:
        evidence = seen(f"http://localhost:{dss.port}", company.url)
    assert named(evidence, verdict, truth) == [truth]
    assert evidence.page.status == 200


TUNNELLED = {"as shipped": ([], "connect-denied"), "with the port of DSS": ([PORT], "works")}


@pytest.mark.parametrize("case", TUNNELLED)
def test_over_https_that_is_not_inspected(case, squid, dss, verdict):
    added, truth = TUNNELLED[case]
    with https_site(dss) as site, forward(squid, site, *added) as company:
        assert named(seen(site.origin, company.url, site.tls), verdict, truth) == [truth]


INSPECTED = {
    "trusted": ([PORT], ["site", "company"], "tls-interception"),
    "not trusted": ([PORT], ["site"], "tls-interception"),
    "passing WebSocket, trusted": ([PORT, WEBSOCKET], ["site", "company"], "works"),
    "passing WebSocket, not trusted": ([PORT, WEBSOCKET], ["site"], "tls-interception"),
    "with DSS exempt": ([PORT, EXEMPT], ["site"], "works"),
}


INSPECTING = [
    (squid, case)
    for squid in every("squid")
    for case, (added, *_) in INSPECTED.items()
    if WEBSOCKET not in added or squid.release >= (5,)  # before, it cannot pass WebSocket where it inspects
]


@pytest.mark.parametrize(("build", "case"), INSPECTING, ids=str)
def test_over_https_that_is_inspected(build, case, dss, verdict):
    added, trusts, truth = INSPECTED[case]
    with https_site(dss) as site, forward(able_to_inspect(build), site, *added, inspects=True) as company:
        trust = trusting(*({"site": site.tls, "company": company.tls}[who] for who in trusts))
        assert named(seen(site.origin, company.url, trust), verdict, truth) == [truth]


@contextlib.contextmanager
def only_through_the_proxy(squid, dss, address):
    """Yield a site that only the proxy can reach, as in many companies."""
    with https_site(dss, address) as site, forward(able_to_inspect(squid), site, PORT, inspects=True) as company:
        yield site.origin, company


def test_an_untrusted_certificate_behind_the_only_route_is_undecided(squid, dss, own_address):
    with only_through_the_proxy(squid, dss, own_address) as (url, company):
        evidence = seen(url, company.url)
    assert diagnose(evidence).findings == ()
    assert {"cert-untrusted", "tls-interception"} <= set(diagnose(evidence).candidates)


def test_a_lost_upgrade_behind_the_only_route_is_undecided(squid, dss, own_address):
    with only_through_the_proxy(squid, dss, own_address) as (url, company):
        evidence = seen(url, company.url, company.tls)
    assert evidence.handshake(evidence.paths[0]).response.status == 426
    assert diagnose(evidence).findings == ()
    assert {"forward-proxy-blocks", "upgrade-not-forwarded"} <= set(diagnose(evidence).candidates)


CREDENTIALS = {
    "none": ("", "proxy-auth"),
    "a wrong one": ("reader:guess", "proxy-auth"),
    "the right one": ("reader:planted%20secret", "works"),
}


@pytest.mark.proves("a-login-at-the-proxy")
@pytest.mark.parametrize("case", CREDENTIALS)
def test_a_squid_that_wants_a_login(case, squid, dss, verdict):
    login, truth = CREDENTIALS[case]
    with forward(squid, dss, PORT, login="reader:planted secret") as company:
        evidence = seen(f"http://localhost:{dss.port}", authenticated(company.url, login))
    assert named(evidence, verdict, truth) == [truth]
    if truth != "works":
        assert evidence.route.tunnel.status == 407
        assert evidence.route.tunnel.header("Proxy-Authenticate") == 'Basic realm="Example Corp"'


@pytest.mark.proves("dss-exempt-from-the-login")
def test_a_squid_that_wants_no_login_for_dss(squid, dss, verdict):
    with forward(squid, dss, PORT, EXEMPT_FROM_AUTHENTICATION, login="reader:planted secret") as company:
        assert named(seen(f"http://localhost:{dss.port}", company.url), verdict, "works") == ["works"]


@pytest.mark.parametrize("login", ["", "reader:guess"])
def test_a_socks_proxy_that_only_closes_is_undecided(login, dss):
    with socks("reader:planted secret") as company:
        evidence = seen(f"http://localhost:{dss.port}", authenticated(company, login))
    assert diagnose(evidence).findings == ()
    assert diagnose(evidence).candidates == ("connect-denied", "proxy-auth")


@pytest.mark.proves("through-a-socks-proxy")
@pytest.mark.parametrize("login", ["", "reader:planted%20secret"])
def test_the_way_through_a_socks_proxy_works(login, dss, verdict):
    with socks("reader:planted secret" if login else "") as company, https_site(dss) as site:
        assert named(seen(site.origin, authenticated(company, login), site.tls), verdict, "works") == ["works"]


def test_credentials_from_the_environment_are_used_and_never_shown(squid, dss, monkeypatch, tmp_path, capsys):
    with forward(squid, dss, PORT, login="reader:planted-secret") as company:
        monkeypatch.setenv("HTTP_PROXY", authenticated(company.url, "reader:planted-secret"))
        monkeypatch.setenv("NO_PROXY", "")
        assert main(["diagnose", f"http://localhost:{dss.port}", "--save", str(tmp_path / "saved")]) == 0
        assert main(["note", f"http://localhost:{dss.port}"]) == 0
    printed = capsys.readouterr()
    assert company.url.replace("//", "//reader@") in printed.out
    assert "planted-secret" not in printed.out + printed.err + (tmp_path / "saved").read_text()


def authenticated(url, login):
    """Return the URL of a proxy with a user name and password in it."""
    return url.replace("//", f"//{login}@") if login else url


def test_a_proxy_that_is_down_is_named(verdict):
    evidence = seen("http://dss.example.com", f"http://127.0.0.1:{free_port()}")
    assert named(evidence, verdict, "unreachable") == ["unreachable"]
    assert "the forward proxy 127.0.0.1" in diagnose(evidence).findings[0].proof
