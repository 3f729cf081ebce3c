"""Let readers fill in their own values.

``{blanks} nginx`` is a form for the blanks of checks/recipes/nginx, and marks them in all code of its page.
Without a recipe, each line of its content is a blank: ``dss.example.com: the host name of DSS``.
docs/_static/blanks.js copies the typed values to the marks. Without JavaScript, a list explains the blanks.
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
        own = changed(found.group())
        first, *others = places[found.end() - len(own) : found.end()]
        pieces[first] = f"<var>{escape(own)}</var>"
        for place in others:
            pieces[place] = ""
        scheme = re.search(r"\b(?:http|ws)(s?)://$", text[: found.start()])
        if urls and scheme and kinds[found.group()] == "name" and text[found.end() : found.end() + 1] != ":":
            port = "443" if scheme[1] else "80"
            pieces[first] += f'<var data-port="{port}"></var>' if port in ports else ""
    return "".join(pieces)


class Blanks(SphinxDirective):
    """A form for the blanks of a recipe, or of the content."""

    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the form; log a warning if there are no blanks."""
        found = self._of_recipe(self.arguments[0]) if self.arguments else self._of_content()
        if not found:
            named = f"checks/recipes/{self.arguments[0]}/recipe.toml" if self.arguments else "{blanks}"
            log.warning("%s declares no blanks", named, location=self.get_location())
            return []
        # `80` and `*:80` are the same port, so they share a field.
        together: dict[str, list[str]] = {}
        for literal in found:
            together.setdefault(changed(literal), []).append(literal)
        fields = [(key, *found[literals[0]], literals) for key, literals in together.items()]
        kinds = {literal: kind for literal, (kind, _) in found.items()}
        listed = nodes.definition_list("", *(_item(literals, means) for _, _, means, literals in fields))
        rows = "".join(_row(number, *field[:3]) for number, field in enumerate(fields))
        parts = [_html(FORM.format(rows=rows)), nodes.paragraph("", "Replace these with your own values:"), listed]
        return [nodes.container("", *parts, _html("</noscript>"), classes=["blanks"], blanks=kinds)]

    def _of_recipe(self, name: str) -> dict[str, tuple[str, str]]:
        """Return kind and meaning of each blank of a recipe."""
        self.env.note_dependency(str(RECIPES / name / "recipe.toml"))
        recipe = recipes().get(name)
        blanks = recipe.file.blanks if recipe else {}
        return {literal: (blank.kind or kind(literal), _sentence(blank.means)) for literal, blank in blanks.items()}

    def _of_content(self) -> dict[str, tuple[str, str]]:
        """Return kind and meaning of each blank of the content."""
        pairs = [line.rpartition(": ") for line in self.content if line]
        return {literal: (kind(literal), _sentence(means)) for literal, _, means in pairs}


def _sentence(means: str) -> str:
    return means[:1].upper() + means[1:]


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


# On a wide screen, site.css shows the form in its place. The list in <noscript> follows.
FORM = """
<button class="for-blanks" type="button" popovertarget="blanks">Fill in your own values</button>
<div id="blanks" popover role="group" aria-labelledby="blanks-title">
<p id="blanks-title">Fill in your own values</p>
<div>{rows}</div>
<p>Your values fill in every snippet and command on this page. They stay in your browser.
<span><button class="reset" type="button">Reset</button>
<button class="done" type="button" popovertarget="blanks" popovertargetaction="hide">Done</button></span></p>
</div>
<noscript>
"""


def _row(number: int, key: str, what: str, means: str) -> str:
    """Return the field of one blank: its label, the entry, and the place of an error."""
    mode = ' inputmode="numeric"' if what == "port" else ""
    return (
        f'<div><label for="blank-{number}">{escape(means)}</label>'
        f'<input id="blank-{number}" class="{what}" placeholder="{escape(key)}" aria-describedby="blank-{number}-why"'
        f' autocomplete="off" autocapitalize="off" spellcheck="false"{mode}>'
        f'<p id="blank-{number}-why" aria-live="polite"></p></div>\n'
    )


def _item(literals: Iterable[str], means: str) -> nodes.definition_list_item:
    term = nodes.term()
    for literal in literals:
        term += [nodes.Text(", ")] if len(term) else []
        term += nodes.literal(literal, literal, classes=["blank"])
    return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", means)))


def mark(app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mark the blanks in all code of a page that explains them."""
    kinds: dict[str, str] = {}
    for box in doctree.findall(nodes.container) if doctree else []:
        kinds |= box.get("blanks", {})
    if not kinds:
        return

    def code(found: re.Match[str]) -> str:
        console, tag, element, inside = found.groups(default="")
        text = TAG.sub("", inside)
        # A number alone belongs to the sentence, as in "only `443` is allowed".
        if element == "code" and text.isdecimal() and 'class="blank ' not in tag:
            return found.group()
        address = element == "code" and ADDRESS.fullmatch(text)
        return console + tag + marked(inside, kinds, urls=bool(console or address))

    context["body"] = CODE.sub(code, context["body"])
    app.add_js_file("blanks.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("blanks", Blanks)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
