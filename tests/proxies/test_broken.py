"""Each broken variant has exactly the cause in its name; its recipe has none."""

import asyncio
from dataclasses import replace

import pytest
from support.confusion import CAUSES
from support.forward import INSPECTED
from support.machine import BUILDS, RECIPES, SITES, every, expected, for_each_build, newest, recipe_of, suiting
from support.observe import CHROMIUM_ERRORS, evidence_of
from support.proof import id_of, name_of
from support.reader import Reader

from checks.findings import diagnose, ids
from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy
from checks.probe import NOTIFICATIONS, Target, look
from checks.probe.survey import HOLD_STAGGER

HELD = {"idle-timeout", "lifetime-limit", "proxy-reload"}
"""Causes that need a WebSocket connection held open: other tests cover them."""

VARIANTS = [
    (build, variant)
    for recipe in RECIPES.values()
    for variant in recipe.broken
    for build in suiting(recipe.base(variant))  # on other builds, the recipe itself is not valid
]


def expect_causes(expected, evidence):
    """Check that `diagnose` names exactly these causes."""
    names = named(evidence)
    assert names == expected, f"expected the causes {expected}, got {names}: compare the evidence with the rules"


def named(evidence):
    """Return the ids of the causes that `diagnose` names."""
    return [finding.id for finding in diagnose(evidence).findings]


@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_the_recipe_works_and_has_no_cause(build, config, dss, verdict):
    with proxy(recipe_of(config), build, config, dss) as site:
        evidence = evidence_of(site)
    opened = [handshake.opened for handshake in evidence.handshakes if not handshake.variant]
    assert opened == [True, True], f"expected both WebSocket connections to open, got {opened}"
    verdict("proxy", "works", named(evidence))
    expect_causes(["works"], evidence)


@pytest.mark.proves("a-name-the-proxy-does-not-know-is-no-cause")
@pytest.mark.parametrize(
    ("build", "config"), [pair for pair in SITES if not recipe_of(pair[1]).secure(pair[1])], ids=id_of
)
def test_an_unconfigured_host_name_gets_no_cause(build, config, dss, verdict):
    """A host name that the proxy does not know gets no cause."""
    with proxy(recipe_of(config), build, config, dss) as site:
        evidence = asyncio.run(look(Target(site.origin.replace("localhost", "127.0.0.1"), timeout=30)))
    verdict("proxy", "something else", named(evidence))
    expect_causes([], evidence)
    assert diagnose(evidence).next_step, "expected a next step where there is no cause, got none"


@pytest.mark.parametrize(("build", "variant"), [pair for pair in VARIANTS if pair[1].stem not in HELD], ids=id_of)
def test_a_broken_variant_has_exactly_the_cause_in_its_name(build, variant, dss, bare, record_property, verdict):
    record_property("config", name_of(variant))
    recipe = recipe_of(variant)
    with proxy(recipe, build, variant, bare if recipe.needs(variant).bare else dss) as site:
        evidence = evidence_of(site)
    truth = variant.stem if recipe.suits(build, variant) else "works"
    verdict("proxy", truth, named(evidence))
    expect_causes([truth], evidence)


FRONT = RECIPES["haproxy"].config(https=False)
CURED = {"browser-refused"}
"""The causes that FRONT removes: HAProxy drops keep-alive from Connection."""

BEHIND = [
    (newest(variant), variant, newest(FRONT))
    for recipe in RECIPES.values()
    for variant in recipe.broken
    if variant.stem not in HELD and not recipe.secure(variant) and not recipe.needs(variant).bare
]


@pytest.mark.parametrize(("build", "variant", "front"), BEHIND, ids=id_of)
def test_behind_a_second_proxy_no_wrong_cause_is_named(build, variant, front, dss, verdict):
    with (
        proxy(recipe_of(variant), build, variant, dss) as behind,
        proxy(recipe_of(FRONT), front, FRONT, replace(dss, port=behind.http)) as site,
    ):
        evidence = evidence_of(site, variant)
    names, truth = named(evidence), "works" if variant.stem in CURED else variant.stem
    verdict("chain", truth, names)
    assert names in ([truth], []), f"expected {truth} or no cause, got {names}"


