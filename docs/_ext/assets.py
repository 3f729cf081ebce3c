"""Publish small stylesheets and scripts, and load scripts where they are needed.

Published files have no comments and no indentation. Their sources are in docs/_static, and in checks/echo/shared those
that `checks echo` has too. A raw node names the scripts of its HTML in `scripts`: its page loads them in that order,
after site.js.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

STATIC = Path(__file__).resolve().parents[1] / "_static"
SHARED = Path(__file__).resolve().parents[2] / "checks" / "echo" / "shared"
FIRST = ("elements.js", "site.js")
"""Every page needs the first script, so it becomes the start of the second one, without a request of its own."""

COMMENT = {".css": re.compile(r"/\*.*?\*/", re.DOTALL), ".js": re.compile(r"^\s*//.*$", re.MULTILINE)}
INDENT = re.compile(r"\s*\n\s*")


def smaller(text: str, suffix: str) -> str:
    """Return a stylesheet or a script without comments and indentation.

    A script keeps its lines, because JavaScript ends statements with them.
    """
    text = INDENT.sub("\n", COMMENT[suffix].sub("", text)).strip()
    if suffix == ".css":
        text = re.sub(r"(?<=[{};,])\n|\n(?=})", "", text)
        text = re.sub(r"(?<=[:,;]) | (?=\{)|;(?=})", "", text)
    return f"{text}\n"


def constant(name: str, value: object) -> str:
    """Return a script that defines a global constant.

    A page on a disk can load a script, but cannot fetch data or import a module.
    """
    return f"globalThis.{name}={json.dumps(value, ensure_ascii=False, separators=(',', ':'))};\n"


def write(app: Sphinx, name: str, script: str) -> None:
    """Write a generated script beside the others, if the site is HTML."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(script, encoding="utf-8")


def publish(app: Sphinx) -> None:
    """Let Sphinx copy smaller files instead of the sources."""
    folder = Path(app.doctreedir) / "static"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STATIC, folder)
    shutil.copytree(SHARED, folder, dirs_exist_ok=True)
    for file in folder.rglob("*.*"):
        if file.suffix in COMMENT:
            file.write_text(smaller(file.read_text(encoding="utf-8"), file.suffix), encoding="utf-8")
    first, second = (folder / name for name in FIRST)
    second.write_text(first.read_text(encoding="utf-8") + second.read_text(encoding="utf-8"), encoding="utf-8")
    first.unlink()
    # Extensions add folders of their own.
    own = [str(folder) if app.confdir / entry == STATIC else entry for entry in app.config.html_static_path]
    app.config.html_static_path = own


def load(app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the scripts that the raw nodes of a page name."""
    for raw in doctree.findall(nodes.raw) if doctree else ():
        for name in raw.get("scripts", ()):
            app.add_js_file(name, loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", publish)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
