"""Every broken variant gives exactly the finding it is named after; the recipe itself gives none."""

import asyncio
from dataclasses import replace

import pytest
from machine import BUILDS, RECIPES, SITES, every, expected, for_each_build, newest, recipe_of, suiting
from proof import id_of, name_of
from reader import Reader
from support.observe import CHROMIUM_ERRORS, evidence_of
from test_confusion import CAUSES
from test_diagnose_forward import INSPECTED

from checks.findings import diagnose, ids
from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy
from checks.probe import NOTIFICATIONS, Target, look
from checks.probe.survey import HOLD_STAGGER

HELD = {"idle-timeout", "lifetime-limit", "proxy-reload"}
"""What only shows on a socket that is held; others look after these."""

VARIANTS = [
    (build, variant)
    for recipe in RECIPES.values()
    for variant in recipe.broken
    for build in suiting(recipe.base(variant))  # it has one mistake where that has none
]


@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_the_recipe_works_and_gives_no_other_finding(build, config, dss, verdict):
    with proxy(recipe_of(config), build, config, dss) as site:
        evidence = evidence_of(site)
    assert [shake.opened for shake in evidence.handshakes if not shake.variant] == [True, True]
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "works", named)
    assert named == ["works"]


@pytest.mark.proves("a-name-the-proxy-does-not-know-is-no-cause")
@pytest.mark.parametrize(
    ("build", "config"), [pair for pair in SITES if not recipe_of(pair[1]).secure(pair[1])], ids=id_of
)
def test_an_address_by_which_the_proxy_does_not_know_dss_gets_no_cause(build, config, dss, verdict):
    with proxy(recipe_of(config), build, config, dss) as site:
        evidence = asyncio.run(look(Target(site.origin.replace("localhost", "127.0.0.1"), timeout=30)))
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "something else", named)
    assert (named, bool(diagnose(evidence).next_step)) == ([], True)


@pytest.mark.parametrize(("build", "variant"), [pair for pair in VARIANTS if pair[1].stem not in HELD], ids=id_of)
def test_a_variant_gives_exactly_the_finding_it_is_named_after(build, variant, dss, bare, record_property, verdict):
    record_property("config", name_of(variant))
    recipe = recipe_of(variant)
    with proxy(recipe, build, variant, bare if recipe.needs(variant).bare else dss) as site:
        evidence = evidence_of(site)
    expected = variant.stem if recipe.suits(build, variant) else "works"
    named = [found.id for found in diagnose(evidence).findings]
    verdict("proxy", expected, named)
    assert named == [expected]


FRONT = RECIPES["haproxy"].config(https=False)
BEHIND = [
    (newest(variant), variant, newest(FRONT))
    for recipe in RECIPES.values()
    for variant in recipe.broken
    if variant.stem not in HELD and not recipe.secure(variant) and not recipe.needs(variant).bare
]


@pytest.mark.parametrize(("build", "variant", "front"), BEHIND, ids=id_of)
def test_behind_a_second_proxy_a_variant_gives_its_finding_or_none(build, variant, front, dss, verdict):
    with (
        proxy(recipe_of(variant), build, variant, dss) as behind,
        proxy(recipe_of(FRONT), front, FRONT, replace(dss, port=behind.http)) as site,
    ):
        evidence = evidence_of(site, variant)
    named = [found.id for found in diagnose(evidence).findings]
    verdict("chain", variant.stem, named)
    assert named in ([variant.stem], [])


@pytest.mark.parametrize(("build", "variant"), [pair for pair in VARIANTS if pair[1].stem == "proxy-reload"], ids=id_of)
def test_a_reload_that_ends_the_held_sockets_is_named(build, variant, dss, record_property, verdict):
    record_property("config", name_of(variant))
    with proxy(recipe_of(variant), build, variant, dss) as site:
        evidence = asyncio.run(held_over_a_reload(site))
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "proxy-reload", named)
    assert named == ["proxy-reload"]


async def held_over_a_reload(site):
    """Look for longer than the two sockets take to open, and reload the proxy when both are."""
    both_open = asyncio.Event()
    looking = asyncio.create_task(
        look(Target(site.origin), idle=20, progress=lambda _, seconds: seconds and both_open.set())
    )
    await both_open.wait()
    await asyncio.sleep(HOLD_STAGGER + 1)  # the second socket is opened so much later
    await asyncio.to_thread(site.command, site.recipe.command("reload"))
    return await looking


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_each_broken_variant_is_for_a_build_that_the_recipe_declares(recipe):
    lonely = [
        variant.name
        for variant in recipe.broken
        if not any(recipe.suits(build, variant) for build in BUILDS[recipe.name])
    ]
    unknown = [origin for origin, version in expected(recipe).items() if not version]
    assert unknown or not lonely, f"{recipe.name}/recipe.toml declares no build that {lonely} are for"


