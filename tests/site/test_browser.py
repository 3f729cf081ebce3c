"""What a user sees in Chromium: the error of DSS, notebooks that work or fail."""

import pytest
from support.machine import RECIPES, newest, recipe_of
from support.pages import handshake_errors, state_of
from support.proof import id_of
from support.reader import Reader

from checks.lab.chromium import chromium_version
from checks.lab.proxy import proxy

NGINX = RECIPES["nginx"]
NEWEST = pytest.mark.parametrize("build", [newest(NGINX.config(https=False))], ids=str)
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def tab(browser, record_property):
    """A new tab; `console` has the lines of its console."""
    record_property("on", chromium_version())
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.console = []
    page.on("console", lambda message: page.console.append(message.text))
    yield page
    context.close()


CONFIGS = [config for recipe in RECIPES.values() for config in recipe.configs]


@pytest.mark.parametrize(("build", "config"), [(newest(config), config) for config in CONFIGS], ids=id_of)
def test_behind_a_recipe_a_notebook_computes_without_an_error(build, config, dss, tab):
    with proxy(recipe_of(config), build, config, dss) as site:
        assert state_of(tab, f"{site.origin}/") == "live", f"the console has {tab.console}"
        assert not tab.locator("#overlay").is_visible()
        assert state_of(tab, f"{site.origin}/notebook#{dss.token}") == "done", f"the console has {tab.console}"
        assert tab.locator("#out").inner_text() == "42"


@NEWEST
@pytest.mark.proves("console-names-the-status")
def test_without_upgrade_dss_shows_its_error_and_chromium_the_status(build, dss, tab):
    """Without `Upgrade`, the page shows the error, and Chromium the status."""
    with proxy(NGINX, build, NGINX.variant("upgrade-not-forwarded"), dss) as site:
        assert state_of(tab, f"{site.origin}/") == "failed"
        assert tab.locator("#message").inner_text() == "Could not establish WebSocket connection"
        assert tab.locator("#message").is_visible()
    assert handshake_errors(tab.console) == ["Error during WebSocket handshake: Unexpected response code: 426"]


@NEWEST
@pytest.mark.proves("console-names-a-foreign-origin")
def test_without_host_only_the_websocket_of_a_kernel_gets_403(build, dss, tab):
    """With a wrong `Host`, only the WebSocket of a notebook gets 403."""
    with proxy(NGINX, build, NGINX.variant("host-not-preserved"), dss) as site:
        reader = Reader(site)
        reader.log_in()
        kernel = reader.start_kernel()
        tab.context.add_cookies(
            [{"name": name, "value": value, "url": site.origin} for name, value in reader.cookies.items()]
        )
        assert state_of(tab, f"{site.origin}/") == "live"
        code = tab.evaluate("path => new Promise(done => new WebSocket(path).onclose = ({code}) => done(code))", kernel)
        reader.stop_kernel(kernel)
    assert code == 1006
    assert handshake_errors(tab.console) == ["Error during WebSocket handshake: Unexpected response code: 403"]


@NEWEST
@pytest.mark.proves("host-stops-new-kernels")
def test_without_host_a_browser_cannot_start_a_kernel(build, dss, tab):
    """With a wrong `Host`, a browser cannot start a kernel."""
    with proxy(NGINX, build, NGINX.variant("host-not-preserved"), dss) as site:
        assert state_of(tab, f"{site.origin}/notebook#{dss.token}") == "failed"
        assert tab.locator("#out").inner_text() == "no kernel: HTTP 404"
