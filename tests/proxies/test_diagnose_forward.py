"""`diagnose` through a forward proxy: Squid, TLS inspection, SOCKS5."""

import asyncio
import contextlib
import ssl

import pytest
from support.forward import INSPECTED, PORT, WEBSOCKET, able_to_inspect, https_site
from support.machine import every

from checks.cli import main
from checks.findings import diagnose
from checks.lab.forward import forward, socks
from checks.lab.process import free_port
from checks.lab.recipe import RECIPES as FOLDER
from checks.probe import Target, look
from checks.probe.forward_proxy import parse

EXEMPT_FROM_AUTHENTICATION = FOLDER / "squid" / "unasked.conf"


def trusting(*contexts):
    """Return TLS settings that trust the authorities of all these settings."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in contexts:
        for der in context.get_ca_certs(binary_form=True):
            trust.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der))
    return trust


def observe(url, proxy, tls=None):
    """Return the evidence that a look through this proxy collects."""
    return asyncio.run(look(Target(url, tls=tls, proxy=parse(proxy, "option"), timeout=5)))


def expect_cause(cause, evidence, verdict):
    """Record the causes that `diagnose` names, and check that it is this one alone."""
    names = [finding.id for finding in diagnose(evidence).findings]
    verdict("forward", cause, names)
    assert names == [cause], f"expected {cause} alone, got {names}: compare the evidence with the rules"


def expect_candidates(expected, evidence):
    """Check that `diagnose` names no cause, and has at least these candidates."""
    diagnosis = diagnose(evidence)
    assert diagnosis.findings == (), f"expected no cause, got {[finding.id for finding in diagnosis.findings]}"
    missing = expected - set(diagnosis.candidates)
    assert not missing, f"expected {sorted(missing)} among the candidates, got {diagnosis.candidates}"


PLAIN = {"as shipped": ([], "connect-denied"), "with the port of DSS": ([PORT], "works")}


@pytest.mark.parametrize("case", PLAIN)
def test_over_http(case, squid, dss, verdict):
    added, truth = PLAIN[case]
    with forward(squid, dss, *added) as company:
        evidence = observe(f"http://localhost:{dss.port}", company.url)
    expect_cause(truth, evidence, verdict)
    status = evidence.page.status
    assert status == 200, f"expected the page with 200, got {status}: a port that blocks tunnels forwards pages"


TUNNELLED = {"as shipped": ([], "connect-denied"), "with the port of DSS": ([PORT], "works")}


@pytest.mark.parametrize("case", TUNNELLED)
def test_over_https_that_is_not_inspected(case, squid, dss, verdict):
    added, truth = TUNNELLED[case]
    with https_site(dss) as site, forward(squid, site, *added) as company:
        expect_cause(truth, observe(site.origin, company.url, site.tls), verdict)


INSPECTING = [
    (squid, case)
    for squid in every("squid")
    for case, (added, *_) in INSPECTED.items()
    if WEBSOCKET not in added or squid.release >= (5,)  # Squid 4 cannot forward WebSocket under TLS inspection
]


@pytest.mark.parametrize(("build", "case"), INSPECTING, ids=str)
def test_over_https_that_is_inspected(build, case, dss, verdict):
    added, trusts, truth = INSPECTED[case]
    with https_site(dss) as site, forward(able_to_inspect(build), site, *added, inspects=True) as company:
        trust = trusting(*({"site": site.tls, "company": company.tls}[who] for who in trusts))
        expect_cause(truth, observe(site.origin, company.url, trust), verdict)


@contextlib.contextmanager
def only_through_the_proxy(squid, dss, address):
    """Yield the URL of a site that only the proxy can reach, and the proxy."""
    with https_site(dss, address) as site, forward(able_to_inspect(squid), site, PORT, inspects=True) as company:
        yield site.origin, company


def test_an_untrusted_certificate_behind_the_only_route_is_undecided(squid, dss, own_address):
    with only_through_the_proxy(squid, dss, own_address) as (url, company):
        evidence = observe(url, company.url)
    expect_candidates({"cert-untrusted", "tls-interception"}, evidence)


def test_a_lost_upgrade_behind_the_only_route_is_undecided(squid, dss, own_address):
    with only_through_the_proxy(squid, dss, own_address) as (url, company):
        evidence = observe(url, company.url, company.tls)
    status = evidence.handshake(evidence.paths[0]).response.status
    assert status == 426, f"expected 426 from DSS for a handshake without Upgrade, got {status}"
    expect_candidates({"forward-proxy-blocks", "upgrade-not-forwarded"}, evidence)


CREDENTIALS = {
    "none": ("", "proxy-auth"),
    "a wrong one": ("reader:guess", "proxy-auth"),
    "the right one": ("reader:planted%20secret", "works"),
}


@pytest.mark.proves("a-login-at-the-proxy")
@pytest.mark.parametrize("case", CREDENTIALS)
def test_squid_requires_authentication(case, squid, dss, verdict):
    """Squid requires a password, also for the tunnel of a WebSocket."""
    login, truth = CREDENTIALS[case]
    with forward(squid, dss, PORT, login="reader:planted secret") as company:
        evidence = observe(f"http://localhost:{dss.port}", authenticated(company.url, login))
    expect_cause(truth, evidence, verdict)
    if truth != "works":
        tunnel = evidence.route.tunnel
        assert tunnel.status == 407, f"expected 407 for CONNECT, got {tunnel.status}"
        challenge = tunnel.header("Proxy-Authenticate")
        assert challenge == 'Basic realm="Example Corp"', f"expected the challenge of Squid, got {challenge!r}"


@pytest.mark.proves("dss-exempt-from-the-login")
def test_squid_requires_no_authentication_for_dss(squid, dss, verdict):
    """With the exception, Squid requires no password for DSS."""
    with forward(squid, dss, PORT, EXEMPT_FROM_AUTHENTICATION, login="reader:planted secret") as company:
        expect_cause("works", observe(f"http://localhost:{dss.port}", company.url), verdict)


@pytest.mark.parametrize("login", ["", "reader:guess"])
def test_a_socks_proxy_that_only_closes_is_undecided(login, dss):
    with socks("reader:planted secret") as company:
        evidence = observe(f"http://localhost:{dss.port}", authenticated(company, login))
    expect_candidates({"connect-denied", "proxy-auth"}, evidence)
    assert len(diagnose(evidence).candidates) == 2, f"expected no other candidate, got {diagnose(evidence).candidates}"


@pytest.mark.proves("through-a-socks-proxy")
@pytest.mark.parametrize("login", ["", "reader:planted%20secret"])
def test_websocket_works_through_a_socks_proxy(login, dss, verdict):
    """WebSocket works through a SOCKS proxy."""
    with socks("reader:planted secret" if login else "") as company, https_site(dss) as site:
        expect_cause("works", observe(site.origin, authenticated(company, login), site.tls), verdict)


def test_credentials_from_the_environment_are_used_and_never_shown(squid, dss, monkeypatch, tmp_path, capsys):
    with forward(squid, dss, PORT, login="reader:planted-secret") as company:
        monkeypatch.setenv("HTTP_PROXY", authenticated(company.url, "reader:planted-secret"))
        monkeypatch.setenv("NO_PROXY", "")
        for command in (["diagnose", "--save", str(tmp_path / "saved")], ["note"]):
            code = main([*command, f"http://localhost:{dss.port}"])
            assert code == 0, f"{command[0]}: expected exit code 0 with credentials in HTTP_PROXY, got {code}"
    printed = capsys.readouterr()
    shown = company.url.replace("//", "//reader@")
    assert shown in printed.out, f"expected the proxy with its user name, {shown}, in:\n{printed.out}"
    texts = {"stdout": printed.out, "stderr": printed.err, "the saved file": (tmp_path / "saved").read_text()}
    leaks = [name for name, text in texts.items() if "planted-secret" in text]
    assert not leaks, f"the password of the forward proxy is in {leaks}: mask it"


def authenticated(url, login):
    """Return the URL of a proxy with a user name and password in it."""
    return url.replace("//", f"//{login}@") if login else url


def test_a_proxy_that_is_down_is_named(verdict):
    evidence = observe("http://dss.example.com", f"http://127.0.0.1:{free_port()}")
    expect_cause("unreachable", evidence, verdict)
    proof = diagnose(evidence).findings[0].proof
    assert "the forward proxy 127.0.0.1" in proof, f"expected the forward proxy in the proof, got {proof!r}"
