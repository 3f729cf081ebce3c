"""The connection test: what it reports, and that it connects to one URL only."""

import contextlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from support.machine import RECIPES
from support.proof import ROOT
from support.site import served, sphinx

from checks.lab.process import free_port
from checks.lab.proxy import proxy

pytestmark = pytest.mark.xdist_group("browser")

WRONG = {
    "": "Enter the URL that your browser shows for DSS",
    "dss": "dss is not a complete host name",
    "not a url": "This is not",
    "https://dss..example.com/": "This is not",
    "http://[": "This is not a URL",
    "ftp://dss.example.com": "This test needs https:// or http://, not ftp://",
    "javascript://dss.example.com/%0aalert(1)": "This test needs https:// or http://",
    "https://me:planted-secret@dss.example.com": "Remove the user name and the password",
    "<img src=x onerror=alert(1)>": "This is not",
    "https://dss.example.com:99999": "This is not a URL",
    "https://a.example https://b.example": "This test needs one URL, and there are 2",
    "https://a.example,https://b.example": "This test needs one URL, and there are 2",
    "http://https://dss.example.com": "This URL has two schemes",
}
"""What a reader may type, and how the sentence about it begins."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a page with the form, and one without it."""
    source = tmp_path_factory.mktemp("connection")
    (source / "index.md").write_text(
        "# Page\n\n```{connection-test}\n```\n\n```{toctree}\nother\n```\n", encoding="utf-8"
    )
    (source / "other.md").write_text("# Other\n", encoding="utf-8")
    result = sphinx(source, source / "out")
    assert result.returncode == 0, result.stdout
    return source / "out"


@pytest.fixture
def tab(browser):
    """A tab that records the URLs it connects to, in `requests`, and its errors."""
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.requests, page.errors, page.lines = [], [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("websocket", lambda websocket: page.requests.append(websocket.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda line: page.lines.append(line.text))
        yield page
        assert page.errors == []


def result_of(tab, url):
    """Test a URL; return the title, the whole text and the message."""
    tab.fill("#test-address", url)
    tab.click("#connection-test button")
    tab.locator("#connection-test [type=submit]:enabled").wait_for()
    box = tab.locator("#connection-test .admonition")
    box.wait_for()
    message = tab.locator("#connection-test .message textarea").input_value()
    return box.locator(".admonition-title").inner_text(), box.inner_text(), message


def test_the_result_claims_only_what_was_seen(tab, site, bare):
    nginx = RECIPES["nginx"]
    broken = nginx.variant("upgrade-not-forwarded")
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(served(site))
        works = stack.enter_context(proxy(nginx, nginx.pick(broken), nginx.config(https=False), bare)).origin
        drops = stack.enter_context(proxy(nginx, nginx.pick(broken), broken, bare)).origin
        nobody = f"http://localhost:{free_port()}"
        tab.goto(f"{url}index.html")
        for target, typed, expected in (
            (works, " {} ", "A WebSocket opened"),
            (drops, "our DSS is <{}>, since May", "The page responded, and"),
            (nobody, "DSS_URL={}", "Nothing"),
        ):
            tab.requests.clear()
            title, text, message = result_of(tab, typed.format(f"{target}/some/path?token=planted-secret"))
            assert title.startswith(expected)
            assert f"Host and port: localhost:{urlsplit(target).port}, no TLS" in message
            assert "planted-secret" not in text + message
            hosts = {urlsplit(each).netloc for each in tab.requests if not each.endswith("favicon.svg")}
            assert hosts == {urlsplit(target).netloc}
            assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.evaluate(axe)
        found = tab.evaluate(
            "axe.run('#connection-test', {resultTypes: ['violations']}).then(found => found.violations)"
        )
        assert found == []
        # The lines to paste into the console of DSS.
        for target, expected in ((works, "the WebSocket of DSS opens"), (drops, "no WebSocket opens")):
            tab.goto(target)
            with tab.expect_console_message(lambda line: "Result: " in line.text) as last:
                tab.evaluate((ROOT / "checks" / "echo" / "console.js").read_text(encoding="utf-8"))
            assert f"WebSocket test of {target}" in last.value.text
            assert f"Result: {expected}" in last.value.text
            assert "status code 200" in last.value.text


def test_a_wrong_url_gets_one_sentence_and_no_connection(tab, site):
    with served(site) as url:
        tab.goto(f"{url}index.html#url=https%3A%2F%2Fdss.example.com")
        assert tab.locator("#test-address").input_value() == "https://dss.example.com"
        tab.requests.clear()
        for typed, sentence in WRONG.items():
            tab.fill("#test-address", typed)
            tab.click("#connection-test button")
            assert tab.locator("#connection-test div").inner_text().startswith(sentence), typed
        assert [each for each in tab.requests if not each.endswith("favicon.svg")] == []
    page, other = ((site / name).read_text(encoding="utf-8") for name in ("index.html", "other.html"))
    limit = """<meta http-equiv="Content-Security-Policy" content="connect-src 'self'">"""
    assert limit in other
    assert limit not in page


def test_an_https_page_does_not_test_http(tab, site):
    def answer(route):
        name = urlsplit(route.request.url).path.lstrip("/") or "index.html"
        route.fulfill(path=site / name) if (site / name).is_file() else route.fulfill(status=404)

    tab.route("https://docs.example.com/**", answer)
    tab.goto("https://docs.example.com/index.html")
    tab.fill("#test-address", "http://dss.example.com")
    tab.click("#connection-test button")
    assert "do not let it test a URL with http://" in tab.locator("#connection-test div").inner_text()
    assert {urlsplit(each).hostname for each in tab.requests} == {"docs.example.com"}
    assert not re.search("dss", "".join(tab.lines))
