"""The pages about the products of others: one block each, with its sources."""

import re

import pytest
from support.proof import ROOT

from checks.findings.phrases import INSPECTORS, SECURITY_SOFTWARE

pytestmark = pytest.mark.quick

GATEWAYS = ROOT / "docs" / "operations" / "secure-web-gateways.md"
ANTIVIRUS = ROOT / "docs" / "operations" / "antivirus.md"
BALANCERS = ROOT / "docs" / "reference" / "load-balancers.md"
SNIPPETS = ROOT / "checks" / "snippets"

BLOCK = re.compile(r"(?ms)^\(([\w-]+)\)=\n\n(#{2,3}) ([^\n]+)\n(.*?)(?=^\([\w-]+\)=$|^## |\Z)")
"""A block: its anchor, the level of its heading, the heading, and the text."""

DATED = re.compile(r"\b(?:read )?20(?:1|2)\d(?:-\d\d)?\b|\bundated\b")


def blocks(page, level):
    """Return the blocks of a page by anchor, each with its heading and its text."""
    found = BLOCK.findall(page.read_text())
    return {anchor: (title, text) for anchor, hashes, title, text in found if len(hashes) == level}


@pytest.mark.parametrize(("page", "level"), [(GATEWAYS, 2), (ANTIVIRUS, 2), (BALANCERS, 3)], ids=str)
def test_each_product_has_a_setting_and_a_dated_source(page, level):
    problems = []
    products = {anchor: block for anchor, block in blocks(page, level).items() if not anchor.startswith("other-")}
    assert len(products) >= 7
    for title, text in products.values():
        answers = "What to do\n: " if "Classic" in title else "(?:Setting|WebSocket)\n: "
        if not re.search(rf"(?m)^{answers}", text):
            problems.append(f"{title}: no setting")
        if "](https://" not in text or not DATED.search(text):
            problems.append(f"{title}: no source with a date")
    assert problems == []
    assert "nothing on this page was tested here" in page.read_text()


@pytest.mark.parametrize(("page", "words"), [(GATEWAYS, INSPECTORS), (ANTIVIRUS, SECURITY_SOFTWARE)])
def test_every_issuer_that_diagnose_knows_has_a_block(page, words):
    named = set(re.findall(r"`([^`\n]+)`", " ".join(re.findall(r"(?m)^.*issuer .*$", page.read_text()))))
    shared = {"sophos"}  # one name for a firewall and for software on the computer
    missing, unknown = set(words) - named, named - set(words) - shared - {"diagnose", "tls-interception"}
    assert (missing, unknown) == (set(), set())


def test_the_table_of_what_to_allow_is_complete():
    rows = re.findall(r"(?m)^\| (\w[\w ]*) \| \S", (ROOT / "docs" / "operations" / "proxies.md").read_text())
    assert {"Host", "Port", "Method", "Inspection", "Idle timeout"} <= set(rows)


def test_every_snippet_is_on_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    shown = re.findall(r"(?m)\{literalinclude\} \S*checks/snippets/(\S+)$", pages)
    copied = [path for path in SNIPPETS.rglob("*.*") if path.suffix in {".conf", ".console", ".yaml"}]
    assert sorted(path.relative_to(SNIPPETS).as_posix() for path in copied) == sorted(shown)


def test_pages_with_a_host_name_to_replace_have_a_form():
    for page in sorted((ROOT / "docs").glob("[!f]*/**/*.md")):
        text = page.read_text(encoding="utf-8")
        for file in re.findall(r"\{literalinclude\} (\S+\.(?:ya?ml|conf))$", text, re.MULTILINE):
            names = re.findall(r"[\w.*-]+\.example\.com", (page.parent / file).read_text(encoding="utf-8"))
            assert set(names) != {"dss.example.com"} or "```{blanks}" in text, f"{page.name} shows {file}"
