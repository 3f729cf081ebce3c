"""A user with the error on the screen finds the person to ask, and the message."""

import json
import tomllib
from pathlib import Path

import pytest
from support.machine import RECIPES, newest
from support.site import served

from checks.findings import cause
from checks.lab.firefox import launch_firefox
from checks.lab.process import SCALE
from checks.lab.proxy import proxy
from checks.report.ticket import OWNERS

pytestmark = pytest.mark.xdist_group("guide")

MESSAGES = Path(__file__).parents[2] / "docs" / "_ext" / "messages.toml"

MOST = 4
"""Actions from the first page to the copied message: each click, paste or entry is one."""

ADDRESS = "https://dss.corp.example:8443/projects/SALES/"
NGINX = RECIPES["nginx"]
NEWEST = pytest.mark.parametrize("build", [newest(NGINX.config(https=False))], ids=str)
EVERYONE, NOT_ONLY_HERE = "Yes, colleagues see it too", "Yes, it fails there too"

IN_CONSOLE = (
    "upgrade-not-forwarded",
    "auth-on-handshake",
    "redirect-on-handshake",
    "accept-mismatch",
    "handshake-header-mangled",
    "csp-blocks",
)
"""Failures that Chromium prints when it opens DSS. Firefox prints the same line for the first four."""

REPLIES = {
    **dict.fromkeys(
        (
            "backend-down",
            "browser-refused",
            "forwarded-proto",
            "h2-websocket",
            "handshake-unanswered",
            "http2-upstream",
        ),
        (EVERYONE, NOT_ONLY_HERE),
    ),
    **dict.fromkeys(
        ("upgrade-denied", "connections-exhausted", "header-too-large", "http-1-0-upstream"), (EVERYONE, NOT_ONLY_HERE)
    ),
    **dict.fromkeys(("idle-timeout", "lifetime-limit", "proxy-reload"), ("It opens, but is lost after a while",)),
    **dict.fromkeys(("host-not-preserved", "upgrade-wrong-location"), ("Only notebooks fail",)),
    "intermittent": ("Only on some reloads",),
    **dict.fromkeys(("connect-denied", "forward-proxy-blocks", "proxy-auth"), (EVERYONE, "No, it works there")),
    "tls-interception": ("Only on VPN, or only at one site",),
    "scheme-mismatch": ("Only on VPN, or only at one site",),
    "endpoint-security": ("No, only I see it", NOT_ONLY_HERE),
}
"""What people reply who have no console error, for each other failure of the lab."""


def test_every_failure_of_the_lab_has_a_route():
    broken = {file.stem for recipe in RECIPES.values() for file in recipe.folder.glob("broken/*.patch")}
    assert broken - {*IN_CONSOLE, *REPLIES} == set()


@pytest.fixture(scope="module")
def url(site):
    with served(site) as url:
        yield url


class Actions:
    """What a user does, counted."""

    def __init__(self, page, url):
        self.page, self.count = page, 0
        page.goto(f"{url}/index.html")

    def act(self, locator, action, *given):
        self.count += 1
        getattr(locator, action)(*given)

    def copy(self, button):
        self.act(button, "click")
        self.page.get_by_text("Copied", exact=False).first.wait_for()
        return self.page.evaluate("navigator.clipboard.readText()")


@pytest.fixture
def page(browser):
    allowed = ["clipboard-read", "clipboard-write"]
    with browser.new_context(permissions=allowed, ignore_https_errors=True) as context:
        context.set_default_timeout(10000 * SCALE)
        yield context.new_page()


def test_replies_lead_to_the_owner_and_a_message(page, url):
    for failure, replies in REPLIES.items():
        user = Actions(page, url)
        user.act(page.get_by_role("link", name=replies[0]), "click")
        user.act(page.locator("#address"), "fill", ADDRESS)
        for reply in replies[1:]:
            user.act(page.locator("summary:visible", has_text=reply).first, "click")
        message = page.locator(".to-send:visible").first
        text = user.copy(message.locator(".take"))
        assert user.count <= MOST, f"{failure} takes {user.count} actions"
        assert message.get_attribute("aria-label") == f"Message for {OWNERS[cause(failure).hop]}", failure
        for part in ("dss.corp.example", "8443", f": {url}/"):
            assert part in text, f"the message about {failure} has no {part}"
        page.evaluate("localStorage.clear()")


@NEWEST
def test_a_console_error_of_chromium_leads_to_cause_and_message(build, page, url, dss, browser):
    for failure in IN_CONSOLE:
        with browser.new_context() as context, proxy(NGINX, build, NGINX.variant(failure), dss) as broken:
            tab = context.new_page()
            with tab.expect_console_message(lambda message: "ws://" in message.text) as printed:
                tab.goto(broken.origin)
            line = printed.value.text
        user = Actions(page, url)
        user.act(page.locator("#symptom-text"), "fill", line)
        button = page.locator("#symptom .message button")
        button.wait_for()
        assert cause(failure).title in page.locator("#symptom").inner_text(), f"{failure}: {line}"
        assert f"localhost:{broken.port}" in user.copy(button), failure
        assert user.count <= MOST


