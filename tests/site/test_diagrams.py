"""Diagrams: the build warns about a drawing that readers cannot see or read."""

import pytest
from support.site import ROOT, sphinx

from docs._ext import diagrams

pytestmark = pytest.mark.quick

PAGE = """# A page

```{diagram} not-drawn-yet
:caption: Not drawn

In words.
```

```{diagram} route
```
"""
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 328 99">'
WRONG = {
    "<svg": "is not well-formed XML: unclosed token",
    "<svg/>": "expected an svg element with xmlns and viewBox",
    HEAD.replace("328", "400") + "</svg>": "is 400 wide, expected at most 328",
    HEAD + "<style/></svg>": "has <style>",
    HEAD + '<g style="fill: red"/></svg>': "has style",
    HEAD + '<text font-size="9">small</text></svg>': "has font-size",
    HEAD + '<g onclick="1"/></svg>': "has onclick",
}


def test_a_missing_drawing_caption_or_text_is_a_warning(tmp_path):
    (tmp_path / "index.md").write_text(PAGE)
    printed = sphinx(str(tmp_path), tmp_path / "out").stdout
    for warning in (
        "index.md:3: WARNING: _images/not-drawn-yet.svg does not exist: draw it, or correct the name",
        "index.md:9: WARNING: diagram route has no :caption:",
        "index.md:9: WARNING: diagram route has no content with the same in words",
        "index.md:9: WARNING: _images/route.svg links to /findings/index, which is not in docs/",
    ):
        assert warning in printed


@pytest.mark.parametrize("svg", WRONG, ids=WRONG.values())
def test_a_drawing_that_the_page_cannot_show_is_refused(tmp_path, monkeypatch, svg):
    monkeypatch.setattr(diagrams, "FOLDER", tmp_path)
    (tmp_path / "wrong.svg").write_text(svg)
    with pytest.raises(diagrams.DrawingError) as error:
        diagrams.drawing("wrong", diagrams.NARROW)
    assert WRONG[svg] in str(error.value)


def test_each_drawing_has_ids_of_its_own():
    for file in sorted((ROOT / "_images").glob("*.svg")):
        if file.stem == "architecture":
            continue
        root = diagrams.drawing(file.stem, diagrams.WIDE)
        diagrams.unique(root, "own")
        html = diagrams.smaller(root)
        assert html.count("#own-") >= html.count("url("), f"{file.name} uses an id that another drawing may have"
        assert "xmlns" not in html
