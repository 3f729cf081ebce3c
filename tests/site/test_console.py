"""A console error is explained alike in Python and on the page."""

import contextlib
import random
import re
import socketserver
import string
import threading
import time
from pathlib import Path

import axe_playwright_python
import pytest
from support.observe import CHROMIUM_ERRORS
from support.site import served, sphinx
from websockets.utils import accept_key

from checks import console, findings
from checks.cli.explain import explain
from checks.cli.parser import UsageError

LINES = console.lines()
URL = "wss://dss.example.com/dip/websocket/"
BY_THE_BROWSER_ALONE = {"mixed-content"}
"""Causes that only a browser can detect, so they are not findings."""

LAST = [line for line in LINES if any("any other" in shown for shown in line.shown) or line.reported]
"""Lines that match what no other line matches; they are tried last."""

NAMED = {"accept-mismatch", "csp-blocks", "handshake-header-mangled", "header-too-large", "message-size-limit"} | {
    *("mixed-content", "proxy-auth", "unreachable"),
}
"""Causes that a line may name alone, because its text is explicit."""

NOT_ABOUT_WEBSOCKET = [
    "",
    " \t\n\r\n",
    "hello",
    "GET https://dss.example.com/ net::ERR_CERT_AUTHORITY_INVALID",
    "Failed to load resource: net::ERR_CONNECTION_REFUSED",
    "Failed to load resource: the server responded with a status of 403 (Forbidden)",
    "Refused to connect to 'https://x/' because it violates the following Content Security Policy directive: \"x\".",
    "Content-Security-Policy: The page\u2019s settings blocked the loading of a resource (connect-src) at https://x/",
    "Firefox can\u2019t find the file at https://dss.example.com/favicon.ico.",
    "wss://dss.example.com/?code=1009",
    "code 10090",
    "idle-timeout",
]

NO_CAUSE = [
    f"WebSocket connection to '{URL}?net::ERR_CERT_DATE_INVALID' failed: ",
    f"WebSocket connection to '{URL}?Unexpected%20response%20code:%20431&code=1009' failed",
    f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: Unexpected response code: 4310",
    f"WebSocket connection to '{URL}' failed: (anonymous) @ app.js:12",
    f"[Report Only] Refused to connect to '{URL}' because it violates the following Content Security Policy directive:",
    f"Connecting to '{URL}' violates the following report-only Content Security Policy directive: \"x\".",
    f"Firefox kann keine Verbindung mit {URL} herstellen.",
]

WITH_CONTEXT = {
    "WebSocket connection to wss://dss/x failed: Error during WebSocket handshake: Unexpected response code: 426": 426,
    "app.js:12 WebSocket connection to 'ws://dss/x' failed: Unexpected response code: 426": 426,
    "Unexpected response code: 426 app.js:7": 426,
    "\u00a0 Error during WebSocket handshake: Unexpected response code: 426\t": 426,
    "[Error] WebSocket connection to 'wss://dss/x' failed: Unexpected response code: 426 (app.js, line 3)": 426,
}


def code_line(number):
    return (
        f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: Unexpected response code: {number}"
    )


def mutations(number):
    """Yield examples with random changes, the same in every run."""
    chance = random.Random(2026)
    examples = [example for line in LINES for example in line.examples]
    odd = [
        *"\\'\"`<>()[]{}*+?|^$%&\0\t\u2026\u2019\u201c\u00a0\u200b\u2028\ufeff\U0001f600é",
        "\r\n",
        "failed: ",
        "wss://",
        "((((",
        URL,
    ]
    for _ in range(number):
        text = chance.choice(examples)
        for _ in range(chance.randint(1, 3)):
            place, length = chance.randrange(len(text) + 1), chance.randint(0, 9)
            inserted = chance.choice([*odd, "", "", chance.choice(examples), chance.choice(string.printable)])
            text = text[:place] + inserted + text[place + length :]
        yield text


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.shown[0])
def test_each_example_matches_only_its_line(line):
    for example in line.examples:
        reading = console.read(example)
        assert reading.means == line.means
        assert reading.ids == line.ids
        assert reading.next == line.next
        text = re.sub(console.data()["reported"], "", example)
        others = [other.shown for other in LINES if other not in (line, *LAST) and re.search(other.pattern, text)]
        assert others == [], "expected no other line to match: make its pattern in checks/console.json narrower"