def test_a_message_without_the_address_asks_for_it(page, url):
    page.goto(f"{url}/troubleshooting/problems/websockets.html#%")
    page.evaluate("location.hash = 'lost'")
    button = page.locator("#lost .take")
    button.click()
    assert "Enter the URL of DSS" in page.locator("#address-why").inner_text()
    page.keyboard.type("http://dss:11200/home/")
    page.keyboard.press("Enter")
    page.get_by_text("Copied", exact=True).first.wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert "DSS at dss, port 11200," in text
    assert "diagnose --idle 75 http://dss:11200\n" in text
    assert "example" not in text


def test_a_text_without_an_address_asks_for_it(page, url):
    for text, address in {
        "1006": "",
        "TCP_DENIED/403 3921 CONNECT dss.corp.example:10000 - HIER_NONE/-": "https://dss.corp.example:10000",
        "https://dss.corp.example:8443/home/": "https://dss.corp.example:8443",
        "see https://support.example/articles/1006, and 1006": "",
    }.items():
        page.goto(f"{url}/troubleshooting/test-your-connection.html")
        page.evaluate("localStorage.clear()")
        page.locator("#symptom-text").fill(text)
        field, message = page.locator("#symptom-address"), page.locator("#symptom .message textarea")
        field.wait_for()
        assert field.input_value() == address, text
        field.fill(ADDRESS)
        assert message.input_value().startswith("WebSocket to dss.corp.example port 8443\n"), text
        assert "diagnose https://dss.corp.example:8443\n" in message.input_value(), text
        assert f"{url}/reference/diagnose.html" in message.input_value(), text


def test_every_message_with_a_command_links_to_it():
    for name, message in tomllib.loads(MESSAGES.read_text(encoding="utf-8")).items():
        linked = "/reference/diagnose" in [page for page, _ in message["links"]]
        assert linked or "websocket-doctor" not in message["text"], name


FIND = "new Promise((done) => {{ const look = () => ({0}) ? done(String({0})) : setTimeout(look, 50); look(); }})"
"""The value of an expression in the page, as soon as there is one."""

PASTE = """{{
    const field = document.getElementById("symptom-text");
    field.value = {0};
    field.dispatchEvent(new Event("input"));
}}"""
REPLY = (
    """[...document.querySelectorAll("#everyone summary")].find((each) => each.innerText.startsWith("Yes,")).click()"""
)
TAKE = "document.querySelector('#every-reload .take')"


@NEWEST
def test_a_console_error_of_firefox_leads_to_a_message(build, url, dss):
    with launch_firefox() as firefox:

        def act(script):
            given = {"expression": script, "target": {"context": firefox.tab}, "awaitPromise": True}
            firefox.command("script.evaluate", userActivation=True, **given)

        for failure in IN_CONSOLE[:4]:
            with proxy(NGINX, build, NGINX.variant(failure), dss) as broken:
                firefox.open(broken.origin)
                firefox.evaluate(FIND.format("document.body.dataset.state"))
            line = next(line for line in reversed(firefox.console()) if "ws://" in line)
            firefox.open(f"{url}/index.html")
            act(PASTE.format(json.dumps(line)))
            message = firefox.evaluate(FIND.format("document.querySelector('#symptom .message textarea')?.value"))
            assert f"localhost:{broken.port}" in message
            firefox.open(firefox.evaluate("[...document.links].find((each) => each.text.startsWith('Yes,')).href"))
            act(REPLY)
            act(f"{TAKE}.click()")
            assert (
                firefox.evaluate(FIND.format(f"{TAKE}.textContent != 'Copy message' && {TAKE}.textContent")) == "Copied"
            )
            text = firefox.evaluate("document.querySelector('#every-reload .words').innerText")
            assert f"localhost, port {broken.port}" in text, failure


def test_the_questions_work_without_javascript_with_keys_and_on_paper(browser, url):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{url}/index.html")
        page.get_by_role("link", name=EVERYONE).click()
        summary = page.locator("#everyone summary:visible", has_text="No, it works there")
        summary.focus()
        page.keyboard.press("Enter")
        message = page.locator("#ask-the-network-team .to-send")
        assert "CONNECT) to dss.example.com:443" in message.inner_text()
        assert not page.locator("#address, .take").first.is_visible()
        page.emulate_media(media="print")
        shut = page.locator(".choice:not([open]) > div")
        assert shut.count() > 5
        assert all(each.is_visible() for each in shut.all())
