"""What frame.py and the styles do to every page, on a phone and on paper."""

import pytest
from bs4 import BeautifulSoup
from support.site import served

pytestmark = [pytest.mark.reads_proof, pytest.mark.xdist_group("site")]

LARGER = """() => {
    const size = e => parseFloat(getComputedStyle(e).fontSize);
    const body = size(document.body);
    return [...document.querySelectorAll(".text :is(td, figcaption, .words, .code-block-caption, .cause, pre)")]
        .filter(e => size(e) > body).map(e => e.outerHTML.slice(0, 80));
}"""


@pytest.mark.quick
def test_a_stacked_cell_has_the_head_of_its_column(site):
    stacked = 0
    for path in site.rglob("*.html"):
        for table in BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select(".table.rows table"):
            stacked += 1
            heads = [head.get_text(" ", strip=True) for head in table.select("thead th")]
            for row in table.select("tbody tr"):
                labels = [cell.get("data-label") for cell in row.select("td")]
                assert labels == [None, *heads[1:]], f"{path.name}: {row}"
    assert stacked > 20


@pytest.mark.quick
def test_a_field_that_needs_javascript_links_to_the_list_instead(site):
    fields = 0
    for path in site.rglob("*.html"):
        field = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("#symptom")
        if field:
            fields += 1
            link = field.select_one("noscript a")["href"]
            assert link.startswith("http") or (path.parent / link).resolve() == site / "reference" / "messages.html"
    assert fields >= 3


def test_on_paper_nothing_is_larger_than_the_text_around_it(browser, site):
    problems = []
    with served(site) as url, browser.new_page(viewport={"width": 680, "height": 960}) as page:
        page.emulate_media(media="print")
        for name in ("troubleshooting/problems/websockets", "installation/custom/reverse-proxy/nginx"):
            page.goto(f"{url}{name}.html")
            problems += [f"{name}: {what}" for what in page.evaluate(LARGER)]
    assert problems == []
