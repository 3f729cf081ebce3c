"""What a reader sees in a real Chromium: the message, a notebook that fails, a notebook that computes."""

import pytest
from machine import RECIPES, newest, recipe_of
from proof import id_of
from reader import Reader

from checks.lab.chromium import chromium_version, launch
from checks.lab.proxy import proxy

NGINX = RECIPES["nginx"]
NEWEST = pytest.mark.parametrize("build", [newest(NGINX.config(https=False))], ids=str)
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def chromium():
    with launch() as browser:
        yield browser


@pytest.fixture
def tab(chromium, record_property):
    """A fresh window of the browser; `lines` is its console."""
    record_property("on", chromium_version())
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.lines = []
    page.on("console", lambda message: page.lines.append(message.text))
    yield page
    context.close()


def state_of(tab, address):
    """Open the page and return how it ends: live, failed, done."""
    tab.goto(address)
    tab.wait_for_function("document.body.dataset.state")
    return tab.evaluate("document.body.dataset.state")


def refused(tab):
    """Return what the console says about the handshake, without the address."""
    (line,) = [line for line in tab.lines if "WebSocket connection to" in line]
    return line.split("failed: ")[1].rstrip(": ")


CONFIGS = [config for recipe in RECIPES.values() for config in recipe.configs]


@pytest.mark.parametrize(("build", "config"), [(newest(config), config) for config in CONFIGS], ids=id_of)
def test_behind_the_recipe_no_message_shows_and_a_notebook_computes(build, config, dss, tab):
    with proxy(recipe_of(config), build, config, dss) as site:
        assert state_of(tab, f"{site.origin}/") == "live", tab.lines
        assert not tab.locator("#overlay").is_visible()
        assert state_of(tab, f"{site.origin}/notebook#{dss.token}") == "done", tab.lines
        assert tab.locator("#out").inner_text() == "42"


@NEWEST
@pytest.mark.proves("console-names-the-status")
def test_without_upgrade_the_message_shows_and_the_console_names_the_status(build, dss, tab):
    with proxy(NGINX, build, NGINX.twin("upgrade-not-forwarded"), dss) as site:
        assert state_of(tab, f"{site.origin}/") == "failed"
        assert tab.locator("#message").inner_text() == "Could not establish WebSocket connection"
        assert tab.locator("#message").is_visible()
    assert refused(tab) == "Error during WebSocket handshake: Unexpected response code: 426"


@NEWEST
@pytest.mark.proves("console-names-a-foreign-origin")
def test_without_host_the_page_is_live_and_the_socket_of_a_kernel_is_refused_with_403(build, dss, tab):
    with proxy(NGINX, build, NGINX.twin("host-not-preserved"), dss) as site:
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
    assert refused(tab) == "Error during WebSocket handshake: Unexpected response code: 403"


@NEWEST
@pytest.mark.proves("host-stops-new-kernels")
def test_without_host_a_browser_cannot_start_a_kernel(build, dss, tab):
    with proxy(NGINX, build, NGINX.twin("host-not-preserved"), dss) as site:
        assert state_of(tab, f"{site.origin}/notebook#{dss.token}") == "failed"
        assert tab.locator("#out").inner_text() == "no kernel: HTTP 404"
