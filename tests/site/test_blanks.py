"""Values entered once appear in every snippet, as the lab would fill them in."""

import contextlib
import dataclasses
import os
import re
import sys
from html import unescape
from pathlib import Path

import axe_playwright_python
import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from support.machine import RECIPES
from support.proof import ROOT
from support.site import served, sphinx

from checks.lab.recipe import RECIPES as FOLDER

sys.path.append(str(ROOT / "docs" / "_ext"))
import blanks

NGINX = RECIPES["nginx"]
HTTP, HTTPS = NGINX.config(https=False), NGINX.config(https=True)
WITH_BLANKS = {name: recipe for name, recipe in RECIPES.items() if recipe.file.blanks}
LEXERS = ["nginx", "apacheconf", "caddyfile", "yaml", "toml", "text", "console"]
LANGUAGES = {".conf": "nginx", ".Caddyfile": "caddyfile", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml"}
ENTERED = {
    "dss.example.com": "dss.corp.example",
    "DSS_HOST": "10.1.2.3",
    "DSS_PORT": "11200",
    "80": "8080",
    "443": "8443",
}
PROSE = "Open `http://dss.example.com`, write `listen 80`, and `443` stays as it is.\n"
OWN = """# Own blanks

```{blanks}
dss.example.com: host name of DSS
:443: port of DSS
```

Open `https://dss.example.com`.
"""
REJECTED = {
    "dss.example.com": {
        "https://dss.corp.example": "Remove “https://”: enter only the host name.",
        "corp.example/dss": "Remove “/dss”: DSS does not work below a path.",
        "dss.corp.example:8443": "Remove “:8443”: enter only the host name.",
        "dss corp": "Remove the space: in a config, it would end the value.",
        "dss;corp": "Remove “;”: it can have a special meaning in a config.",
        "<b>dss</b>": "Remove “/b>”: DSS does not work below a path.",
        "dss$host": "Remove “$”: it can have a special meaning in a config.",
        "[::1]": "Remove “[”: it can have a special meaning in a config.",
        "dss.münchen.example": "Enter this name as browsers and proxies use it: dss.xn--mnchen-3ya.example.",
        "dss..corp": "Enter a valid host name or IP address.",
        "-dss": "Enter a valid host name or IP address.",
        "10.0.0.256": "Enter a valid host name or IP address.",
        "8080": "Enter a valid host name or IP address.",
    },
    "DSS_HOST": {
        "http://10.1.2.3": "Remove “http://”: enter only the host name or IP address.",
        "10.1.2.3:11200": "Remove “:11200”: enter only the host name or IP address.",
        "::1": "Enter an IPv6 address in brackets: [::1].",
        "[::1]:11200": "Remove “:11200”: enter only the host name or IP address.",
        "[::1]#;]": "Remove “[”: it can have a special meaning in a config.",
        "[::zz]": "Enter a valid host name or IP address.",
    },
    "80": dict.fromkeys(["0", "65536", "http", "80a", "-1", "1e3", "0x50"], "Enter a port from 1 to 65535."),
    "/etc/nginx/ssl/dss_server.key": {
        "ssl/dss.key": "Enter a full path, which starts with a slash.",
        "/srv/my key.pem": "Remove the space: in a config, it would end the value.",
        '/srv/"dss".key': 'Remove “"”: it can have a special meaning in a config.',
        "/srv/dss.key;}": "Remove “;”: it can have a special meaning in a config.",
        "/srv/{dss}.key": "Remove “{”: it can have a special meaning in a config.",
        "/srv/dss\\key": "Remove “\\”: it can have a special meaning in a config.",
        "/srv/dss.key#1": "Remove “#”: it can have a special meaning in a config.",
        "/srv/$dss.key": "Remove “$”: it can have a special meaning in a config.",
        "/srv/<dss>.key": "Remove “<”: it can have a special meaning in a config.",
    },
}
ACCEPTED = {
    "dss.example.com": {" DSS.Corp.Example ": "dss.corp.example", "10.1.2.3": "10.1.2.3", "my_dss-1": "my_dss-1"},
    "DSS_HOST": {"[2001:DB8::1]": "[2001:db8::1]", "localhost": "localhost"},
    "DSS_PORT": {"1": "1", "65535": "65535"},
    "/etc/nginx/ssl/dss_server.key": {"/srv/clé_2+@-.key": "/srv/clé_2+@-.key"},
}


def own(literal):
    """Return the value that these tests enter for a blank."""
    key = blanks.changed(literal)
    others = {"name": "own.example", "host": "own.example", "path": f"/srv/own/{Path(key).name}"}
    return ENTERED.get(key) or others.get(blanks.kind(literal), "7000")


def as_the_lab_fills(recipe, text):
    """Fill in the same values with the function of the lab."""
    values = {
        literal: blank.model_copy(update={"lab": literal[: -len(blanks.changed(literal))] + own(literal)})
        for literal, blank in recipe.file.blanks.items()
    }
    return dataclasses.replace(recipe, file=recipe.file.model_copy(update={"blanks": values})).fill(text, {})


def with_port(recipe, text):
    """Add the entered port to the URLs in commands, if the recipe has a blank for it."""
    chosen = "80" in map(blanks.changed, recipe.file.blanks)
    return text.replace("http://dss.example.com", "http://dss.example.com:8080") if chosen else text


def page_of(recipe, here, files):
    """Return a page with the form of a recipe and some of its files."""
    lines = [f"# {recipe.name}", f"```{{blanks}} {recipe.name}", "```", PROSE]
    for file in files:
        path = os.path.relpath(file, here)
        language = "console" if file.suffix == ".console" else LANGUAGES.get(file.suffix, "text")
        lines += [f"```{{literalinclude}} {path}", f":language: {language}", f":caption: {name_of(file)}", "```", ""]
    return "\n".join(lines)


def name_of(file):
    return file.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve a page with all files of each recipe, a short one and one without a form."""
    source = tmp_path_factory.mktemp("blanks")
    common = sorted(FOLDER.glob("*.console"))
    pages = {
        name: page_of(recipe, source, [*recipe.published, *recipe.broken, *recipe.transcripts, *common])
        for name, recipe in WITH_BLANKS.items()
    }
    pages["short"] = page_of(NGINX, source, [HTTPS, HTTP])
    pages["own"] = OWN
    listed = "\n".join(pages)
    pages["index"] = f"# No form\n\n```{{toctree}}\n{listed}\n```\n\n`listen 80`\n"
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    result = sphinx(source, source / "out")
    # Warnings about a config belong to its own page.
    assert (source / "out" / "index.html").exists(), result.stdout
    with served(source / "out") as url:
        yield url


@contextlib.contextmanager
def reader(browser, site, **options):
    """Open a tab on a phone; any error in the browser fails the test."""
    errors = []
    with browser.new_context(viewport={"width": 360, "height": 740}, base_url=site, **options) as context:
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


def shown(page):
    """Return the text of every code block by its caption."""
    return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll(".literal-block-wrapper")]
        .map(e => [e.querySelector(".caption-text").textContent, e.querySelector("pre").textContent]))""")


