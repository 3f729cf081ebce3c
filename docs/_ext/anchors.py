"""Keep the anchors that headings had before: docs/anchors.toml lists them.

A key is the present anchor of a heading, its value the former one. `{title}` is the heading of the page, and `{name}`
the name of its file.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FORMER = Path(__file__).resolve().parents[1] / "anchors.toml"


def former_anchors(page: str) -> Iterator[tuple[str, str]]:
    """Yield the present and the former anchor of each heading of a page that had one."""
    name = page.rpartition("/")[2]
    for pattern, anchors in tomllib.loads(FORMER.read_text(encoding="utf-8")).items():
        if fnmatch(page, pattern) and not (name == "index" and "*" in pattern):
            yield from ((present, former.format(name=name)) for present, former in anchors.items())


def add_former_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Give each heading its former anchor too."""
    app.env.note_dependency(str(FORMER))
    sections = list(doctree.findall(nodes.section))
    by_anchor = {anchor: section for section in sections for anchor in section["ids"]}
    targets = by_anchor | dict(zip(["{title}"], sections, strict=False))
    for present, former in former_anchors(app.env.docname):
        if present in targets and former not in by_anchor:
            targets[present]["ids"].append(former)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the anchors whenever a page is read."""
    app.connect("doctree-read", add_former_anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