@pytest.mark.parametrize(("build", "variant"), [pair for pair in VARIANTS if pair[1].stem == "proxy-reload"], ids=id_of)
def test_a_reload_that_closes_websocket_connections_is_named(build, variant, dss, record_property, verdict):
    record_property("config", name_of(variant))
    with proxy(recipe_of(variant), build, variant, dss) as site:
        evidence = asyncio.run(evidence_across_a_reload(site))
    verdict("proxy", "proxy-reload", named(evidence))
    expect_causes(["proxy-reload"], evidence)


async def evidence_across_a_reload(site):
    """Reload the proxy when both idle connections are open; return the evidence."""
    both_open = asyncio.Event()
    survey = asyncio.create_task(
        look(Target(site.origin), idle=20, progress=lambda _, seconds: seconds and both_open.set())
    )
    await both_open.wait()
    await asyncio.sleep(HOLD_STAGGER + 1)  # the second connection opens this much later
    await asyncio.to_thread(site.command, site.recipe.command("reload"))
    return await survey


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_each_broken_variant_suits_a_declared_build(recipe):
    unsuited = [
        variant.name
        for variant in recipe.broken
        if not any(recipe.suits(build, variant) for build in BUILDS[recipe.name])
    ]
    unknown = [origin for origin, version in expected(recipe).items() if not version]
    assert unknown or not unsuited, (
        f"{recipe.name}/recipe.toml: expected a build for each broken variant, got none for {unsuited}: declare one"
    )


def test_each_cause_has_an_example_and_each_variant_a_rule():
    variants = {variant.stem for recipe in RECIPES.values() for variant in recipe.broken}
    unknown = sorted(variants - set(ids()))
    assert not unknown, f"expected a rule for each broken variant, got none for {unknown}: add checks/findings/rules/"
    scripted = {cause for cause, *_ in CAUSES.values()}
    inspected = {cause for *_, cause in INSPECTED.values()}
    missing = sorted(set(ids()) - variants - scripted - inspected - {"unreachable"})  # that one needs no server
    assert not missing, (
        f"expected an example of each cause, got none of {missing}: "
        "add a broken variant, or a scripted server to tests/support/confusion.py"
    )


# Effects of each mistake that a user sees: the page of the cause has these claims.


@pytest.fixture(params=every("nginx", before="1.29.7"), ids=str)
def old_nginx(request):
    """Return a build of nginx that sends HTTP/1.0 to DSS by default."""
    return request.param


def broken_site(build, finding, dss):
    """Run the broken variant of the nginx recipe with this cause."""
    recipe = RECIPES["nginx"]
    return proxy(recipe, build, recipe.variant(finding), dss)


def changed(build, old, new, dss, *, https=False):
    """Run the nginx recipe with a changed text in place of an old one."""
    recipe = RECIPES["nginx"]
    config = recipe.config(https=https)
    text = config.read_text()
    count = text.count(old)
    assert count == 1, f"{config.name}: expected {old!r} once, got it {count} times: correct the test"
    return proxy(recipe, build, config, dss, changed={config: text.replace(old, new)})


@pytest.mark.proves("http-1-0-is-hidden-by-the-nginx-of-dss")
def test_http_1_0_websocket_opens_behind_the_nginx_of_dss(old_nginx, dss):
    """Over HTTP/1.0, WebSocket still opens behind the nginx that is in DSS."""
    with broken_site(old_nginx, "http-1-0-upstream", dss) as site:
        evidence = evidence_of(site)
    failed = [path for path in evidence.paths if not evidence.handshake(path).opened]
    assert not failed, f"expected WebSocket to open on every path, got failures on {failed}"


@pytest.mark.proves("http-1-0-passes-off-broken-downloads")
def test_http_1_0_makes_an_incomplete_download_look_complete(old_nginx, dss):
    """Over HTTP/1.0, an incomplete download looks complete."""
    with broken_site(old_nginx, "http-1-0-upstream", dss) as site:
        response, body = Reader(site).request("/dip/lab/download?blocks=4&breaks-off=1")
    assert response.status == 200, f"expected 200 for the download, got {response.status}"
    assert len(body) == 4 * 65536, f"expected the 4 blocks before the break, got {len(body)} bytes"


@pytest.mark.proves("http-1-1-is-the-default-since-1-29-7")
@for_each_build("nginx")
def test_nginx_defaults_to_http_1_0_before_1_29_7(build, dss):
    """Before nginx 1.29.7, `proxy_pass` uses HTTP/1.0 by default."""
    with broken_site(build, "http-1-0-upstream", dss) as site:
        _, body = Reader(site).request("/dip/lab/request")
    old = build.release < (1, 29, 7)
    version = b"HTTP/1.0" if old else b"HTTP/1.1"
    assert (b"HTTP/1.0" in body) == old, f"expected {version!r} from {build}, got the request {body!r}"