def test_every_cause_a_line_names_is_a_finding():
    named = {finding for line in LINES for finding in line.ids}
    assert named - set(findings.ids()) == BY_THE_BROWSER_ALONE, "checks/console.json names a cause that does not exist"


def test_only_an_explicit_line_names_one_cause():
    assert {line.ids[0] for line in LINES if len(line.ids) == 1} == NAMED


@pytest.mark.parametrize(
    "number", [200, 301, 302, 400, 401, 403, 404, 405, 413, 426, 500, 501, 502, 503, 504, 505, 522]
)
def test_a_status_code_has_several_causes(number):
    assert len(console.read(code_line(number)).ids) > 1


@pytest.mark.parametrize(("finding", "ends"), CHROMIUM_ERRORS.items(), ids=CHROMIUM_ERRORS)
def test_an_error_of_a_broken_variant_includes_its_cause(finding, ends):
    for end in ends:
        error = f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: {end}"
        assert finding in console.read(error).ids
        assert finding in console.read(end).ids


@pytest.mark.parametrize("text", NOT_ABOUT_WEBSOCKET)
def test_a_line_that_is_not_about_websocket_is_not_understood(text):
    assert console.read(text) is None


@pytest.mark.parametrize("text", NO_CAUSE)
def test_text_in_a_url_or_report_names_no_cause(text):
    assert console.read(text).ids == ()


@pytest.mark.parametrize(("text", "number"), WITH_CONTEXT.items())
def test_text_around_an_error_does_not_matter(text, number):
    assert console.read(text).means == console.read(code_line(number)).means


def test_the_most_specific_of_several_lines_counts():
    message, rejected = "Could not establish WebSocket connection", code_line(400)
    named = f"WebSocket connection to '{URL}' failed: Proxy authentication failed"
    pasted = "\r\n".join(["", message, rejected, code_line(426), "x", named, rejected])
    assert console.read(pasted).ids == ("proxy-auth",)
    assert console.read(f"{message}\n{rejected}\n{code_line(426)}").means == console.read(code_line(426)).means
    assert console.read(f"{message}\u2028{rejected}").means == console.read(rejected).means


def test_a_reading_contains_nothing_from_a_url():
    secret = f"WebSocket connection to '{URL}?token=s3cret' failed: https://me:s3cret@x/ Unexpected response code: 400"
    assert console.read(secret).line == "WebSocket connection to 'wss://...' failed: https://... " + secret[-29:]


def test_no_pasted_text_is_an_error():
    for text in [*mutations(400), "\ud800", "\0" * 10, "WebSocket connection to \udfff failed: \ud800"]:
        reading = console.read(text)
        assert reading is None or reading.means
        said = ""
        with contextlib.suppress(UsageError):
            said = explain(text, lambda _: "")
        assert all(sign.isprintable() for sign in said.replace("\n", ""))