def field(page, literal):
    return page.locator(f'.blanks input[placeholder="{blanks.changed(literal)}"]')


def opened(page, name):
    page.goto(f"{name}.html")
    page.locator(".for-blanks").click()


def fields_of(recipe):
    """Return the placeholder and the label of each field that the form must have."""
    fields = {}
    for literal, blank in recipe.file.blanks.items():
        fields.setdefault(blanks.changed(literal), blank.means[:1].upper() + blank.means[1:])
    return list(map(list, fields.items()))


def enter_all(page, recipe):
    for literal in recipe.file.blanks:
        field(page, literal).fill(own(literal))


@pytest.mark.parametrize("recipe", WITH_BLANKS.values(), ids=WITH_BLANKS)
def test_the_page_fills_in_values_as_the_lab_does(browser, site, recipe):
    with reader(browser, site) as page:
        opened(page, recipe.name)
        fields = page.locator(".blanks input")
        assert fields.evaluate_all("all => all.map(e => [e.placeholder, e.labels[0].textContent])") == fields_of(recipe)
        before = shown(page)
        files = {name: (FOLDER / name).read_text() for name in before}
        assert {name: before[name] for name in files} == files
        enter_all(page, recipe)
        expected = {
            name: as_the_lab_fills(recipe, with_port(recipe, text) if name.endswith(".console") else text)
            for name, text in files.items()
        }
        assert shown(page) == expected


