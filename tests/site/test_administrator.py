"""An administrator enters values on a page, copies the config, and runs it."""

import pytest
from support.machine import RECIPES, newest, recipe_of
from support.pages import state_of
from support.proof import id_of
from support.site import served

from checks.lab.chromium import chromium_version, launch
from checks.lab.process import SCALE
from checks.lab.proxy import proxy

pytestmark = pytest.mark.xdist_group("administrator")

PAGES = "installation/custom/reverse-proxy"
CONFIGS = [
    next((config for config in recipe.configs if config.stem == "https"), recipe.config(https=False))
    for recipe in RECIPES.values()
]
"""The config that the page of each recipe shows first: the one for HTTPS, if it has one."""


@pytest.fixture(scope="module")
def tab(site):
    """A browser tab on the site as published."""
    with served(site) as url, launch() as browser:
        allowed = ["clipboard-read", "clipboard-write"]
        with browser.new_context(base_url=url, permissions=allowed, ignore_https_errors=True) as context:
            context.set_default_timeout(5000 * SCALE)
            yield context.new_page()


def copied(tab, place):
    """Press the copy button of the first file for a place; return the clipboard."""
    block = tab.locator(".literal-block-wrapper:visible", has=tab.locator(f'.caption-text:has-text("{place}")')).first
    block.locator(".copy").click()
    block.locator(".copy", has_text="Copied").wait_for()
    return tab.evaluate("navigator.clipboard.readText()")


@pytest.mark.proves("copied-and-pasted")
@pytest.mark.parametrize(("build", "config"), [(newest(config), config) for config in CONFIGS], ids=id_of)
def test_a_config_copied_from_the_page_runs_a_notebook(build, config, dss, tab, record_property):
    """A config that is copied from the page runs a notebook."""
    recipe = recipe_of(config)
    record_property("on", chromium_version())
    tab.goto(f"{PAGES}/{recipe.name}.html")
    for literal, value in {"dss.example.com": "localhost", "DSS_HOST": "127.0.0.1", "DSS_PORT": str(dss.port)}.items():
        tab.locator(f'.blanks input[placeholder="{literal}"]').fill(value)
    pasted = {config: copied(tab, recipe.file.installed_as)}
    pasted |= {path: copied(tab, place) for path, place in recipe.parts.items()}
    for text in pasted.values():
        assert "dss.example.com" not in text, f"a copied file still has dss.example.com, expected localhost:\n{text}"
        assert "DSS_" not in text, f"a copied file still has DSS_HOST or DSS_PORT, expected values:\n{text}"
    # The lab puts a certificate where the page says, and replaces ports and folders.
    with proxy(recipe, build, config, dss, changed=pasted) as running:
        assert state_of(tab, f"{running.origin}/") == "live"
        assert state_of(tab, f"{running.origin}/notebook#{dss.token}") == "done"
        assert tab.locator("#out").inner_text() == "42"
