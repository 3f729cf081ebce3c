"""Show the configs of checks/recipes in the same way on the pages of all proxies.

``{config} nginx/https.conf`` shows a file, the tested versions, and what each of its lines does.
``{mistake} nginx/idle-timeout`` shows the title of a cause with a link to its page, and the text of the directive,
which describes the mistake. A dropdown has the fix.
``{each-recipe} echo`` shows the file `echo.*` of each recipe that has one, in a tab.
``{keys} recipe.toml`` lists the keys of a file that the lab reads, ``{values}`` the values in its templates.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from checks.lab import programs, recipe_file, schema
from checks.lab.process import LabError
from checks.lab.recipe import RECIPES, Recipe, recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class Shown(SphinxDirective):
    """Base of the directives below: read a recipe, resolve paths, render Markdown."""

    def recipe(self, proxy: str) -> Recipe:
        """Return a recipe, or raise an error for the page."""
        self.env.note_dependency(str(RECIPES / proxy / "recipe.toml"))
        try:
            known = recipes()
        except LabError as error:
            raise self.error(str(error)) from error
        if proxy not in known:
            raise self.error(f"there is no recipe {proxy!r}; there are: {', '.join(known)}")
        return known[proxy]

    def path(self, target: Path) -> str:
        """Return the path of a file relative to the page."""
        return os.path.relpath(target, Path(self.env.doc2path(self.env.docname)).parent)

    def markdown(self, *lines: str) -> list[nodes.Node]:
        """Return the nodes of these lines of Markdown."""
        around = nodes.Element()
        self.state.nested_parse(StringList(list(lines), self.get_source_info()[0]), self.content_offset, around)
        return around.children


class Config(Shown):
    """A file to copy, the tested versions, and what each line does."""

    required_arguments = 1
    option_spec = {"caption": directives.unchanged_required, "language": directives.unchanged_required}  # noqa: RUF012  # as docutils wants it

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        name = self.arguments[0]
        proxy, _, file = name.partition("/")
        declared = self.recipe(proxy).file
        place = declared.parts.get(file, declared.installed_as)
        return self.markdown(
            f"```{{literalinclude}} {self.path(RECIPES / name)}",
            f":language: {self.options.get('language', declared.language)}",
            f":caption: {self.options.get('caption', place)}",
            "```",
            "",
            f"```{{last-ran}} {name}",
            "```",
            "",
            ":::{dropdown} What each line does, and the check that fails without it",
            "",
            f"```{{lines}} {name}",
            "```",
            ":::",
        )


class EachRecipe(Shown):
    """The file of this name, of each recipe that has one."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a tab for each proxy."""
        lines = ["::::{tab-set}", ":sync-group: proxy", ""]
        for recipe in in_order(recipes().values()):
            for file in recipe.folder.glob(f"{self.arguments[0]}.*"):
                language = recipe.file.language
                lines += [f":::{{tab-item}} {recipe.title}", f":sync: {recipe.name}", ""]
                lines += [f"```{{literalinclude}} {self.path(file)}", f":language: {language}", "```", ":::"]
        return self.markdown(*lines, "::::")


def in_order(found: Iterable[Recipe]) -> list[Recipe]:
    """Return recipes in the order of tabs: nginx, then by title."""
    return sorted(found, key=lambda recipe: (recipe.name != "nginx", recipe.title.lower()))


class Mistake(Shown):
    """A common mistake with a proxy: its cause, how it happens, and the fix."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        proxy, _, finding = self.arguments[0].partition("/")
        page = self.path(Path(self.env.srcdir) / "findings" / f"{finding}.md")
        return self.markdown(
            f"[]({page}) `{finding}`",  # without a text, MyST shows the title of the page
            *(f"{'  ' if number else ': '}{line}" for number, line in enumerate(self.content)),
            "",
            "  :::{dropdown} Show the fix",
            "",
            f"  ```{{fix}} {proxy}/{finding}",
            "  ```",
            "  :::",
        )


class Keys(Shown):
    """The keys of a file that the lab reads, from the class that reads it."""

    required_arguments = 1
    FILES = {"recipe.toml": recipe_file.RecipeFile, "programs.toml": programs.Program}  # noqa: RUF012  # constant

    def run(self) -> list[nodes.Node]:
        """Return a definition list."""
        if self.arguments[0] not in self.FILES:
            raise self.error(f"{{keys}}: expected one of: {', '.join(self.FILES)}; got {self.arguments[0]}")
        for module in (RECIPES.parent / "lab").glob("*.py"):
            self.env.note_dependency(str(module))
        return self.markdown(*self.lines(self.FILES[self.arguments[0]]))

    @staticmethod
    def lines(kind: type) -> Iterator[str]:
        """Yield the list in Markdown."""
        for entry in schema.entries(kind):
            kind_of = f"{entry.kind[0].upper()}{entry.kind[1:]}"
            required = ", required" if entry.required else ""
            default = (
                f" Default: `{entry.default}`." if isinstance(entry.default, str | float) and entry.default else ""
            )
            example = f" Example: `` {entry.example} ``" if entry.example else ""
            yield from (f"`{entry.name}`", f": {entry.meaning}", f"  {kind_of}{required}.{default}{example}", "")


class Values(Shown):
    """The values that the lab fills in a template."""

    def run(self) -> list[nodes.Node]:
        """Return a definition list."""
        self.env.note_dependency(str(recipe_file.__file__))
        lines = [(f"`{{{name}}}`", f": {meaning}", "") for name, meaning in recipe_file.VALUES.items()]
        return self.markdown(*(part for line in lines for part in line))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("config", Config)
    app.add_directive("each-recipe", EachRecipe)
    app.add_directive("mistake", Mistake)
    app.add_directive("keys", Keys)
    app.add_directive("values", Values)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
