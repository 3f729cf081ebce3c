"""Publish stylesheets and scripts without comments and indentation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

STATIC = Path(__file__).resolve().parents[1] / "_static"
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
    return text


def publish(app: Sphinx) -> None:
    """Let Sphinx copy smaller files instead of those in docs/_static."""
    folder = Path(app.doctreedir) / "static"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STATIC, folder)
    for file in folder.rglob("*.*"):
        if file.suffix in COMMENT:
            file.write_text(smaller(file.read_text(encoding="utf-8"), file.suffix) + "\n", encoding="utf-8")
    # Extensions add folders of their own.
    own = [str(folder) if app.confdir / entry == STATIC else entry for entry in app.config.html_static_path]
    app.config.html_static_path = own


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