@pytest.mark.parametrize("lexer", LEXERS)
@pytest.mark.parametrize("recipe", WITH_BLANKS.values(), ids=WITH_BLANKS)
def test_no_lexer_hides_a_blank(recipe, lexer):
    kinds = {literal: blanks.kind(literal) for literal in recipe.file.blanks}
    for file in [*recipe.published, *recipe.broken]:
        text = recipe.text(file)
        code = blanks.marked(highlight(text, get_lexer_by_name(lexer, stripnl=False), HtmlFormatter()), kinds)
        assert unescape(blanks.TAG.sub("", code)).rstrip() == text.rstrip()
        filled = re.sub("<var>(.*?)</var>", lambda found: own(found[1]), code)
        assert unescape(blanks.TAG.sub("", filled)).rstrip() == as_the_lab_fills(recipe, text).rstrip()


def test_only_a_whole_word_is_a_blank():
    text = "80 8080 1.80 80.1 x80 :80 80; 80. my.dss.example.com dss.example.com.au dss.example.com. DSS_PORTS"
    kinds = {literal: blanks.kind(literal) for literal in NGINX.file.blanks}
    filled = re.sub("<var>(.*?)</var>", lambda found: own(found[1]), blanks.marked(text, kinds))
    assert filled == as_the_lab_fills(NGINX, text)
    assert filled.count("8080") == 5
    assert filled.count("corp") == 1


def test_a_line_number_in_a_diff_is_not_a_port():
    code = blanks.marked("<span>@@ -80,7 +80,6 @@</span>\n-listen 80;\n", {"80": "port"})
    assert code == "<span>@@ -80,7 +80,6 @@</span>\n-listen <var>80</var>;\n"


@pytest.mark.parametrize(
    ("literal", "kind", "changed"),
    [
        ("dss.example.com", "name", "dss.example.com"),
        ("DSS_HOST", "host", "DSS_HOST"),
        ("DSS_PORT", "port", "DSS_PORT"),
        ("80", "port", "80"),
        (":80", "port", "80"),
        ("*:443", "port", "443"),
        ("/etc/ssl/dss.pem", "path", "/etc/ssl/dss.pem"),
        ("/run/dss/80", "path", "/run/dss/80"),
        ("admin@example.com", "text", "admin@example.com"),
    ],
)
def test_the_kind_of_a_blank_follows_from_its_text(literal, kind, changed):
    assert blanks.kind(literal) == kind
    assert blanks.changed(literal) == changed


def test_copied_files_and_prose_have_the_entered_values(browser, site):
    with reader(browser, site, permissions=["clipboard-read", "clipboard-write"]) as page:
        opened(page, "short")
        enter_all(page, NGINX)
        page.locator(".done").click()
        block = page.locator(".literal-block-wrapper", has_text="nginx/https.conf").first
        block.locator(".copy").click()
        block.locator(".copy", has_text="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == as_the_lab_fills(NGINX, HTTPS.read_text())
        prose = page.locator("p", has_text="stays as").first.text_content()
        assert prose.split(",")[:2] == ["Open http://dss.corp.example:8080", " write listen 8080"]
        assert " and 443 stays" in prose


def test_values_are_kept_across_pages_until_reset(browser, site):
    with reader(browser, site) as page:
        opened(page, "short")
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        enter_all(page, NGINX)
        assert sent == []
        opened(page, "haproxy")
        # `:80` on this page and `80` on the page before are the same port.
        assert [field(page, key).input_value() for key in ENTERED] == list(ENTERED.values())
        assert ":8080" in shown(page)["haproxy/http.cfg"]
        page.go_back()
        page.locator(".for-blanks").click()
        page.get_by_role("button", name="Reset").click()
        assert {e.input_value() for e in page.locator(".blanks input").all()} == {""}
        assert shown(page)["nginx/http.conf"] == HTTP.read_text()
        page.reload()
        assert shown(page)["nginx/http.conf"] == HTTP.read_text()


def test_an_invalid_value_is_explained_and_not_filled_in(browser, site):
    errors = {}
    with reader(browser, site) as page:
        opened(page, "short")
        before = shown(page)
        for literal, values in REJECTED.items():
            entry = field(page, literal)
            for value in values:
                entry.fill(value)
                entry.blur()
                assert shown(page) == before, f"{value!r} changed a file; expected it to be rejected"
                errors.setdefault(literal, {})[value] = error_of(entry)
            entry.fill("")
            assert error_of(entry) is None
    assert errors == REJECTED


def error_of(entry):
    """Return the error of a field, or None if its value is valid."""
    return entry.evaluate("""e => e.getAttribute("aria-invalid") == "true" ?
        document.getElementById(e.getAttribute("aria-describedby")).textContent : null""")


def test_a_valid_value_is_filled_in(browser, site):
    with reader(browser, site) as page:
        opened(page, "short")
        for literal, values in ACCEPTED.items():
            for entered, filled in values.items():
                field(page, literal).fill(entered)
                field(page, literal).blur()
                assert page.locator(".blanks [aria-invalid]").count() == 0, f"{entered!r} was rejected"
                assert filled in shown(page)["nginx/https.conf"]


def test_an_error_appears_on_enter_and_disappears_at_once(browser, site):
    with reader(browser, site) as page:
        opened(page, "short")
        port = field(page, "80")
        port.fill("99999")
        assert error_of(port) is None
        port.press("Enter")
        assert error_of(port) == "Enter a port from 1 to 65535."
        port.fill("9999")
        assert error_of(port) is None


def test_stored_values_are_not_trusted(browser, site):
    with reader(browser, site) as page:
        for stored in ['{"dss.example.com": "<img src=x onerror=alert(1)>", "80": ["x"]}', "null", "{", "7"]:
            page.goto("index.html")
            page.evaluate("stored => localStorage.setItem('blanks', stored)", stored)
            page.goto("short.html")
            assert shown(page)["nginx/http.conf"] == HTTP.read_text()
            assert page.locator("img").count() == 0


def test_the_form_works_without_local_storage(browser, site):
    with reader(browser, site) as page:
        page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }})")
        opened(page, "short")
        enter_all(page, NGINX)
        assert shown(page)["nginx/https.conf"] == as_the_lab_fills(NGINX, HTTPS.read_text())


