"""Publish the texts of the ticket for docs/_static/ticket.js.

That script writes the ticket as `checks note` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import assets

from checks import findings
from checks.report.ticket import LONGEST, OWNERS, TEXTS
from checks.symptoms import ONLY_IN_BROWSER

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
