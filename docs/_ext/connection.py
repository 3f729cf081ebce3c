"""Test the URL that a reader types: ``{connection-test}`` is a form.

docs/_static/test.js opens the connections, with checks/echo/shared/connection.js.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FORM = """
<form id="connection-test" hidden>
<label for="test-address"><strong>URL of DSS</strong></label>
<input id="test-address" type="text" inputmode="url" autocomplete="off" autocapitalize="none" spellcheck="false"
placeholder="https://dss.example.com" aria-describedby="test-note">
<button type="submit">Test</button>
<p id="test-note">The test connects to this URL only, without your cookies, and takes about 10 seconds.</p>
<div aria-live="polite"></div>
</form>
<noscript><p>This test needs JavaScript.</p></noscript>
"""


SCRIPTS = ["connection.js", "message.js", "ticket-data.js", "ticket.js", "test.js"]


class ConnectionTest(SphinxDirective):
    """A form for the URL."""

    def run(self) -> list[nodes.Node]:
        """Return the form, which the script shows."""
        return [nodes.raw("", FORM, format="html", scripts=SCRIPTS)]


def allow(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Allow connections to other hosts where the form is, and only there."""
    raw = doctree.findall(nodes.raw) if doctree else ()
    context["connects"] = any(each.get("scripts") == SCRIPTS for each in raw)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("connection-test", ConnectionTest)
    app.connect("html-page-context", allow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