def test_a_page_without_javascript_explains_every_blank(browser, site):
    with reader(browser, site, java_script_enabled=False) as page:
        for name, recipe in WITH_BLANKS.items():
            page.goto(f"{name}.html")
            assert page.locator(".blanks dl").is_visible()
            assert [each.is_visible() for each in page.locator(".blanks :is(input, button)").all()].count(True) == 0
            terms = [term.split(", ") for term in page.locator(".blanks dt").all_text_contents()]
            assert sorted(literal for literals in terms for literal in literals) == sorted(recipe.file.blanks)
            meanings = page.locator(".blanks dd").all_text_contents()
            for literals, meaning in zip(terms, meanings, strict=True):
                assert meaning.strip().lower() == recipe.file.blanks[literals[0]].means.lower()


def test_the_form_is_one_line_on_a_phone(browser, site):
    with reader(browser, site) as page:
        page.goto("short.html")
        assert page.locator(".blanks").bounding_box()["height"] < 60
        page.locator(".for-blanks").click()
        assert page.locator(".blanks input").first.is_visible()
        page.locator(".done").click()
        assert not page.locator("#blanks").is_visible()
        page.set_viewport_size({"width": 1280, "height": 900})
        assert page.locator(".blanks input").first.is_visible()
        assert not page.locator(".blanks :is(.for-blanks, .done)").first.is_visible()


def test_a_page_names_its_own_blanks(browser, site):
    with reader(browser, site) as page:
        opened(page, "own")
        fields = page.locator(".blanks input")
        named = fields.evaluate_all("all => all.map(e => [e.placeholder, e.labels[0].textContent])")
        assert named == [["dss.example.com", "Host name of DSS"], ["443", "Port of DSS"]]
        field(page, "443").fill("8443")
        assert page.get_by_text("Open https://dss.example.com:8443.").is_visible()


def test_a_page_without_blanks_loads_no_script_for_them(browser, site):
    with reader(browser, site) as page:
        names = "[...document.scripts].map(e => e.src.split('/').at(-1).split('?')[0])"
        page.goto("short.html")
        assert "blanks.js" in page.evaluate(names)
        page.goto("index.html")
        assert "blanks.js" not in page.evaluate(names)
        assert page.locator("var").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_open_form(browser, site, scheme):
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    with reader(browser, site, color_scheme=scheme) as page:
        opened(page, "short")
        enter_all(page, NGINX)
        field(page, "80").fill("0")
        field(page, "80").blur()
        page.evaluate(axe)
        assert page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