@pytest.mark.proves("host-breaks-notebooks-only")
@for_each_build("nginx")
def test_without_host_notifications_work_and_notebooks_do_not(build, dss):
    """With a wrong `Host`, notifications work, and notebooks do not."""
    with broken_site(build, "host-not-preserved", dss) as site:
        evidence = evidence_of(site)
    notifications, notebook = (evidence.handshake(path) for path in evidence.paths)
    assert notifications.opened, f"expected notifications to open, got {notifications.response}"
    status, body = notebook.response.status, notebook.response.body
    assert status == 403, f"expected 403 from Jupyter, got {status}"
    assert body == "Cross origin websockets not allowed", f"expected the error of Jupyter, got {body!r}"


@pytest.mark.proves("host-variable-drops-the-port")
@for_each_build("nginx")
def test_host_without_port_breaks_notebooks_on_a_custom_port(build, dss):
    """`Host` without its port breaks notebooks on a custom port."""
    with changed(build, "Host $http_host;", "Host $host;", dss) as site:
        evidence = evidence_of(site)
    expect_causes(["host-not-preserved"], evidence)


@pytest.mark.proves("lost-upgrade-leaves-pages-working")
@for_each_build("nginx")
def test_without_upgrade_the_page_works_and_no_websocket_opens(build, dss):
    """Without `Upgrade`, the page works, and no WebSocket opens."""
    with broken_site(build, "upgrade-not-forwarded", dss) as site:
        evidence = evidence_of(site)
    expect_statuses([200, 200], [evidence.page.status, evidence.health_check.status])
    expect_statuses([426, 400], statuses(evidence))


@pytest.mark.proves("slash-after-the-port-changes-addresses")
@for_each_build("nginx")
def test_a_slash_after_the_port_changes_urls(build, dss):
    """A slash after the port in `proxy_pass` changes URLs."""
    with changed(build, "DSS_HOST:DSS_PORT;", "DSS_HOST:DSS_PORT/;", dss) as site:
        _, body = Reader(site).request("/dip/lab/request/a%2Fb")
    expected = b'"target": "/dip/lab/request/a/b"'
    assert expected in body, f"expected {expected!r} in the request that DSS receives, got {body!r}"


@pytest.mark.proves("fixed-connection-asks-on-every-page")
@for_each_build("nginx")
def test_a_fixed_connection_header_requests_an_upgrade_on_every_page(build, dss):
    """A fixed `Connection: upgrade` asks for an upgrade on every page."""
    with changed(build, "Connection $connection_upgrade;", 'Connection "upgrade";', dss) as site:
        _, body = Reader(site).request("/dip/lab/request")
    expected = b'"X-Front-Connection", "upgrade;"'
    assert expected in body, f"expected {expected!r} in the request that DSS receives, got {body!r}"


@pytest.mark.proves("redirect-rule-without-the-port-misses")
@for_each_build("nginx")
def test_a_redirect_rule_without_port_misses_on_a_custom_port(build, dss):
    """In nginx, a redirect rule without the port misses on a custom port."""
    rule = "proxy_redirect http://$http_host/ https://$http_host/;"
    with changed(build, rule, rule.replace("http_host", "host"), dss, https=True) as site:
        response, _ = Reader(site).request("/dip/lab/redirect")
    location, unchanged = response.getheader("Location"), f"http://localhost:{site.port}/dip/api/ping"
    assert location == unchanged, f"expected the redirect to stay {unchanged}, got {location}"


def expect_statuses(expected, actual):
    """Check a list of status codes."""
    assert actual == expected, f"expected the status codes {expected}, got {actual}"


def statuses(evidence, variant=""):
    """Return the status codes of the handshakes, by path."""
    return [evidence.handshake(path, variant).response.status for path in evidence.paths]


@pytest.mark.proves("nginx-without-dss-answers-502")
@for_each_build("nginx")
def test_without_dss_nginx_sends_502_to_pages_and_handshakes(build, dss):
    """If DSS is down, nginx sends 502 to pages and handshakes."""
    with broken_site(build, "backend-down", dss) as site:
        evidence = evidence_of(site)
    expect_statuses([502, 502, 502], [evidence.page.status, evidence.health_check.status, *statuses(evidence)])


