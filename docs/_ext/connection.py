"""Test the URL that a reader types: ``{connection-test}`` is a form.

docs/_static/test.js opens the connections, with checks/echo/connection.js.
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


class ConnectionTest(SphinxDirective):
    """A form for the URL."""

    def run(self) -> list[nodes.Node]:
        """Return the form, which the script shows."""
        return [nodes.raw("", FORM, format="html", connection=True)]


def load(app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the scripts where the form is; only there, allow other hosts."""
    connects = bool(doctree) and any(each.get("connection") for each in doctree.findall(nodes.raw))
    context["connects"] = connects
    for name in ("connection.js", "message.js", "ticket-data.js", "ticket.js", "test.js") if connects else ():
        app.add_js_file(name, loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("connection-test", ConnectionTest)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
