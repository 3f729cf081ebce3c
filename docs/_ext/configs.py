"""Show the configs of checks/recipes on the pages of the proxies, always in the same way.

``{config} nginx/https.conf`` shows a file, on what it ran, and what each of its lines is for.
``{mistake} nginx/idle-timeout`` begins with the link to the finding; its text says how the mistake is made; the
difference between the broken copy and the config folds out below.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

RECIPES = Path(__file__).resolve().parents[2] / "checks" / "recipes"


class Shown(SphinxDirective):
    """What the directives below share: a recipe, paths from the page, and Markdown written by a machine."""

    required_arguments = 1

    def recipe(self) -> dict[str, Any]:
        """Return what the recipe of the argument declares."""
        declaration = RECIPES / self.arguments[0].partition("/")[0] / "recipe.toml"
        self.env.note_dependency(str(declaration))
        return tomllib.loads(declaration.read_text())

    def path(self, target: Path) -> str:
        """Return the way from the page to a file."""
        return os.path.relpath(target, Path(self.env.doc2path(self.env.docname)).parent)

    def markdown(self, *lines: str) -> list[nodes.Node]:
        """Return what these lines are as part of the page."""
        around = nodes.Element()
        self.state.nested_parse(StringList(list(lines), self.get_source_info()[0]), self.content_offset, around)
        return around.children


class Config(Shown):
    """A file to copy, on what it ran, what each line is for."""

    option_spec = {"caption": directives.unchanged_required, "language": directives.unchanged_required}  # noqa: RUF012  # as docutils wants it

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        name, recipe = self.arguments[0], self.recipe()
        place = recipe.get("parts", {}).get(name.partition("/")[2], recipe["installed_as"])
        return self.markdown(
            f"```{{literalinclude}} {self.path(RECIPES / name)}",
            f":language: {self.options.get('language', recipe.get('language', 'text'))}",
            f":caption: {self.options.get('caption', place)}",
            "```",
            "",
            f"```{{last-ran}} {name}",
            "```",
            "",
            ":::{dropdown} What each line is for: it was taken out, and this was red",
            "",
            f"```{{lines}} {name}",
            "```",
            ":::",
        )


class Mistake(Shown):
    """A mistake that is made with this proxy: which finding it gives, how it is made, what undoes it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        proxy, _, finding = self.arguments[0].partition("/")
        twins = [path for path in (RECIPES / proxy / "broken").glob(f"{finding}.*") if path.suffix != ".console"]
        if len(twins) != 1:
            raise self.error(f"there is no checks/recipes/{proxy}/broken/{finding}.*")
        needs = self.recipe().get("needs", {}).get(f"broken/{twins[0].name}", {})
        sound = needs.get("part", f"{'https' if needs.get('https') else 'http'}{twins[0].suffix}")
        page = self.path(Path(self.env.srcdir) / "findings" / f"{finding}.md")
        return self.markdown(
            f"[{finding}]({page})",
            *(f"{'  ' if number else ': '}{line}" for number, line in enumerate(self.content)),
            "",
            "  :::{dropdown} From the mistake to the config above",
            "",
            f"  ```{{literalinclude}} {self.path(RECIPES / proxy / sound)}",
            f"  :diff: {self.path(twins[0])}",
            "  ```",
            "  :::",
        )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("config", Config)
    app.add_directive("mistake", Mistake)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
