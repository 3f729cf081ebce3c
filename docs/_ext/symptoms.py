"""Explain what people paste, from checks/symptoms.

``{symptom-reader}`` is a field: docs/_static/guide.js loads symptoms.js, which explains what is pasted there.
``{symptom-list}`` lists the texts of every family, or of the named ones, complete without JavaScript.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import assets
import ticket
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from checks import findings
from checks.symptoms import ONLY_IN_BROWSER, Symptom, families, symptoms
from checks.symptoms.export import for_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).resolve().parents[2] / "checks" / "symptoms"
HEADINGS = {
    "Chromium": "Chrome and Edge",
    "DSS": "What DSS shows",
    "Error pages": "Pages with an error",
    "Jupyter in the browser": "What Jupyter shows",
    "Network tab": "The Network tab of the developer tools",
    "Plain words": "In your own words",
    "Tools": "Tools that test WebSocket",
    "close code": "Close codes",
    "status code": "Status codes",
}
"""Headings of families, where the name of the family is not one."""

LOWER_CASE = ("curl", "lighttpd", "nginx")
"""Names that keep their first letter at the start of a heading."""

FIELD = """
<label for="symptom-text"><strong>Paste console errors, log lines, or your own words</strong></label>
<textarea id="symptom-text" rows="4" spellcheck="false" autocomplete="off" aria-describedby="symptom-note"
placeholder="WebSocket connection to 'wss://…' failed: …"></textarea>
<p id="symptom-note">What you paste stays in your browser.</p>
<div aria-live="polite"></div>
<noscript><p>Find your text in <a href="MESSAGES">the list of known messages</a>.</p></noscript>
"""
"""The field. Without JavaScript, site.css hides it."""

log = logging.getLogger(__name__)


def data() -> str:
    """Return a script that defines the data."""
    return assets.constant("symptomData", for_page())


def _version() -> str:
    """Return a short digest of the scripts that the field loads."""
    scripts = [assets.STATIC / "symptoms.js", assets.STATIC / "ticket.js", assets.SHARED / "message.js"]
    texts = [data(), ticket.data(), *(path.read_text(encoding="utf-8") for path in scripts)]
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:8]


def titles() -> dict[str, str]:
    """Return the title of each cause."""
    return {**{name: findings.cause(name).title for name in findings.ids()}, **ONLY_IN_BROWSER}


def page_of(app: Sphinx, docname: str, cause: str) -> str:
    """Return the URL of a cause's page relative to another page, or an empty text."""
    page = f"findings/{cause}"
    return app.builder.get_relative_uri(docname, page) if page in app.env.found_docs else ""


def reader(url_of: Callable[[str], str]) -> str:
    """Return the HTML of the field, with where the pages of the causes are."""
    urls = {name: url_of(name) for name in titles()}
    # Most causes have a page, so the short list is that of the others.
    without = " ".join(name for name, url in urls.items() if not url)
    folder = next((url.removesuffix(f"{name}.html") for name, url in urls.items() if url), "")
    field = FIELD.replace("MESSAGES", f"{folder}../reference/messages.html")
    return (
        f'<div id="symptom" data-version="{_version()}" data-folder="{folder}" data-without="{without}">{field}</div>'
    )


class _Directive(SphinxDirective):
    def page_of(self, cause: str) -> str:
        """Return the URL of a cause's page relative to this page, or an empty text."""
        return page_of(self.env.app, self.env.docname, cause)

    def depend(self) -> None:
        """Read this page again when the data changes."""
        for file in FOLDER.iterdir():
            if file.suffix in {".json", ".py"}:
                self.env.note_dependency(str(file))


class Reader(_Directive):
    """A field, with where the pages of the causes are."""

    def run(self) -> list[nodes.Node]:
        """Return the field, with a hint for browsers without JavaScript."""
        self.depend()
        return [nodes.raw("", reader(self.page_of), format="html", scripts=["guide.js"])]


class Lists(_Directive):
    """What programs print and people write, and what it means."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return a section for each family, and log a warning for an unknown one."""
        self.depend()
        wanted = [name.strip() for name in self.arguments[0].split(";")] if self.arguments else families()
        made: list[nodes.Node] = []
        for family in wanted:
            items = [self._item(symptom) for symptom in symptoms() if symptom.family == family]
            if not items:
                log.warning("checks/symptoms has no family %s", family, location=self.get_location())
                continue
            plain = family if family.startswith(LOWER_CASE) else family[0].upper() + family[1:]
            heading = HEADINGS.get(family, plain)
            section = nodes.section("", nodes.title("", heading), nodes.definition_list("", *items))
            section["ids"] = [nodes.make_id(f"family-{family}")]
            section["names"] = [nodes.fully_normalize_name(heading)]
            made.append(section)
        return made

    def _item(self, symptom: Symptom) -> nodes.definition_list_item:
        term = nodes.term()
        for shown in symptom.shown:
            term += [nodes.Text(" or ")] if len(term) else []
            term += nodes.literal("", shown)
        # With every meaning, this page would be heavier than the rest of the site.
        meaning = self._causes(symptom.causes) if symptom.causes else _with_code(f"{symptom.means} {symptom.next}")
        return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", "", *meaning)))

    def _causes(self, causes: tuple[str, ...]) -> Iterator[nodes.Node]:
        for number, cause in enumerate(causes):
            yield nodes.Text(", " if number else "Cause: " if len(causes) == 1 else "Possible causes: ")
            title, page = titles().get(cause, cause), self.page_of(cause)
            link = nodes.reference("", title, refuri=page, internal=True) if page else nodes.Text(title)
            yield nodes.inline("", "", link, classes=["cause"])
        if causes:
            yield nodes.Text(".")


def _with_code(text: str) -> Iterator[nodes.Node]:
    """Yield a text, with commands as code."""
    for number, part in enumerate(text.split("`")):
        yield nodes.literal("", part) if number % 2 else nodes.Text(part)


def write(app: Sphinx) -> None:
    """Write the data beside the script that loads it."""
    assets.write(app, "symptoms-data.js", data())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("symptom-reader", Reader)
    app.add_directive("symptom-list", Lists)
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
