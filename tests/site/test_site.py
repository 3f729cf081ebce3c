"""The site, built by its real command and opened in a browser."""

import contextlib
import functools
import os
import pickle
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import axe_playwright_python
import brotli
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from support import host
from support.proof import ROOT, record
from support.site import served, sphinx

from checks import findings
from checks.report.ticket import OWNERS
from docs._ext.anchors import former_anchors

pytestmark = [pytest.mark.reads_proof, pytest.mark.xdist_group("site")]  # they share the parsed pages
BUDGET_KB = 30
PAGE_KB = 14
"""What people load who see the error, often on a bad connection. Photographs come on top."""

PROMISED = [
    "troubleshooting/problems/websockets.html#websockets-problems",
    "troubleshooting/problems/websockets.html#i-am-seeing-the-could-not-establish-websocket-connection-message",
    "troubleshooting/problems/websockets.html#causes",
    "troubleshooting/problems/websockets.html#consequences",
    "troubleshooting/problems/websockets.html#remedies",
    "installation/custom/reverse-proxy.html",
    "installation/custom/advanced-customization.html#config-https",
]
FETCHED = {"src", "srcset", "data", "poster", "xlink:href"}
"""Attributes that make a browser fetch a file, unlike links that a user follows."""

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp"}
SAMPLE = """# A page with one of everything

::::{tab-set}
:::{tab-item} First
Panel one
:::
:::{tab-item} Second
Panel two
:::
::::

```{literalinclude} recipe.conf
:language: nginx
:caption: recipe.conf
```

```{literalinclude} transcript.txt
:language: console
```

```{literalinclude} ROOT/Makefile
:diff: ROOT/.gitignore
```

| a | b | c | d |
|---|---|---|---|
| `a-very-long-word-in-code-that-has-no-space` | two | three | four |

:::{dropdown} More
Inside
:::

::::{grid} 1 2 2 2
:::{grid-item-card} A card
Text
:::
:::{grid-item-card} Another card
Text
:::
::::
"""
RECIPE = "server {\n\tlisten 80;  # a line that is much wider than any telephone can show at once\n}\n"
TRANSCRIPT = "$ nginx -t\nsyntax is ok\n$ curl -s \\\n> http://127.0.0.1/\n<p>$ is not a prompt here</p>\n"


