"""Explain the console errors of browsers, from checks/console.json.

``{console-lines} Firefox`` lists the errors of a browser, complete without JavaScript.
``{console-reader}`` is where docs/_static/console.js puts a field for a console error, and explains it from the list.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

DATA = Path(__file__).resolve().parents[2] / "checks" / "console.json"
log = logging.getLogger(__name__)


class Reader(SphinxDirective):
    """The place for a pasted line, with the patterns, so that it works from a disk."""

    def run(self) -> list[nodes.Node]:
        """Return the place, with a hint for browsers without JavaScript."""
        self.env.note_dependency(str(DATA))
        data = json.loads(DATA.read_text(encoding="utf-8"))
        kept = {key: data[key] for key in ("reported", "address", "text", "line")}
        kept["lines"] = [[line["pattern"], len(line["ids"]), line.get("reported", False)] for line in data["lines"]]
        said = escape(json.dumps(kept, ensure_ascii=False, separators=(",", ":")))
        box = f'<div id="console" data-console="{said}"><p>Find your console error in the lists below.</p></div>'
        return [nodes.raw("", box, format="html", console=True)]


class Lines(SphinxDirective):
    """The console errors of one browser, what they mean, and what to try."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the list; log a warning if it is empty."""
        self.env.note_dependency(str(DATA))
        every = enumerate(json.loads(DATA.read_text(encoding="utf-8"))["lines"])
        items = [self._item(number, line) for number, line in every if line["browser"] == self.arguments[0]]
        if not items:
            log.warning("checks/console.json has no line of %s", self.arguments[0], location=self.get_location())
        return [nodes.definition_list("", *items)] if items else []

    def _item(self, number: int, line: dict[str, Any]) -> nodes.definition_list_item:
        term = nodes.term("", "", ids=[f"line-{number}"])
        for shown in line["shown"]:
            term += [nodes.Text(" or ")] if len(term) else []
            term += nodes.literal("", shown)
        means = nodes.paragraph("", "", nodes.Text(f"{line['means']} "), *self._causes(line["ids"]))
        return nodes.definition_list_item("", term, nodes.definition("", means, nodes.paragraph("", "", *_step(line))))

    def _causes(self, ids: list[str]) -> Iterator[nodes.Node]:
        before = {0: "This line names no cause.", 1: "Cause: "}
        yield nodes.Text(before.get(len(ids), "This line cannot tell between "))
        for number, finding in enumerate(ids):
            if number:
                yield nodes.Text(" and " if number == len(ids) - 1 else ", ")
            yield nodes.inline("", "", self._link(finding), classes=["cause"])
        if ids:
            yield nodes.Text(".")

    def _link(self, finding: str) -> nodes.Node:
        page = f"findings/{finding}"
        if page not in self.env.found_docs:
            return nodes.Text(finding)
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference("", finding, refuri=uri, internal=True)


def _step(line: dict[str, Any]) -> Iterator[nodes.Node]:
    """Yield what to try, with commands as code."""
    for number, part in enumerate(line["next"].split("`")):
        yield nodes.literal("", part) if number % 2 else nodes.Text(part)


def load(app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the script on pages that use it."""
    if doctree and any(each.get("console") for each in doctree.findall(nodes.raw)):
        app.add_js_file("console.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("console-reader", Reader)
    app.add_directive("console-lines", Lines)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