def test_every_finding_has_a_variant_or_a_peer_and_every_variant_a_finding():
    variants = {variant.stem for recipe in RECIPES.values() for variant in recipe.broken}
    strangers, peers = variants - set(ids()), {cause for cause, *_ in CAUSES.values()}
    assert not strangers, f"checks/findings/rules/<id>.py is missing for the broken variants {sorted(strangers)}"
    forward = {case[-1] for case in INSPECTED.values()}
    lonely = set(ids()) - variants - peers - forward - {"unreachable"}  # which nobody makes: a test has it
    assert not lonely, f"no broken variant and no peer of tests/test_confusion.py makes {sorted(lonely)}"


# What the mistake costs, beyond the message: each sentence stands on the finding's page.


@pytest.fixture(params=every("nginx", before="1.29.7"), ids=str)
def old_nginx(request):
    """Each nginx that sends HTTP/1.0 to DSS unless configured otherwise."""
    return request.param


def broken_site(build, finding, dss):
    recipe = RECIPES["nginx"]
    return proxy(recipe, build, recipe.variant(finding), dss)


def changed(build, old, new, dss, *, https=False):
    """Run the recipe with one word of it changed."""
    recipe = RECIPES["nginx"]
    config = recipe.config(https=https)
    text = config.read_text()
    assert text.count(old) == 1
    return proxy(recipe, build, config, dss, changed={config: text.replace(old, new)})


@pytest.mark.proves("http-1-0-is-hidden-by-the-nginx-of-dss")
def test_over_http_1_0_sockets_open_all_the_same_behind_an_nginx_like_that_of_dss(old_nginx, dss):
    with broken_site(old_nginx, "http-1-0-upstream", dss) as site:
        evidence = evidence_of(site)
    assert all(evidence.handshake(path).opened for path in evidence.paths)


@pytest.mark.proves("http-1-0-passes-off-broken-downloads")
def test_over_http_1_0_a_broken_download_is_passed_off_as_complete(old_nginx, dss):
    with broken_site(old_nginx, "http-1-0-upstream", dss) as site:
        response, body = Reader(site).request("/dip/lab/download?blocks=4&breaks-off=1")
    assert (response.status, len(body)) == (200, 4 * 65536)


@pytest.mark.proves("http-1-1-is-the-default-since-1-29-7")
@for_each_build("nginx")
def test_only_nginx_before_1_29_7_needs_to_be_told_http_1_1(build, dss):
    with broken_site(build, "http-1-0-upstream", dss) as site:
        _, body = Reader(site).request("/dip/lab/request")
    assert (b"HTTP/1.0" in body) == (build.release < (1, 29, 7))


@pytest.mark.proves("host-breaks-notebooks-only")
@for_each_build("nginx")
def test_without_host_notifications_work_and_notebooks_do_not(build, dss):
    with broken_site(build, "host-not-preserved", dss) as site:
        evidence = evidence_of(site)
    notifications, notebook = (evidence.handshake(path) for path in evidence.paths)
    assert notifications.opened
    assert (notebook.response.status, notebook.response.body) == (403, "Cross origin websockets not allowed")


@pytest.mark.proves("host-variable-drops-the-port")
@for_each_build("nginx")
def test_host_without_its_port_breaks_notebooks_on_a_port_of_ones_own(build, dss):
    with changed(build, "Host $http_host;", "Host $host;", dss) as site:
        found = diagnose(evidence_of(site)).findings
    assert [finding.id for finding in found] == ["host-not-preserved"]


@pytest.mark.proves("lost-upgrade-leaves-pages-working")
@for_each_build("nginx")
def test_without_upgrade_the_page_works_and_no_socket_does(build, dss):
    with broken_site(build, "upgrade-not-forwarded", dss) as site:
        evidence = evidence_of(site)
    assert (evidence.page.status, evidence.health_check.status) == (200, 200)
    assert [evidence.handshake(path).response.status for path in evidence.paths] == [426, 400]


@pytest.mark.proves("slash-after-the-port-changes-addresses")
@for_each_build("nginx")
def test_a_slash_after_the_port_changes_addresses(build, dss):
    with changed(build, "DSS_HOST:DSS_PORT;", "DSS_HOST:DSS_PORT/;", dss) as site:
        _, body = Reader(site).request("/dip/lab/request/a%2Fb")
    assert b'"target": "/dip/lab/request/a/b"' in body


@pytest.mark.proves("fixed-connection-asks-on-every-page")
@for_each_build("nginx")
def test_a_fixed_connection_header_asks_for_an_upgrade_on_every_page(build, dss):
    with changed(build, "Connection $connection_upgrade;", 'Connection "upgrade";', dss) as site:
        _, body = Reader(site).request("/dip/lab/request")
    assert b'"X-Front-Connection", "upgrade;"' in body


