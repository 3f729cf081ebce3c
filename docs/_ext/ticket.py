"""Publish the texts of the ticket for docs/_static/ticket.js.

It writes the ticket as `checks note` does. This also copies the scripts that the site shares with `checks echo`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from checks import findings
from checks.report.ticket import LONGEST, OWNERS, TEXTS
from checks.symptoms import ONLY_IN_BROWSER

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

SHARED = Path(__file__).resolve().parents[2] / "checks" / "echo"
SCRIPTS = ("message.js", "connection.js")


def data() -> str:
    """Return a script that defines the texts, and the causes with whom to ask."""
    causes = {name: _cause(name) for name in findings.ids()}
    content = {"texts": TEXTS, "longest": LONGEST, "causes": causes, "owners": OWNERS, "others": ONLY_IN_BROWSER}
    return f"globalThis.ticketData={json.dumps(content, ensure_ascii=False, separators=(',', ':'))};\n"


def _cause(name: str) -> dict[str, str]:
    rule = findings.cause(name)
    texts = {"title": rule.title, "summary": rule.summary, "fix": rule.fix}
    return {**texts, "page": findings.page(name), "owner": OWNERS[rule.hop]}


def write(app: Sphinx) -> None:
    """Write the data and the shared scripts beside the scripts of the site."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ticket-data.js").write_text(data(), encoding="utf-8")
        for name in SCRIPTS:
            shutil.copy(SHARED / name, folder)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