class Page(HTMLParser):
    """The anchors, links, fetched files, inline code and classes of a built page."""

    def __init__(self, path, site):
        super().__init__()
        self.path = path
        self.name = path.relative_to(site).as_posix()
        self.repeated = []
        self.ids, self.links, self.fetches, self.inline, self.classes = set(), [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if attributes.get("id") in self.ids - {None}:
            self.repeated.append(attributes["id"])
        self.ids.add(attributes.get("id"))
        self.classes.update((attributes.get("class") or "").split())
        self.fetches += [value for name, value in attrs if name in FETCHED]
        if tag == "link" and attributes.get("rel") not in {"canonical", "alternate"}:
            self.fetches.append(attributes["href"])
        elif tag in {"a", "form", "link"}:
            self.links += [value for name, value in attrs if name in {"href", "action"}]
        if tag == "script" and "defer" not in attributes:
            self.inline.append(f'<script src="{attributes.get("src")}"> without defer')
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.inline.append(f"<{tag}>")
        self.inline += [f'{name}="{value}"' for name, value in attrs if name == "style" or name.startswith("on")]

    def source(self, needle=""):
        """Return the file that a writer edits, with the line that has the needle, if any."""
        source = ROOT / "docs" / Path(self.name).with_suffix(".md")
        if not source.exists():
            return "docs/_templates"
        lines = source.read_text(encoding="utf-8").splitlines()
        hits = [number for number, line in enumerate(lines, 1) if needle and needle in line]
        return f"{source.relative_to(ROOT).as_posix()}{f':{hits[0]}' if hits else ''}"


@pytest.fixture(scope="module")
def pages(site):
    return {page.name: page for page in (Page(path, site) for path in sorted(site.rglob("*.html")))}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Build a page with one of everything, independent of the real pages."""
    source = tmp_path_factory.mktemp("sample")
    page = SAMPLE.replace("ROOT", os.path.relpath(ROOT, source))
    (source / "index.md").write_text(page, encoding="utf-8")
    (source / "recipe.conf").write_text(RECIPE, encoding="utf-8")
    (source / "transcript.txt").write_text(TRANSCRIPT, encoding="utf-8")
    result = sphinx(source, source / "out")
    assert result.returncode == 0, result.stdout
    return source / "out"


@contextlib.contextmanager
def reader(browser, directory, **options):
    """Open a tab on a phone; the list collects its errors and external requests."""
    errors = []
    with (
        served(directory) as url,
        browser.new_context(viewport={"width": 360, "height": 740}, base_url=url, **options) as context,
    ):
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: request.url.startswith(url) or errors.append(request.url))
        yield page, errors


def report(problems):
    """Fail with all problems, one a line."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.quick
def test_the_site_builds_without_a_warning(built):
    _, result = built
    if result.returncode or result.stdout:
        hint = "; to take the picture of DSS again, run: make picture" if "not readable" in result.stdout else ""
        pytest.fail(f"fix what Sphinx reports{hint}:\n{result.stdout}", pytrace=False)


@pytest.mark.quick
def test_former_anchors_still_lead_to_their_headings(pages):
    missing = [
        f"{name} has no #{former}, which docs/anchors.toml lists for #{present}"
        for name, page in pages.items()
        for present, former in former_anchors(name.removesuffix(".html"))
        if former not in page.ids
    ]
    assert missing == []
    assert "fires-on" in pages["findings/idle-timeout.html"].ids


@pytest.mark.quick
@pytest.mark.parametrize("url", PROMISED)
def test_a_promised_url_still_works(pages, url):
    name, anchor = urldefrag(url)
    if name not in pages:
        pytest.fail(
            f"{name} is missing, but other sites link to it: restore docs/{Path(name).with_suffix('.md')},"
            " or add a page there that links to the new one",
            pytrace=False,
        )
    if anchor and anchor not in pages[name].ids:
        pytest.fail(
            f"{name} has no #{anchor}, but other sites link to it:"
            f" restore the heading, or add the anchor of the new one to docs/anchors.toml",
            pytrace=False,
        )


def target_of(page, url, site):
    path = unquote(urlsplit(url).path)
    if not path:
        return page.path
    return site / path[1:] if path.startswith("/") else (page.path.parent / path).resolve()


@pytest.mark.quick
def test_every_link_and_every_fetched_file_exists(pages, site):
    problems = []
    anchors = {page.path: page.ids for page in pages.values()}
    for page in pages.values():
        for url in dict.fromkeys(page.links + page.fetches):
            if urlsplit(url).scheme or url.startswith("//"):
                continue
            target, anchor = target_of(page, url, site), unquote(urlsplit(url).fragment)
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                where = page.source(Path(urlsplit(url).path).stem)
                problems.append(f"{page.name} ({where}) links to {url}, which is not in the site: fix the link")
            elif anchor and anchor not in anchors.get(target, {anchor}):
                problems.append(
                    f"{page.name} ({page.source(anchor)}) links to {url},"
                    f" but {target.relative_to(site)} has no #{anchor}:"
                    f" fix the link, or add a ({anchor})= target to that page"
                )
    report(problems)


@pytest.mark.quick
def test_no_page_has_an_id_twice(pages):
    assert {name: page.repeated for name, page in pages.items() if page.repeated} == {}


@pytest.mark.quick
def test_every_picture_is_on_a_page(pages):
    shown = {Path(urlsplit(url).path).name for page in pages.values() for url in page.fetches + page.links}
    drawn = {f"{each.removeprefix('diagram-')}.svg" for page in pages.values() for each in page.ids if each}
    shown |= drawn | {name.replace(".svg", "-wide.svg") for name in drawn}
    report(
        [
            f"_images/{picture.name} is on no page: include it with a figure directive, or delete it"
            for picture in sorted((ROOT / "_images").glob("*"))
            if picture.suffix in PICTURES and picture.name not in shown
        ]
    )


@pytest.mark.quick
def test_no_page_fetches_from_a_third_party(pages, site):
    foreign = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
    problems = [
        f"{page.name} ({page.source(url)}) makes the browser fetch {url}: keep a copy in the site"
        for page in pages.values()
        for url in page.fetches
        if foreign.match(url)
    ]
    used = {target_of(page, url, site) for page in pages.values() for url in page.fetches if not foreign.match(url)}
    for style in sorted(path for path in used if path.suffix == ".css"):
        problems += [
            f"{style.name} makes the browser fetch {match}: keep a copy in docs/_static"
            for match in re.findall(
                r"(?:url\(|@import)\s*[\"']?([a-z]*:?//[^\"')]+)", style.read_text(encoding="utf-8")
            )
        ]
    report(problems)


@pytest.mark.quick
def test_no_page_has_an_inline_script_or_style(pages):
    report(
        [
            f"{page.name} ({page.source()}) has {code}, which the policy in hosting/_headers blocks:"
            " move scripts and styles to docs/_static, and delete :width: and :widths:, because site.css sets them"
            for page in pages.values()
            for code in dict.fromkeys(page.inline)
        ]
    )


@pytest.mark.quick
def test_no_page_shows_a_path_of_this_machine(pages):
    report(
        [
            f"{page.name} ({page.source()}) shows {ROOT}: show paths relative to the repository"
            for page in pages.values()
            if str(ROOT) in page.path.read_text(encoding="utf-8")
        ]
    )


@pytest.mark.quick
def test_every_code_block_comes_from_a_file(site):
    problems = []
    for pickled in sorted((site / ".doctrees").rglob("*.doctree")):
        page = f"docs/{pickled.relative_to(site / '.doctrees').with_suffix('.md').as_posix()}"
        for node in pickle.loads(pickled.read_bytes()).findall():
            # Only literalinclude stores the source of a block.
            literal = isinstance(node, nodes.literal_block) and "source" not in node
            if literal or (isinstance(node, nodes.raw) and "<pre" in node.astext()):
                problems.append(
                    f"{page}:{node.line} has code that is not in a file ({node.astext().split(chr(10))[0][:40]!r}):"
                    " move it to a file under checks/recipes/ and include it with literalinclude"
                )
    report(problems)


@pytest.mark.quick
def test_every_class_of_sphinx_design_has_a_style(pages):
    styles = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/_static").glob("*.css")]
    styled = set(re.findall(r"\.(sd-[\w-]+)", "".join(styles)))
    # Classes that need no rule of their own.
    plain = re.compile(
        r"sd-(sphinx-override|container-fluid|[mp][tblrxy]?-\w+|g[xy]?-(xs|sm|md|lg)-\d|row-cols-(xs-)?\d+|col-xs-\d+|"
        r"w-100|shadow-\w+|text-wrap|text-\w+|bg-text-\w+|font-weight-\w+|tab-label|summary-(content|title|chevron-\w+)|"
        r"octicon-[\w-]+|fade-in[\w-]*|badge|outline-\w+)"
    )
    report(
        [
            f"{page.name} ({page.source()}) uses {name}, for which docs/_static/more.css"
            " has no rule: add one, or do not use the class"
            for page in pages.values()
            for name in sorted(page.classes)
            if name.startswith("sd-") and name not in styled and not plain.fullmatch(name)
        ]
    )


@pytest.mark.quick
def test_the_heaviest_page_is_within_its_budget(pages, site):
    @functools.cache
    def weight(path):
        return len(brotli.compress(path.read_bytes())) / 1024

    weights = {}
    for page in pages.values():
        loaded = {target_of(page, url, site) for url in page.fetches}
        files = {page.path} | {path for path in loaded if path.suffix not in PICTURES and path.is_file()}
        weights[page.name] = {path.name: weight(path) for path in files}
    # The search index grows with the site, and only users who search load it.
    del weights["search.html"], weights["404.html"]
    page = weights["troubleshooting/problems/websockets.html"]
    assert sum(page.values()) <= PAGE_KB, f"the page about the error has more than {PAGE_KB} KB compressed: {page}"
    name = max(weights, key=lambda page: sum(weights[page].values()))
    total, parts = sum(weights[name].values()), Counter(weights[name])
    if total > BUDGET_KB:
        heaviest = ", ".join(f"{part} {size:.1f} KB" for part, size in parts.most_common())
        pytest.fail(
            f"{name} has {total:.1f} KB compressed, more than its {BUDGET_KB} KB:"
            f" split the page, or make the largest of these smaller: {heaviest}",
            pytrace=False,
        )


WATCH = """window.shifts = [];
new PerformanceObserver(list => shifts.push(...list.getEntries())).observe({type: "layout-shift", buffered: true});
document.addEventListener("securitypolicyviolation", e => console.error(e.violatedDirective, e.blockedURI))"""
MEASURE = """() => {
    const found = [];
    const start = e => e.outerHTML.slice(0, 120);
    if (document.documentElement.scrollWidth > innerWidth) {
        const wide = [...document.querySelectorAll("#main *")].find(e => e.getBoundingClientRect().right > innerWidth);
        found.push(`is wider than ${innerWidth} px because of ${wide ? start(wide) : "the frame"}`);
    }
    const moved = shifts.reduce((sum, each) => sum + each.value, 0);
    const nodes = shifts.flatMap(each => each.sources).map(({node}) => node?.nodeType == 1 ? start(node) : "a text");
    if (moved > 0.02)
        found.push(`moves by ${moved.toFixed(3)} while it loads, first ${nodes[0]}: render it when the site is built`);
    const visible = e => e.checkVisibility();
    for (const e of document.querySelectorAll(".text pre, .text .table"))
        if (visible(e) && (e.scrollWidth > e.clientWidth) != e.hasAttribute("tabindex"))
            found.push(`has ${start(e)}, which must be a tab stop only while it scrolls`);
    for (const e of document.querySelectorAll(".table.rows"))
        if (visible(e) && innerWidth < 500 && e.scrollWidth > e.clientWidth) found.push(`scrolls text: ${start(e)}`);
    for (const e of document.querySelectorAll(".text .nobr"))
        if (visible(e) && e.getClientRects().length > 1) found.push(`breaks a word: ${e.textContent}`);
    const range = document.createRange();
    for (const button of document.querySelectorAll(".copy")) {
        const box = button.getBoundingClientRect();
        const pre = button.parentElement.querySelector("pre");
        const text = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
        if (pre.getBoundingClientRect().right <= box.left) continue;
        while (visible(button) && text.nextNode()) {
            range.selectNodeContents(text.currentNode);
            if ([...range.getClientRects()].some(each => each.width && each.right > box.left
                && each.left < box.right && each.bottom > box.top && each.top < box.bottom)) {
                found.push(`covers code with its Copy button: ${start(button.parentElement)}`);
                break;
            }
        }
    }
    return found;
}"""


@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_fits_and_stays_in_place_without_an_error(browser, pages, site, width):
    problems = []
    with reader(browser, site) as (page, errors):
        page.set_viewport_size({"width": width, "height": 800})
        page.add_init_script(WATCH)
        for name, built in pages.items():
            page.goto(name)
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            problems += [f"{name} ({built.source()}) {what}" for what in page.evaluate(MEASURE)]
            problems += [f"{name} ({built.source()}) causes an error in the browser: {text}" for text in errors]
            errors.clear()
    report(problems)


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe about colours."""

NO_COLOURS = {"rules": {name: {"enabled": False} for name in COLOURS}}
"""The options of axe for all other rules."""

MARK_NEW_COLOURS = """known => {
    const keys = new Set(known), paints = ["backgroundColor", "backgroundImage", "opacity"], before = keys.size;
    const painted = element => element ? [...paints.map(each => getComputedStyle(element)[each]),
        ...painted(element.parentElement)].filter(each => !["rgba(0, 0, 0, 0)", "none", "1"].includes(each)) : [];
    for (const element of document.querySelectorAll("body *")) {
        if (![...element.childNodes].some(each => each.nodeType === 3 && each.data.trim())) continue;
        if (!element.checkVisibility()) continue;
        const { color, fontSize, fontWeight, textDecorationLine } = getComputedStyle(element);
        const around = getComputedStyle(element.parentElement).color;
        const key = [element.tagName, color, fontSize, fontWeight, textDecorationLine, around, painted(element)].join();
        if (!keys.has(key)) element.setAttribute("data-new", "");
        keys.add(key);
    }
    return [...keys].slice(before);
}"""
"""Marks one element for each combination of colours and font that no page before had; returns the new ones."""


def violations(page, context, options):
    """Yield what axe finds, one line for each rule."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    given = [context, {"resultTypes": ["violations"], **options}]
    for violation in page.evaluate("([context, options]) => axe.run(context, options)", given)["violations"]:
        node = violation["nodes"][0]
        reason = node["failureSummary"].splitlines()[-1].strip()
        yield f"{violation['id']}, {violation['help']}, at {node['html'][:120]}: {reason}"


@pytest.mark.parametrize(
    "scheme", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("light", "dark")]
)
@pytest.mark.parametrize("which", ["site", "sample"])
@pytest.mark.timeout(1800)  # it opens every page, which takes minutes on a busy machine
def test_axe_finds_no_violation(browser, which, scheme, request):
    """In the dark, only the colours differ."""
    directory, problems, known = request.getfixturevalue(which), [], []
    with reader(browser, directory, color_scheme=scheme) as (page, _):
        for path in sorted(directory.rglob("*.html")):
            name = path.relative_to(directory).as_posix()
            page.goto(name)
            found = [*violations(page, "html", NO_COLOURS)] if scheme == "light" else []
            if new := page.evaluate(MARK_NEW_COLOURS, known):
                found += violations(page, "[data-new]", {"runOnly": COLOURS})
                known += new
            problems += [f"{name} in {scheme}: {text}" for text in found]
    report(problems)
    assert known


