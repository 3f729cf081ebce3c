"""Let readers fill in their own values.

``{blanks} nginx`` explains the blanks of checks/recipes/nginx, and marks them in all code of its page.
docs/_static/blanks.js turns the list into a form, and copies the typed values to the marks.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from checks.lab.recipe import RECIPES, recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

PORT = re.compile(r"(?:(?!/).*[^\w.])?(\d+)")
ADDRESS = re.compile(r"(?:http|ws)s?://\S+")
NAME = re.compile(r"[\w-]+(\.[\w-]+)+")
CODE = re.compile(r'(-console notranslate"><div class="highlight">)?(<(pre|code)\b[^>]*>)(.*?)(?=</\3>)', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
PIECE = re.compile(r"<[^>]*>|&[^;]*;|.", re.DOTALL)
# The line numbers of a hunk are not ports.
HUNK = r"(?m:^@@.*)"
log = logging.getLogger(__name__)


def kind(literal: str) -> str:
    """Return the kind of value for this blank: port, path, host, name, or text."""
    if literal.endswith("PORT") or PORT.fullmatch(literal):
        return "port"
    if literal.startswith("/"):
        return "path"
    if literal.endswith("HOST"):
        return "host"
    return "name" if NAME.fullmatch(literal) else "text"


def changed(literal: str) -> str:
    """Return the part that a reader changes: everything, or the port of `*:80`."""
    port = PORT.fullmatch(literal)
    return port[1] if port else literal


def marked(html: str, kinds: Mapping[str, str], *, urls: bool = False) -> str:
    """Put a <var> around every blank, which Pygments may have cut into several spans.

    Like the lab, this replaces a blank only where it is a whole word. With `urls`, for code that readers open
    rather than configure, it also marks the place after a name, for a port other than the default.
    """
    pieces = PIECE.findall(html)
    places = [place for place, piece in enumerate(pieces) if not piece.startswith("<")]
    text = "".join(unescape(pieces[place]) for place in places)
    words = "|".join(map(re.escape, sorted(kinds, key=len, reverse=True)))
    ports = {changed(literal) for literal in kinds}
    for found in re.finditer(rf"{HUNK}|(?<![\w.])(?:{words})(?!\w|\.\w)", text):
        if found.group() not in kinds:
            continue
        mine = changed(found.group())
        first, *others = places[found.end() - len(mine) : found.end()]
        pieces[first] = f"<var>{escape(mine)}</var>"
        for place in others:
            pieces[place] = ""
        scheme = re.search(r"\b(?:http|ws)(s?)://$", text[: found.start()])
        if urls and scheme and kinds[found.group()] == "name" and text[found.end() : found.end() + 1] != ":":
            port = "443" if scheme[1] else "80"
            pieces[first] += f'<var data-port="{port}"></var>' if port in ports else ""
    return "".join(pieces)


class Blanks(SphinxDirective):
    """The blanks of a recipe, each with its meaning."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list; log a warning if the recipe has no blanks."""
        self.env.note_dependency(str(RECIPES / self.arguments[0] / "recipe.toml"))
        recipe = recipes().get(self.arguments[0])
        blanks = recipe.file.blanks if recipe else {}
        if not blanks:
            log.warning(
                "checks/recipes/%s/recipe.toml declares no blanks", self.arguments[0], location=self.get_location()
            )
            return []
        kinds = {literal: blank.kind or kind(literal) for literal, blank in blanks.items()}
        box = nodes.container("", nodes.paragraph("", "Fill in your own values:"), classes=["blanks"], blanks=kinds)
        # `80` and `*:80` are the same port, so they share a field.
        together: dict[str, list[str]] = {}
        for literal in blanks:
            together.setdefault(changed(literal), []).append(literal)
        box += nodes.definition_list(
            "", *(_item(literals, kinds[literals[0]], blanks[literals[0]].means) for literals in together.values())
        )
        return [box]


def _item(literals: Iterable[str], what: str, means: str) -> nodes.definition_list_item:
    term = nodes.term(classes=[what])
    for literal in literals:
        term += [nodes.Text(", ")] if len(term) else []
        term += nodes.literal(literal, literal, classes=["blank"])
    sentence = nodes.paragraph("", means[:1].upper() + means[1:])
    return nodes.definition_list_item("", term, nodes.definition("", sentence))


def mark(app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mark the blanks in all code of a page that explains them."""
    kinds: dict[str, str] = {}
    for box in doctree.findall(nodes.container) if doctree else []:
        kinds |= box.get("blanks", {})
    if not kinds:
        return

    def code(found: re.Match[str]) -> str:
        console, tag, element, inside = found.groups(default="")
        said = TAG.sub("", inside)
        # A number alone belongs to the sentence, as in "only `443` is allowed".
        if element == "code" and said.isdecimal() and 'class="blank ' not in tag:
            return found.group()
        address = element == "code" and ADDRESS.fullmatch(said)
        return console + tag + marked(inside, kinds, urls=bool(console or address))

    context["body"] = CODE.sub(code, context["body"])
    app.add_js_file("blanks.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("blanks", Blanks)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
