"""The page reads every text as Python does."""

import contextlib
import dataclasses
import json
import random
import string
from pathlib import Path

import axe_playwright_python
import pytest
from support.random_evidence import random_evidence
from support.site import served, sphinx

from checks import symptoms
from checks.cli.note import content_of
from checks.findings import diagnose
from checks.report.ticket import content, written

from .corpus import entries

ALL = symptoms.symptoms()
EXAMPLES = [example for symptom in ALL for example in symptom.examples]
URL = "wss://dss.example.com/dip/websocket/"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a page with the field and a list, and the page of a cause."""
    source = tmp_path_factory.mktemp("symptoms")
    text = "# Page\n\n```{symptom-reader}\n```\n\n```{symptom-list}\n```\n\n```{toctree}\nfindings/proxy-auth\n```\n"
    (source / "index.md").write_text(text, encoding="utf-8")
    (source / "findings").mkdir()
    (source / "findings" / "proxy-auth.md").write_text("# proxy-auth\n", encoding="utf-8")
    result = sphinx(source, source / "out")
    assert result.returncode == 0, result.stdout
    return source / "out"


@contextlib.contextmanager
def opened(browser, url, **options):
    """Open a page; any error in the browser fails the test."""
    errors = []
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        yield page
    assert errors == []


def mutations(number):
    """Yield examples with random changes, the same in every run."""
    chance = random.Random(2026)
    odd = [*"\\'\"`<>()[]{}*+?|^$%&\0\t\u2026\u2019\u201c\u00a0\u200b\u2028\ufeff\U0001f600\u00e9", "\r\n", "failed: "]
    odd += [
        "wss://",
        "((((",
        URL,
        "ws://localhost:1/",
        "https://dss.example.com/x?y=z",
        "\x1b[31m",
        "\n> ",
        "app.js:12",
    ]
    for _ in range(number):
        text = chance.choice(EXAMPLES)
        for _ in range(chance.randint(1, 4)):
            place, length = chance.randrange(len(text) + 1), chance.randint(0, 9)
            inserted = chance.choice([*odd, "", "\n", "\n" + chance.choice(EXAMPLES), chance.choice(string.printable)])
            text = text[:place] + inserted + text[place + length :]
        yield text


def broken(text, width):
    """Return a text broken at a column, as by a terminal."""
    return "\n".join(text[place : place + width] for place in range(0, len(text), width))


def broken_examples():
    chance = random.Random(6)
    return [broken(example, chance.choice([20, 33, 40, 72, 80])) for example in EXAMPLES]


def mixed_examples():
    chance = random.Random(7)
    return ["\n".join(chance.sample(EXAMPLES, 5)) for _ in range(60)]


TEXTS = {
    "examples": lambda: EXAMPLES,
    "texts from public reports": lambda: [entry["input"] for entry in entries()],
    "examples broken by a terminal": broken_examples,
    "examples with random changes": lambda: list(mutations(600)),
    "several examples": mixed_examples,
    "no text": lambda: ["", " \n\t"],
    "long texts": lambda: ["\U0001f600" * 300 + EXAMPLES[0], "x\n" * 9_990 + EXAMPLES[0], EXAMPLES[0] * 30],
}
"""Functions that return what both must read alike."""

NUMBERS = {id(symptom): number for number, symptom in enumerate(ALL)}


def as_read(text):
    """Return what Python reads, as plain values."""
    answer = symptoms.read(text)
    readings = [
        [
            NUMBERS[id(each.symptom)],
            each.shown,
            each.count,
            each.socket.origin if each.socket else "",
            list(each.causes),
        ]
        for each in answer.readings
    ]
    return [readings, answer.cut, answer.about_websocket]


READ = """texts => Promise.all(texts.map(async text => {
    const { readings, cut, about } = await document.getElementById("symptom").read(text);
    const shown = document.getElementById("symptom").shortened;
    return [readings.map(({ symptom, line, count, socket, causes }) =>
        [symptom.number, shown(line), count, socket?.origin ?? "", causes]), cut, about];
}))"""


@pytest.mark.parametrize("kind", TEXTS)
def test_the_page_reads_every_text_like_python(kind, browser, site):
    given = TEXTS[kind]()
    with opened(browser, f"file://{site}/index.html") as page:
        read = page.evaluate(READ, given)
    for text, on_page in zip(given, read, strict=True):
        assert on_page == as_read(text), f"the page and Python read {text!r} differently"


WRITTEN = """([texts, command]) => {
    const { written } = document.getElementById("symptom");
    const both = (text) => Promise.all([written(text, true, command), written(text, false, command)]);
    return Promise.all(texts.map(both));
}"""

TICKET = "contents => contents.map(each => [ticket.written(each), ticket.written(each, { plain: false })])"

HOSTILE = [
    "`ls` <img src=x> [a](b) ``` \u202e\x1b[31m\u2028\ue000 wss://[::1]:70000/ wss://[fd00::1]:8/x?y",
    "\ud7ff\u0378 # x\n\n\n***",
]


def test_the_page_writes_the_ticket_that_note_writes(browser, site):
    texts = [text for text in [*(symptom.examples[0] for symptom in ALL), *mutations(100), *HOSTILE] if text.strip()]
    command = "python -m checks diagnose"
    contents = [content_of(text, command) for text in texts]
    tested = [content(each, diagnose(each), f"{command} {each.url}") for each in map(random_evidence, range(60))]
    with opened(browser, f"file://{site}/index.html") as page:
        on_page = page.evaluate(WRITTEN, [texts, command])
        of_tests = page.evaluate(TICKET, [dataclasses.asdict(each) for each in tested])
    assert len({each.causes[0].id for each in contents if each.causes}) > 10
    for made, both in zip([*contents, *tested], [*on_page, *of_tests], strict=True):
        assert both == [written(made, plain=True), written(made, plain=False)]


def test_every_pattern_compiles_in_javascript(browser, site):
    with opened(browser, f"file://{site}/index.html") as page:
        page.fill("textarea", "WebSocket connection failed")
        page.wait_for_function("globalThis.symptomData")
        compiled = page.evaluate("globalThis.symptomData.symptoms.map((each) => each.regex.unicode)")
    assert compiled == [True] * len(ALL)


def test_pasted_text_is_not_interpreted_or_sent(browser, site):
    with served(site) as url, opened(browser, f"{url}index.html") as page:
        page.focus("textarea")
        page.evaluate("document.getElementById('symptom').read('')")  # loads the data
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        page.fill(
            "textarea", f"<img src=x onerror=alert(1)> WebSocket connection to '{URL}?k=s3cret' failed: <b>no</b>"
        )
        title = page.locator("#symptom .admonition-title").text_content()
        assert "<b>no</b>" in title
        assert "s3cret" not in title
        page.fill("textarea", "Proxy authentication failed")
        link = page.locator("#symptom .admonition .cause a")
        assert link.text_content() == "The forward proxy requires authentication"
        assert link.get_attribute("href") == "findings/proxy-auth.html"
        page.fill("textarea", " ")
        assert page.locator("#symptom .admonition").count() == 0
        assert page.locator("#symptom :is(img, b)").count() == 0
        assert [url for url in sent if not url.endswith("favicon.svg")] == []


def test_two_websockets_are_explained_one_by_one(browser, site):
    loopback = "WebSocket connection to 'ws://localhost:8097/' failed: net::ERR_CONNECTION_REFUSED"
    with opened(browser, f"file://{site}/index.html") as page:
        page.fill("textarea", f"{loopback}\nWebSocket connection to '{URL}' failed: Proxy authentication failed")
        page.wait_for_selector("#symptom .admonition")
        origins = page.locator("#symptom .admonition > p > code:only-child").all_text_contents()
    assert origins == ["wss://dss.example.com", "ws://localhost:8097"]


def test_text_that_is_not_understood_gets_three_questions(browser, site):
    with opened(browser, f"file://{site}/index.html") as page:
        page.fill("textarea", "hello")
        page.wait_for_selector("#symptom .admonition.warning")
        assert page.locator("#symptom select").count() == 3
        page.locator("#symptom select").first.select_option("It works there")
        message = page.locator("#symptom .message textarea").input_value()
        assert f"- {symptoms.QUESTIONS[0][0]} It works there" in message
        assert "hello" in message
        assert "ask your network team" in page.locator("#symptom").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_explanation(browser, site, scheme):
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    options = {"color_scheme": scheme, "viewport": {"width": 360, "height": 740}}
    with served(site) as url, opened(browser, f"{url}index.html", **options) as page:
        page.evaluate(axe)
        for text in ("Proxy authentication failed", "hello", "Unexpected response code: 400"):
            page.fill("textarea", text)
            page.wait_for_selector("#symptom .admonition")
            found = page.evaluate("axe.run('#symptom', {resultTypes: ['violations']}).then(found => found.violations)")
            assert found == [], json.dumps(found)[:2000]
        page.fill("textarea", "x" * 500 + " Could not establish WebSocket connection")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_without_javascript_lists_every_text(browser, site):
    with opened(browser, f"file://{site}/index.html", java_script_enabled=False) as page:
        terms = page.evaluate(
            "[...document.querySelectorAll('dt')].map(dt => [...dt.querySelectorAll('code')].map(e => e.textContent))"
        )
        assert sorted(terms) == sorted(list(symptom.shown) for symptom in ALL)
        assert not page.locator("#symptom textarea").is_visible()
        assert page.locator("#symptom noscript").inner_text() == "Find your text in the list of known messages."
