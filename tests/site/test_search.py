"""The search of the site: what people type leads to the page that they need."""

import contextlib
import re
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.proof import ROOT
from support.site import served

QUERIES = tomllib.loads(Path(__file__).with_name("queries.toml").read_text(encoding="utf-8"))
DEEPEST = {"first": 1, "found": 3}
SHOWN = """queries => {
    const field = document.querySelector("#search-form input");
    return queries.map(query => {
        field.value = query;
        field.dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("#search-results li > a")].map(link => link.href);
    });
}"""

pytestmark = pytest.mark.xdist_group("site")


@contextlib.contextmanager
def tab(browser, site, **options):
    """Open a tab at the site; fail if it causes an error or asks another server."""
    errors = []
    with served(site) as url, browser.new_context(base_url=url, **options) as context:
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: request.url.startswith(url) or errors.append(request.url))
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        yield page
    assert errors == []


def names(links, page):
    """Return the pages of the results, each once, in their order."""
    base = page.url.rpartition("/")[0] + "/"
    return list(dict.fromkeys(link.removeprefix(base).partition(".html")[0] for link in links))


def test_a_query_finds_the_page_that_its_author_needs(browser, site):
    rows = [
        (query, wanted, DEEPEST[kind])
        for kind, table in QUERIES.items()
        for wanted, queries in table.items()
        for query in queries
    ]
    assert len(rows) >= 40
    problems = []
    with tab(browser, site) as page:
        page.goto("search.html")
        shown = page.evaluate(SHOWN, [query for query, _, _ in rows])
        for (query, wanted, deepest), links in zip(rows, shown, strict=True):
            found = names(links, page)
            if wanted not in found[:deepest]:
                place = found.index(wanted) + 1 if wanted in found else "not found"
                problems.append(f"{query!r}: expected {wanted} in the first {deepest}, got {place}: {found[:3]}")
    if problems:
        pytest.fail("add `aliases:` to the front matter of these pages:\n" + "\n".join(problems), pytrace=False)


def test_results_show_the_words_and_are_announced(browser, site):
    with tab(browser, site) as page:
        page.goto("search.html?q=proxy_read_timeout")
        status = page.get_by_role("status").and_(page.locator("#search-status"))
        expect(status).to_have_text(re.compile(r"\d+ results? for “proxy_read_timeout”"))
        assert page.title().startswith("proxy_read_timeout ")
        assert page.locator("#search-results mark", has_text="proxy_read_timeout").count() > 0
        field = page.get_by_role("searchbox", name="Words")
        field.fill("zscaler")
        expect(status).to_contain_text("zscaler")
        assert page.url.endswith("search.html?q=zscaler")
        field.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('#search-results li:first-child > a')")


def test_the_search_field_sends_no_words_to_the_server(browser, site):
    with tab(browser, site, viewport={"width": 1280, "height": 800}) as page:
        page.goto("reference/cost.html")
        page.get_by_role("searchbox", name="Search this site").fill("our host dss.internal, 502")
        page.keyboard.press("Enter")
        page.wait_for_selector("#search-results a")
        expect(page).to_have_url(re.compile("#q=our.host"))
        page.locator("#search-results a").first.click()
        page.wait_for_url("**/findings/**")
        page.go_back()
        page.reload()
        page.wait_for_selector("#search-results a")
        assert [url for url in page.requests if "internal" in url.partition("#")[0]] == []


def test_a_pasted_line_is_explained_and_nonsense_gets_help(browser, site):
    with tab(browser, site) as page:
        page.goto("search.html")
        field = page.get_by_role("searchbox", name="Words")
        field.fill("WebSocket connection to 'wss://a.example/' failed: Proxy authentication failed")
        page.get_by_role("heading", name="Explain an error line").wait_for()
        assert page.locator("#symptom .cause").all_text_contents()[0] == "The forward proxy requires authentication"
        field.fill("idle")
        page.locator("#search-explain").wait_for(state="hidden")
        field.fill("qqqqqqq")
        page.locator("#search-none a", has_text="the WebSocket error").wait_for()
        assert page.locator("#search-results li").count() == 0
        expect(page.locator("#symptom-text")).to_be_visible()


def test_a_missing_page_offers_the_pages_that_its_url_names(browser, site):
    with tab(browser, site) as page:
        page.goto("404.html")
        base = page.url.removesuffix("404.html")
        page.route("**/old/*", lambda route: route.fulfill(path=site / "404.html", status=200))
        page.goto("old/haproxy-websocket_config.html")
        found = page.locator("#search-results a")
        found.first.wait_for()
        assert found.first.get_attribute("href").startswith(f"{base}installation/custom/reverse-proxy/haproxy.html")


def test_the_search_works_on_a_page_from_disk(browser, site):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((site / "search.html").as_uri() + "?q=zscaler")
        page.locator("#search-results a", has_text="Secure web gateways").wait_for()


def test_without_javascript_the_search_page_names_the_lists(browser, site):
    with tab(browser, site, java_script_enabled=False) as page:
        page.goto("search.html?q=502")
        assert page.locator("noscript p", has_text="needs JavaScript").is_visible()
        assert page.locator("noscript li a").count() == 3


@pytest.mark.quick
def test_every_script_that_is_shipped_is_loaded(site):
    shipped = {path.name for path in site.rglob("*.js")}
    pages = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "_static").glob("*.js"))
    loaded = {*re.findall(r'<script[^>]+src="[^"?]*/([\w-]+\.js)', pages), *re.findall(r'"([\w-]+\.js)"', scripts)}
    assert shipped == loaded
