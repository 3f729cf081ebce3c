"""An administrator who is new to this: he opens the page of his proxy, types his values, copies, pastes, reloads."""

import pytest
from machine import RECIPES, newest, recipe_of
from proof import id_of
from test_blanks import field
from test_browser import state_of
from test_site import served, sphinx

from checks.lab.chromium import chromium_version, launch
from checks.lab.process import SCALE
from checks.lab.proxy import proxy

pytestmark = pytest.mark.xdist_group("administrator")

PAGES = "installation/custom/reverse-proxy"
CONFIGS = [
    next((config for config in recipe.configs if config.stem == "https"), recipe.config(https=False))
    for recipe in RECIPES.values()
]
"""The config of each recipe that its page shows first: the one for HTTPS where there is one."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """The browser of the administrator, who reads the site as it is published."""
    out = tmp_path_factory.mktemp("published")
    sphinx("docs", out)
    with served(out) as address, launch() as browser:
        allowed = ["clipboard-read", "clipboard-write"]
        with browser.new_context(base_url=address, permissions=allowed, ignore_https_errors=True) as context:
            context.set_default_timeout(5000 * SCALE)
            yield context.new_page()


def copied(tab, place):
    """Press the button of the first file to copy that belongs in this place, and return what is in the clipboard."""
    block = tab.locator(".literal-block-wrapper:visible", has=tab.locator(f'.caption-text:has-text("{place}")')).first
    block.locator(".copy").click()
    block.locator(".copy", has_text="Copied").wait_for()
    return tab.evaluate("navigator.clipboard.readText()")


@pytest.mark.proves("copied-and-pasted")
@pytest.mark.parametrize(("build", "config"), [(newest(config), config) for config in CONFIGS], ids=id_of)
def test_what_the_page_gives_is_pasted_into_a_fresh_installation_and_a_notebook_computes(
    build, config, dss, tab, record_property
):
    recipe = recipe_of(config)
    record_property("on", chromium_version())
    tab.goto(f"{PAGES}/{recipe.name}.html")
    for literal, value in {"dss.example.com": "localhost", "DSS_HOST": "127.0.0.1", "DSS_PORT": str(dss.port)}.items():
        field(tab, literal).fill(value)
    pasted = {config: copied(tab, recipe.declared["installed_as"])}
    pasted |= {path: copied(tab, place) for path, place in recipe.parts.items()}
    for text in pasted.values():
        assert "dss.example.com" not in text
        assert "DSS_" not in text
    # His certificate lies where the page says; ports and folders are the lab's.
    with proxy(recipe, build, config, dss, changed=pasted) as site:
        assert state_of(tab, f"{site.origin}/") == "live"
        assert state_of(tab, f"{site.origin}/notebook#{dss.token}") == "done"
        assert tab.locator("#out").inner_text() == "42"