@pytest.mark.proves("a-block-of-its-own-loses-the-upgrade")
@for_each_build("nginx")
def test_a_separate_location_for_notebooks_drops_their_upgrade_only(build, dss):
    """In nginx, a separate `location` for notebooks drops `Upgrade` for them only."""
    with broken_site(build, "upgrade-wrong-location", dss) as site:
        expect_statuses([101, 400], statuses(evidence_of(site)))


@pytest.mark.proves("a-block-with-a-slash-redirects")
@for_each_build("nginx")
def test_a_location_with_a_trailing_slash_redirects_the_handshake(build, dss):
    """In nginx, a `location` that ends in a slash redirects the handshake."""
    with broken_site(build, "redirect-on-handshake", dss) as site:
        evidence = evidence_of(site)
    expect_statuses([200, 301, 101], [evidence.page.status, *statuses(evidence)])
    location = dict(evidence.handshake(NOTIFICATIONS).response.headers)["location"]
    expected = f"{site.origin}/dip/websocket/?sessionId=diagnose00"
    assert location == expected, f"expected a redirect to {expected}, got {location}"


@pytest.mark.proves("large-cookies-stop-one-reader")
@for_each_build("nginx")
def test_large_cookies_block_every_request_of_their_user(build, dss):
    """Cookies that are too large block every request of their user."""
    with broken_site(build, "header-too-large", dss) as site:
        evidence = evidence_of(site)
        without, _ = Reader(site).request("/")
    expect_statuses([400] * 4, [evidence.page.status, evidence.health_check.status, *statuses(evidence)])
    expect_statuses([200], [without.status])
    without_cookies = evidence.handshake(NOTIFICATIONS, "no-cookies")
    assert without_cookies.opened, f"expected WebSocket to open without cookies, got {without_cookies.response}"


@pytest.mark.proves("a-hidden-upgrade-spoils-the-101")
@for_each_build("nginx")
def test_a_101_with_upgrade_hidden_opens_no_websocket(build, dss):
    """If nginx hides `Upgrade` in the 101, no WebSocket opens."""
    with broken_site(build, "handshake-header-mangled", dss) as site:
        evidence = evidence_of(site)
    expect_statuses([101, 101], statuses(evidence))
    faults = {evidence.handshake(path).fault for path in evidence.paths}
    assert faults == {"missing Upgrade header"}, f"expected a missing Upgrade header, got {faults}"


@pytest.mark.proves("a-second-upgrade-spoils-the-101")
@pytest.mark.xdist_group("browser of variants")
@for_each_build("nginx")
def test_with_a_second_upgrade_header_no_websocket_opens(build, dss, record_property, verdict):
    """If nginx sends `Upgrade` twice, no WebSocket opens."""
    line = "proxy_http_version 1.1;"
    with changed(build, line, f"{line} add_header Upgrade h2,h2c always;", dss) as site:
        evidence = evidence_of(site)
        with launch() as browser:
            record_property("on", chromium_version())
            errors = console_of(browser, site)
    error = "Error during WebSocket handshake: 'Upgrade' header must not appear more than once in a response"
    verdict("proxy", "handshake-header-mangled", named(evidence))
    assert errors == [error, error], f"expected twice the console error {error!r}, got {errors}"
    expect_statuses([101, 101], statuses(evidence))
    expect_causes(["handshake-header-mangled"], evidence)


@pytest.mark.proves("console-of-each-cause")
@pytest.mark.xdist_group("browser of variants")
@pytest.mark.parametrize("build", [newest(RECIPES["nginx"].config(https=False))], ids=str)
def test_console_errors_of_chromium_distinguish_causes(build, dss, record_property):
    """Chromium's console shows different errors for different causes."""
    errors = {}
    with launch() as browser:
        record_property("on", chromium_version())
        for finding in CHROMIUM_ERRORS:
            with broken_site(build, finding, dss) as site:
                errors[finding] = console_of(browser, site)
    expected = {
        finding: [f"Error during WebSocket handshake: {end}" for end in ends]
        for finding, ends in CHROMIUM_ERRORS.items()
    }
    assert errors == expected, f"expected the console errors {expected}, got {errors}: correct CHROMIUM_ERRORS"


def console_of(browser, site):
    """Return the console errors for the WebSocket of notifications, then of a kernel.

    A connection that opens has no error.
    """
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