@pytest.mark.quick
def test_the_page_of_a_cause_names_whom_to_ask(site):
    for name in findings.ids():
        page = BeautifulSoup((site / "findings" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        asked = page.select_one(".cause ~ p + p")
        assert asked.get_text() == f"Whom to ask: {OWNERS[findings.cause(name).hop]}."
        assert asked.a["href"] == "../troubleshooting/problems/websockets.html"


@pytest.mark.quick
def test_a_paragraph_has_one_mark_for_all_its_claims(site):
    marks = 0
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        buttons = soup.select("button.proof")
        blocks = [id(button.find_parent(["p", "dt", "td"])) for button in buttons]
        assert max(Counter(blocks).values(), default=1) == 1, f"{path.name} has two marks in one paragraph"
        assert [button["popovertarget"] for button in buttons] == [list_["id"] for list_ in soup.select(".proofs")]
        assert all("\u2713" not in tag.get("content", "") for tag in soup.select("meta"))
        marks += len(soup.select(".proofs > span > a[href]"))
    assert marks >= len(record()["claims"]) / 2


def test_a_mark_opens_its_claims_by_keyboard_without_javascript(browser, site):
    with reader(browser, site, java_script_enabled=False) as (page, errors):
        page.goto("operations/proxies.html")
        page.locator("button.proof").first.focus()
        page.keyboard.press("Enter")
        opened = page.locator(".proofs").first
        assert opened.is_visible()
        assert "Squid" in opened.inner_text()
        page.keyboard.press("Tab")
        assert opened.locator("a").first.evaluate("e => e == document.activeElement")
        page.keyboard.press("Escape")
        assert not opened.is_visible()
        assert errors == []


def test_copy_gives_whole_files_but_only_commands_and_added_lines(browser, sample):
    with reader(browser, sample, permissions=["clipboard-read", "clipboard-write"]) as (page, errors):
        page.goto("index.html")
        copied = []
        for block in (".highlight-nginx", ".highlight-console", ".highlight-udiff"):
            page.locator(f"{block} .copy").focus()
            page.keyboard.press("Enter")
            page.locator(f"{block} .copy", has_text="Copied").wait_for()
            assert page.locator("[role=status]").text_content() == "Copied"
            copied.append(page.evaluate("navigator.clipboard.readText()"))
        assert copied == [RECIPE, "nginx -t\ncurl -s \\\nhttp://127.0.0.1/", (ROOT / "Makefile").read_text()]
        assert errors == []


def test_paper_shows_everything_but_the_frame(browser, sample):
    with reader(browser, sample) as (page, _):
        page.goto("index.html")
        page.emulate_media(media="print")
        shown = page.locator("#main").inner_text()
        assert all(text in shown for text in ("Panel one", "Panel two", "Inside", "nginx -t"))
        assert not any(each.is_visible() for each in page.locator(".copy, nav, .skip, .bar button").all())
        assert page.locator("pre").evaluate_all("all => all.every(e => e.scrollWidth <= e.clientWidth)")


CLIPBOARDS = {"none, as on plain HTTP": "undefined", "denied": "{writeText: () => Promise.reject(new Error('denied'))}"}
"""What a page has in place of a clipboard that it may write to."""


@pytest.mark.parametrize("clipboard", CLIPBOARDS.values(), ids=CLIPBOARDS)
def test_copy_works_without_the_clipboard(browser, sample, clipboard):
    with reader(browser, sample) as (page, errors):
        page.add_init_script(f"Object.defineProperty(navigator, 'clipboard', {{value: {clipboard}}})")
        page.goto("index.html")
        page.evaluate("addEventListener('copy', () => (window.field = document.activeElement.value))")
        button = page.locator(".highlight-console .copy")
        button.focus()
        page.keyboard.press("Enter")
        page.locator(".highlight-console .copy", has_text="Copied").wait_for()
        assert page.evaluate("field") == "nginx -t\ncurl -s \\\nhttp://127.0.0.1/"
        assert button.evaluate("each => each == document.activeElement")
        page.evaluate("document.execCommand = () => false")
        page.locator(".highlight-nginx .copy").click()
        page.locator(".highlight-nginx .copy", has_text="Selected: press Ctrl+C").wait_for()
        assert page.evaluate("getSelection().toString()").strip() == RECIPE.strip()
        assert errors == []


def test_forced_colours_show_the_selected_tab(browser, sample):
    with reader(browser, sample, forced_colors="active") as (page, _):
        page.goto("index.html")
        colours = page.locator(".sd-tab-label").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
        assert len(set(colours)) == 2


@pytest.mark.quick
def test_the_page_of_proofs_counts_the_verdicts_of_the_record(site):
    sums = Counter()
    for kinds in record()["verdicts"].values():
        for verdicts in kinds.values():
            sums.update({verdict: sum(counts.values()) for verdict, counts in verdicts.items()})
    text = (site / "reference" / "proofs.html").read_text(encoding="utf-8")
    assert f"{sum(sums.values())} cases: {sums['named']} named, {sums['undecided']} " in text


@pytest.mark.quick
def test_a_diff_has_paths_relative_to_the_repository(sample):
    shown = re.sub(r"<[^>]+>", "", (sample / "index.html").read_text(encoding="utf-8"))
    assert re.findall(r"^(?:---|\+\+\+) (.*)", shown, re.MULTILINE) == [".gitignore", "Makefile"]


def test_tabs_work_without_javascript_and_copy_buttons_are_hidden(browser, sample):
    with reader(browser, sample, java_script_enabled=False) as (page, _):
        page.goto("index.html")
        assert page.locator(".copy").count() == 0
        page.get_by_text("Second", exact=True).click()
        assert [page.get_by_text(f"Panel {n}").is_visible() for n in ("one", "two")] == [False, True]


def test_print_shows_every_tab_panel_and_cuts_nothing(browser, sample):
    with reader(browser, sample) as (page, _):
        page.goto("index.html")
        page.emulate_media(media="print")
        assert [page.get_by_text(f"Panel {n}").is_visible() for n in ("one", "two")] == [True, True]
        assert page.get_by_text("Inside", exact=True).is_visible()
        assert page.evaluate("[...document.querySelectorAll('pre')].every(e => e.scrollWidth <= e.clientWidth + 1)")


def test_the_static_host_sends_its_headers_with_every_response(site, pages):
    style = next(url for url in pages["index.html"].fetches if "/site.css?v=" in url)
    forever = {"Cache-Control": "public, max-age=31536000, immutable"}
    expected = {
        "/": (200, {}),
        "/troubleshooting/problems/websockets.html": (200, {}),
        "/websocket-doctor.pyz": (200, {}) if (site / "websocket-doctor.pyz").exists() else (404, {}),
        f"/{style}": (200, forever),
        f"/{style.partition('?')[0]}": (200, {}),
        "/_static/missing.css?v=1": (404, {}),
        "/missing.html": (404, {}),
        "/index.md": (200, {"Content-Type": "text/plain; charset=utf-8"}),
        "/llms.txt": (200, {}),
        "/.buildinfo": (404, {}),
    }
    with host.serve(site) as serving:
        for path, (status, others) in expected.items():
            response = serving.get(path)
            assert response.status == status, f"{path}: expected {status}, got {response.status}"
            wanted = host.headers() | others
            headers = {name: ", ".join(response.headers.get_all(name, [])) for name in wanted}
            assert headers == wanted, f"{path} has other headers than hosting/_headers"
            assert response.headers["Server"] == "nginx"
        again = serving.get(f"/{style}", {"If-None-Match": serving.get(f"/{style}").headers["ETag"]})
        assert again.status == 304
        assert again.headers["Cache-Control"] == forever["Cache-Control"]
        assert b"<h1>Page not found" in serving.get("/missing.html").body
        assert serving.get("/", {"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
        moved = serving.get("/search.html?q=1", secure=False)
        assert moved.status == 301
        assert moved.headers["Location"] == "https://localhost/search.html?q=1"
        assert "[warn]" not in serving.log()


def test_pages_load_from_the_static_host_without_an_error(browser, site, pages):
    # One page for each set of scripts, stylesheets and pictures.
    different = {frozenset(Path(urlsplit(url).path).name for url in page.fetches): name for name, page in pages.items()}
    errors = []
    with host.serve(site) as serving, browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        for name in different.values():
            assert page.goto(f"{serving.origin}/{name}").ok, f"{name} did not load from the static host"
        page.goto(f"{serving.origin}/search.html?q=websockets")
        page.wait_for_selector("#search-results a[href*='troubleshooting/problems/websockets.html']")
        assert errors == []
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
        assert ["violates the following Content Security Policy directive" in text for text in errors] == [True]
