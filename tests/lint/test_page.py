"""The page and the command are one implementation, and report the same."""

import itertools
import json
import random
import time
from pathlib import Path

import axe_playwright_python
import pytest
from support.machine import RECIPES
from support.site import served, sphinx

from checks.lint import Options, lint_text
from docs._ext.javascript import ON_PAGE, Module, UnknownError

from . import grammar_apache, grammar_haproxy, grammar_nginx

ODD = ["{", "}", ";", "\n", "#", '"', "'", "\\", "$", "{{ x }}", "{% if a %}", "{% endif %}", "...", "</VirtualHost>"]
ODD += ["${A}", "\t", " if ", " or ", "~", "[NC]", "0", "1h", "$http_upgrade", "<", "include x;", "<your-domain>"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    source = tmp_path_factory.mktemp("lint")
    (source / "index.md").write_text("# Page\n\n```{lint-reader}\n```\n", encoding="utf-8")
    result = sphinx(source, source / "out")
    assert result.returncode == 0, result.stdout
    return source / "out"


def texts():
    """Return (text, kind) of configs of every sort, with random damage."""
    chance = random.Random(2026)
    found = []
    for name in ON_PAGE:
        recipe = RECIPES[name]
        found += [(config.read_text(), name) for config in recipe.configs]
        for variant in sorted(recipe.folder.glob("broken/*.patch")):
            patch = recipe.patch(variant)
            found.append((patch.apply((recipe.folder / patch.base).read_text()), name))
    nginx, haproxy = grammar_nginx.Grammar(chance, 1), grammar_haproxy.Grammar(chance, 1)
    apache = grammar_apache.Grammar(chance, [1, 2])
    for number in range(60):
        found.append((f"http {{\n{nginx.http()}\n{nginx.server(80)}\n}}\n", "nginx"))
        found.append((haproxy.config(80, number), "haproxy"))
        found.append((apache.host(80), "apache"))
    for text, name in [chance.choice(found) for _ in range(400)]:
        damaged = text
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(damaged) + 1)
            damaged = damaged[:place] + chance.choice(ODD) + damaged[place + chance.choice([0, 0, 1, 5, 40]) :]
        found.append((damaged, name))
    return found


def as_read(text, kind, server, version):
    report = lint_text(text, "input", kind, Options(server, version))
    findings = [[each.rule, each.severity, each.line, each.says, each.fix, each.where] for each in report.findings]
    return [findings, report.seen, report.unknown, report.decided]


UNKNOWN = [
    "x = f'{1:.2f}'",
    "x = 2 ** 3",
    "x = {1, 2}",
    "import re\nif re:\n    x = 1",
    "def f(x):\n    x |= 1",
    "def f(x):\n    while x:\n        x = 0\n    else:\n        x = 1",
    "def f(x):\n    with x:\n        return 1",
    "def f(x):\n    raise x",
]
"""Python that the translation does not know."""


@pytest.mark.quick
def test_what_cannot_be_translated_is_an_error():
    for source in UNKNOWN:
        with pytest.raises(UnknownError):
            Module("odd", source, {}).script()
    assert "1,undefined).filter((_,$n)=>$n%2===0)" in Module("pairs", "x = [1, 2]\ny = x[1::2]", {}).script()


READ = """cases => Promise.all(cases.map(async (given) => {
    const { findings, seen, unknown, decided } = await document.getElementById("lint").read(...given);
    const told = findings.map((each) => [each.rule, each.severity, each.line, each.says, each.fix, each.where]);
    return [told, seen, unknown, decided];
}))"""


def test_the_page_reports_the_same_as_the_command(browser, site):
    chance = random.Random(1)
    versions = ["", "1.22.1", "1.31.3", "2.4.46"]
    cases = [[text, kind, chance.choice(["dss", "any"]), chance.choice(versions)] for text, kind in texts()]
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"file://{site}/index.html")
        read = page.evaluate(READ, cases)
    for case, on_page in zip(cases, read, strict=True):
        assert on_page == as_read(*case), f"the page and the command report something else: {case}"


def test_a_pasted_config_is_read_at_once_and_not_sent(browser, site):
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    errors, sent = [], []
    with served(site) as url, browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(f"{url}index.html")
        page.evaluate("document.getElementById('lint').read('')")  # loads the engine
        page.on("request", lambda request: sent.append(request.url))
        page.fill("#lint textarea", "server {\n  location / {\n    proxy_pass http://<img/src=x>;\n  }\n}\n")
        page.wait_for_selector("#lint .admonition.danger")
        assert page.locator("#lint .admonition.danger .admonition-title").first.text_content() == "Line 3: broken"
        assert page.locator("#lint mark").first.text_content().startswith("   3  ")
        assert page.locator("#lint img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.evaluate(axe)
        found = page.evaluate("axe.run('#lint', {resultTypes: ['violations']}).then(found => found.violations)")
        assert found == [], json.dumps(found)[:2000]
    assert (errors, [each for each in sent if not each.endswith("favicon.svg")]) == ([], [])


def test_too_many_blocks_are_reported_in_a_sentence(browser, site):
    errors = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"file://{site}/index.html")
        page.fill("#lint textarea", "server {" * 20_000)
        page.wait_for_function("document.querySelector('#lint [aria-live]').textContent.includes('too many blocks')")
    assert not errors


READ_ONE = """async (text) => void await document.getElementById("lint").read(text, "nginx", "dss", "")"""


def cpu_time(session):
    """Return how many seconds the main thread of a page has computed.

    What else the machine does changes nothing.
    """
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "TaskDuration")


def thousand_lines():
    """Return a config of 1,000 lines: servers, upstreams, maps and comments."""
    block = (RECIPES["nginx"].folder / "http.conf").read_text()
    filler = "".join(
        f"# {number}\nupstream u{number} {{\n    server 127.0.0.1:{number};\n}}\n" for number in range(210)
    )
    return f"{block}\n{filler}\n{block}"


def test_a_thousand_lines_take_50_ms(browser, site):
    text = thousand_lines()
    assert 900 < text.count("\n") < 1100
    assert min(durations(time.process_time, lambda: lint_text(text, "input", "nginx"))) <= 0.05
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"file://{site}/index.html")
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        assert 0 < min(durations(lambda: cpu_time(session), lambda: page.evaluate(READ_ONE, text))) <= 0.05


def durations(clock, work):
    """Return how long a clock shows for each of five times."""
    times = [clock()]
    for _ in range(5):
        work()
        times.append(clock())
    return [after - before for before, after in itertools.pairwise(times)]
