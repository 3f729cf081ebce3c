"""What the pages claim is what a test of this run held, on the configs that are in the checkout."""

import re

import pytest
from proof import RENEW, ROOT, digests, record

pytestmark = pytest.mark.reads_proof

CLAIM = re.compile(r"\{proven\}`([^`]+)`")


def claims_of_pages():
    """Return where each claim stands."""
    found = {}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for claim in CLAIM.findall(line):
                found.setdefault(claim, []).append(f"{page.relative_to(ROOT)}:{number}")
    return found


@pytest.mark.parametrize("config", digests())
def test_the_config_is_the_one_that_was_proven(config):
    proven = record()["configs"].get(config, {})
    assert digests()[config] == proven.get("sha256"), (
        f"checks/recipes/{config} has changed since it was proven: {RENEW}"
    )
    assert proven["on"], f"checks/recipes/{config} was proven on nothing: {RENEW}"


def test_the_record_holds_no_config_that_is_gone():
    gone = sorted(set(record()["configs"]) - set(digests()))
    assert not gone, f"checks/proof.json speaks of {gone}, which are not in checks/recipes: {RENEW}"


def test_every_claim_of_a_page_has_a_test_and_every_claim_of_a_test_stands_on_a_page():
    pages = claims_of_pages()
    marks = {
        claim
        for test in sorted((ROOT / "tests").glob("test_*.py"))
        for claim in re.findall(r"mark\.proves\(\s*\"([^\"]+)\"", test.read_text())
    }
    untested = {claim: places for claim, places in pages.items() if claim not in marks}
    assert not untested, f"mark the test that holds each of these with @pytest.mark.proves(...): {untested}"
    unsaid = sorted(marks - set(pages))
    assert not unsaid, f"no page says what these tests prove: end the sentence with {{proven}}`...`: {unsaid}"


def test_the_record_holds_exactly_the_claims_of_the_pages():
    assert sorted(record()["claims"]) == sorted(claims_of_pages()), RENEW
