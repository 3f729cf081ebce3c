"""The pages of causes show each fix as the tests apply it."""

import re
from html import unescape
from textwrap import dedent

import pytest
from support.machine import RECIPES

from checks.lab.fixes import fix_for

pytestmark = pytest.mark.quick

CODE = re.compile(
    r'<div class="([^"]*)highlight-[\w-]+ notranslate"><div class="highlight">.*?<pre[^>]*>(.*?)</pre>', re.DOTALL
)


def blocks(html, *, wrong):
    """Return the blocks of code of a page, as a reader copies them."""
    found = CODE.findall(html)
    return [
        unescape(re.sub("<[^>]*>", "", code)).strip("\n") for classes, code in found if ("wrong" in classes) == wrong
    ]


def test_each_page_shows_the_lines_that_were_tested(site):
    missing = []
    for recipe in RECIPES.values():
        for variant in recipe.broken:
            html = (site / "findings" / f"{variant.stem}.html").read_text()
            for change in fix_for(recipe, variant).changes:
                for text, wrong in ((change.write, False), (change.remove, True)):
                    shown = dedent(text).strip("\n")
                    if shown and shown not in blocks(html, wrong=wrong):
                        missing.append(f"findings/{variant.stem}.html lacks this of {recipe.name}:\n{shown}")
    assert not missing, "\n".join(missing)