@pytest.mark.proves("redirect-rule-without-the-port-misses")
@for_each_build("nginx")
def test_a_redirect_rule_without_the_port_misses_on_a_port_of_ones_own(build, dss):
    rule = "proxy_redirect http://$http_host/ https://$http_host/;"
    with changed(build, rule, rule.replace("http_host", "host"), dss, https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect")
    assert response.getheader("Location") == f"http://localhost:{site.port}/dip/api/ping"


def statuses(evidence, variant=""):
    return [evidence.handshake(path, variant).response.status for path in evidence.paths]


@pytest.mark.proves("nginx-without-dss-answers-502")
@for_each_build("nginx")
def test_without_dss_nginx_answers_502_to_pages_and_sockets_alike(build, dss):
    with broken_site(build, "backend-down", dss) as site:
        evidence = evidence_of(site)
    assert [evidence.page.status, evidence.health_check.status, *statuses(evidence)] == [502, 502, 502]


@pytest.mark.proves("a-block-of-its-own-loses-the-upgrade")
@for_each_build("nginx")
def test_a_block_of_its_own_for_notebooks_loses_their_upgrade_and_no_other(build, dss):
    with broken_site(build, "upgrade-wrong-location", dss) as site:
        assert statuses(evidence_of(site)) == [101, 400]


@pytest.mark.proves("a-block-with-a-slash-redirects")
@for_each_build("nginx")
def test_a_block_whose_name_ends_in_a_slash_redirects_the_address_without(build, dss):
    with broken_site(build, "redirect-on-handshake", dss) as site:
        evidence = evidence_of(site)
    assert (evidence.page.status, statuses(evidence)) == (200, [301, 101])
    there = dict(evidence.handshake(NOTIFICATIONS).response.headers)["location"]
    assert there == f"{site.origin}/dip/websocket/?sessionId=diagnose00"


@pytest.mark.proves("large-cookies-stop-one-reader")
@for_each_build("nginx")
def test_large_cookies_stop_everything_for_the_reader_who_has_them(build, dss):
    with broken_site(build, "header-too-large", dss) as site:
        evidence = evidence_of(site)
        without, _ = Reader(site).request("/")
    assert [evidence.page.status, evidence.health_check.status, *statuses(evidence)] == [400, 400, 400, 400]
    assert (without.status, evidence.handshake(NOTIFICATIONS, "no-cookies").opened) == (200, True)


@pytest.mark.proves("a-hidden-upgrade-spoils-the-101")
@for_each_build("nginx")
def test_with_upgrade_hidden_the_answer_is_101_and_no_socket_opens(build, dss):
    with broken_site(build, "handshake-header-mangled", dss) as site:
        evidence = evidence_of(site)
    assert statuses(evidence) == [101, 101]
    assert {evidence.handshake(path).fault for path in evidence.paths} == {"missing Upgrade header"}


@pytest.mark.proves("a-second-upgrade-spoils-the-101")
@pytest.mark.xdist_group("browser of variants")
@for_each_build("nginx")
def test_with_an_upgrade_that_nginx_adds_no_socket_opens(build, dss, record_property, verdict):
    line = "proxy_http_version 1.1;"
    with changed(build, line, f"{line} add_header Upgrade h2,h2c always;", dss) as site:
        evidence = evidence_of(site)
        with launch() as browser:
            record_property("on", chromium_version())
            said = console_of(browser, site)
    once = "Error during WebSocket handshake: 'Upgrade' header must not appear more than once in a response"
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", "handshake-header-mangled", named)
    assert (said, statuses(evidence), named) == ([once, once], [101, 101], ["handshake-header-mangled"])


@pytest.mark.proves("console-of-each-cause")
@pytest.mark.xdist_group("browser of variants")
@pytest.mark.parametrize("build", [newest(RECIPES["nginx"].config(https=False))], ids=str)
def test_the_console_of_chromium_tells_causes_apart(build, dss, record_property):
    said = {}
    with launch() as browser:
        record_property("on", chromium_version())
        for finding in CHROMIUM_ERRORS:
            with broken_site(build, finding, dss) as site:
                said[finding] = console_of(browser, site)
    assert said == {
        finding: [f"Error during WebSocket handshake: {end}" for end in CHROMIUM_ERRORS[finding]] for finding in said
    }


def console_of(browser, site):
    """Return what the console says of the notification socket, then of a kernel's, where it is refused."""
    reader, lines = Reader(site), []
    reader.log_in()
    kernel = reader.start_kernel()
    context = browser.new_context()
    context.add_cookies([{"name": name, "value": value, "url": site.origin} for name, value in reader.cookies.items()])
    page = context.new_page()
    page.on("console", lambda message: lines.append(message.text))
    page.goto(site.origin)
    page.wait_for_function("document.body.dataset.state")
    page.evaluate("path => new Promise(done => { const s = new WebSocket(path); s.onopen = s.onclose = done })", kernel)
    context.close()
    reader.stop_kernel(kernel)
    return [line.split("failed: ")[1] for line in lines if line.startswith("WebSocket connection to")]
