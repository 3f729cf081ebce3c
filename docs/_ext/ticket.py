"""Publish the texts of the ticket, and name the owner of a cause on its page.

docs/_static/ticket.js writes the ticket as `checks note` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import assets
from docutils import nodes
from sphinx import addnodes

from checks import findings
from checks.report.ticket import LONGEST, OWNERS, TEXTS
from checks.symptoms import ONLY_IN_BROWSER

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

MESSAGES = "troubleshooting/problems/websockets"
"""The page with a message for each owner."""


def data() -> str:
    """Return a script that defines the texts, and the causes with whom to ask."""
    causes = {name: _cause(name) for name in findings.ids()}
    content = {"texts": TEXTS, "longest": LONGEST, "causes": causes, "owners": OWNERS, "others": ONLY_IN_BROWSER}
    return assets.constant("ticketData", content)


def _cause(name: str) -> dict[str, str]:
    rule = findings.cause(name)
    texts = {"title": rule.title, "summary": rule.summary, "fix": rule.fix}
    return {**texts, "page": findings.page(name), "owner": OWNERS[rule.hop]}


def write(app: Sphinx) -> None:
    """Write the data beside the scripts of the site."""
    assets.write(app, "ticket-data.js", data())


def whom_to_ask(app: Sphinx, doctree: nodes.document) -> None:
    """Name the owner of a cause below the first sentence of its page.

    The link leads to the messages to send.
    """
    folder, _, name = app.env.docname.rpartition("/")
    about = next((node for node in doctree.findall(nodes.paragraph) if "cause" in node["classes"]), None)
    if folder != "findings" or name not in findings.ids() or not about:
        return
    app.env.note_dependency(findings.source(name))
    section = about.parent
    link = addnodes.pending_xref(
        "", nodes.inline("", "Whom to ask"), refdomain="std", reftype="doc", reftarget=f"/{MESSAGES}", refexplicit=True
    )
    owner = nodes.strong("", OWNERS[findings.cause(name).hop])
    section.insert(section.index(about) + 2, nodes.paragraph("", "", link, nodes.Text(": "), owner, nodes.Text(".")))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    app.connect("doctree-read", whom_to_ask)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