HOSTILE = ["WebSocket connection to ", "WebSocket connection to x failed", "Refused to connect to 'wss://", "Firefox "]
HOSTILE += ["Content-Security-Policy: ", "a\n", "\n", " ", "\t\u00a0", "connection to wss://x was ", "wss://", "'", "x"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_is_read_in_bounded_time(piece):
    start = time.process_time()
    console.read(piece * (2_000_000 // len(piece)))
    elapsed = time.process_time() - start
    assert elapsed < 5, f"took {elapsed:.1f} s, expected a fraction of a second: a pattern backtracks"


# The page: the same patterns in JavaScript


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a page with the field and all lists, and the page of a cause."""
    source = tmp_path_factory.mktemp("console")
    lists = "\n\n".join(f"```{{console-lines}} {browser}\n```" for browser in dict.fromkeys(x.browser for x in LINES))
    field = "```{console-reader}\n```"
    text = f"# Page\n\n{field}\n\n{lists}\n\n```{{toctree}}\nfindings/proxy-auth\n```\n"
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


SHOWN = """texts => texts.map(text => {
    const field = document.querySelector("#console textarea");
    field.value = text;
    field.dispatchEvent(new Event("input"));
    const parts = [...document.querySelectorAll("#console .admonition > *")].map(e => e.textContent);
    return [parts, [...document.querySelectorAll("#console .cause")].map(e => e.textContent)];
})"""


def expected(text):
    """Return what the page must show: the line, its meaning and the next step."""
    reading = console.read(text)
    if not reading:
        return None
    many = [", ".join(reading.ids[:-1]), reading.ids[-1]] if len(reading.ids) > 1 else reading.ids
    words = ["This line names no cause.", "Cause: ", "This line cannot tell between "][len(many)]
    causes = words + " and ".join(many) + ("." if many else "")
    return [reading.line, f"{reading.means} {causes}", reading.next.replace("`", "")], list(reading.ids)


def straight(parts):
    """Replace the typographic quotes of Sphinx."""
    return [parts[0], *(part.translate({0x2019: "'", 0x201C: '"', 0x201D: '"'}) for part in parts[1:])]


def test_the_page_reads_every_text_like_python(browser, site):
    texts = [example for line in LINES for example in line.examples]
    texts += [*CHROMIUM_ERRORS, *NOT_ABOUT_WEBSOCKET, *NO_CAUSE, *WITH_CONTEXT, *mutations(400), "\n".join(texts[::-1])]
    texts += ["x" * 1900 + code_line(426), "\U0001f600" * 1890 + code_line(426), "x\n" * 9_990 + code_line(426)]
    texts = [text for text in texts if text.strip()]
    with opened(browser, f"file://{site}/index.html") as page:
        shown = page.evaluate(SHOWN, texts)
    for text, (parts, causes) in zip(texts, shown, strict=True):
        on_page = None if parts[0] == "No WebSocket error found" else (straight(parts), causes)
        assert on_page == expected(text.replace("\r\n", "\n")), f"the page and Python read {text!r} differently"


def test_pasted_text_is_not_interpreted_or_sent(browser, site):
    with served(site) as url, opened(browser, f"{url}index.html") as page:
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        page.fill(
            "textarea", "<img src=x onerror=alert(1)> WebSocket connection to 'wss://x' failed: <b>Proxy</b> authen"
        )
        assert "<b>Proxy</b>" in page.locator("#console .admonition-title").text_content()
        page.fill("textarea", "Proxy authentication failed")
        link = page.locator("#console .admonition a")
        assert link.text_content() == "proxy-auth"
        assert link.get_attribute("href") == "findings/proxy-auth.html"
        page.fill("textarea", " ")
        assert page.locator("#console .admonition").count() == 0
        assert page.locator("#console :is(img, b)").count() == 0
        assert [url for url in sent if not url.endswith("favicon.svg")] == []
        assert page.evaluate("[...document.scripts].map(e => e.src.split('/').at(-1).split('?')[0]).sort()") == [
            "console.js",
            "site.js",
        ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_explanation(browser, site, scheme):
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    options = {"color_scheme": scheme, "viewport": {"width": 360, "height": 740}}
    with served(site) as url, opened(browser, f"{url}index.html", **options) as page:
        page.evaluate(axe)
        for text in ("Proxy authentication failed", "hello"):
            page.fill("textarea", text)
            assert page.locator("#console .admonition").is_visible()
            assert page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)") == []
        page.fill("textarea", "x" * 500 + " Could not establish WebSocket connection")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_without_javascript_lists_every_line(browser, site):
    with opened(browser, f"file://{site}/index.html", java_script_enabled=False) as page:
        terms = page.locator("dt").all()
        assert [term.locator("code").all_text_contents() for term in terms] == [
            list(line.shown)
            for browser in dict.fromkeys(x.browser for x in LINES)
            for line in LINES
            if line.browser == browser
        ]
        assert page.locator("#console :is(textarea, button)").count() == 0


# The errors that Chromium reports

YES, UPGRADE, CONNECTION = "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"
DUMMY = "Sec-WebSocket-Protocol: dummy"
ACCEPT = "Sec-WebSocket-Accept: "
"""`Faulty` adds the correct value to a line that ends here."""
FAULTS = {
    "Unexpected response code: 404": ["HTTP/1.1 404 Not Found", "Content-Length: 0"],
    "HTTP Authentication failed": ["HTTP/1.1 401 Unauthorized", "Content-Length: 0"],
    "net::ERR_UNEXPECTED_PROXY_AUTH": ["HTTP/1.1 407 Proxy Authentication Required", "Content-Length: 0"],
    "net::ERR_INVALID_HTTP_RESPONSE": ["blocked"],
    "'Sec-WebSocket-Accept' header is missing": [YES, UPGRADE, CONNECTION],
    "'Connection' header is missing": [YES, UPGRADE, ACCEPT],
    "Incorrect 'Sec-WebSocket-Accept'": [YES, UPGRADE, CONNECTION, f"{ACCEPT}AAAA"],
    "header must not appear more than once": [YES, UPGRADE, UPGRADE, CONNECTION, ACCEPT],
    "value is not 'WebSocket'": [YES, "Upgrade: h2c", CONNECTION, ACCEPT],
    "value must contain 'Upgrade'": [YES, UPGRADE, "Connection: close", ACCEPT],
    "Sent non-empty 'Sec-WebSocket-Protocol'": [YES, UPGRADE, CONNECTION, ACCEPT],
    "Found an unsupported extension": [YES, UPGRADE, CONNECTION, ACCEPT, DUMMY, "Sec-WebSocket-Extensions: x-other"],
    "does not match any of sent values": [YES, UPGRADE, CONNECTION, ACCEPT, "Sec-WebSocket-Protocol: other"],
}


class Faulty(socketserver.StreamRequestHandler):
    """Send a page, and respond to the handshake at /fN with the fault number N."""

    def handle(self):
        path, key = self.rfile.readline().split()[1].decode(), ""
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            key = value if name == "Sec-WebSocket-Key" else key
        page = ["HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close"]
        response = list(FAULTS.values())[int(path[2:])] if path[2:].isdigit() else page
        lines = [f"{line}{accept_key(key)}" if line == ACCEPT else line for line in response]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode())


FAIL = """([names, port]) => Promise.all(names.map((_, number) => new Promise(done => {
    new WebSocket(`ws://f${number}.localhost:${port}/f${number}`, ["dummy"]).onclose = done;
})))"""


def test_chromiums_error_for_each_fault_is_understood(browser):
    errors = {}
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Faulty) as server, browser.new_context() as context:
        threading.Thread(target=server.serve_forever).start()
        port, page = server.server_address[1], context.new_page()
        page.on("console", lambda line: errors.update(re.findall(r"/f(\d+)(' failed: .*)", line.text)))
        try:
            page.goto(f"http://localhost:{port}/")
            page.evaluate(FAIL, [list(FAULTS), port])
        finally:
            server.shutdown()
    known = {line.means for line in LINES if line not in LAST}
    for number, fault in enumerate(FAULTS):
        assert fault in errors[str(number)]
        assert console.read(f"WebSocket connection to 'ws://x/{errors[str(number)]}").means in known
