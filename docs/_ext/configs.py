"""Show the configs of checks/recipes in the same way on the pages of all proxies.

``{config} nginx/https.conf`` shows a file, the tested versions, and what each of its lines does.
``{mistake} nginx/idle-timeout`` shows the title of a cause with a link to its page, and the text of the directive,
which describes the mistake. A dropdown has the difference between the broken example and the config.
``{cures}``, on the page of a cause, shows that difference for every proxy that has a broken example.
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


def twins(proxy: str, finding: str) -> list[Path]:
    """Return the broken variants for a finding, of one proxy or of all (`*`)."""
    found = RECIPES.glob(f"{proxy}/broken/{finding}.*")
    return sorted(path for path in found if path.suffix != ".console")


class Shown(SphinxDirective):
    """Base of the directives below: read a recipe, resolve paths, render Markdown."""

    def recipe(self, proxy: str) -> dict[str, Any]:
        """Return the content of a recipe.toml."""
        declaration = RECIPES / proxy / "recipe.toml"
        self.env.note_dependency(str(declaration))
        return tomllib.loads(declaration.read_text())

    def path(self, target: Path) -> str:
        """Return the path of a file relative to the page."""
        return os.path.relpath(target, Path(self.env.doc2path(self.env.docname)).parent)

    def cure(self, twin: Path) -> list[str]:
        """Return a directive that shows the change from a broken variant to the config."""
        needs = self.recipe(twin.parents[1].name).get("needs", {}).get(f"broken/{twin.name}", {})
        sound = needs.get("part", f"{'https' if needs.get('https') else 'http'}{twin.suffix}")
        config = twin.parents[1] / sound
        return [f"```{{literalinclude}} {self.path(config)}", f":diff: {self.path(twin)}", "```"]

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
        recipe = self.recipe(proxy)
        place = recipe.get("parts", {}).get(file, recipe["installed_as"])
        return self.markdown(
            f"```{{literalinclude}} {self.path(RECIPES / name)}",
            f":language: {self.options.get('language', recipe.get('language', 'text'))}",
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


class Mistake(Shown):
    """A common mistake with a proxy: its cause, how it happens, and the fix."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        proxy, _, finding = self.arguments[0].partition("/")
        found = twins(proxy, finding)
        if len(found) != 1:
            raise self.error(f"there is no checks/recipes/{proxy}/broken/{finding}.*")
        page = self.path(Path(self.env.srcdir) / "findings" / f"{finding}.md")
        return self.markdown(
            f"[]({page}) `{finding}`",  # without a text, MyST shows the title of the page
            *(f"{'  ' if number else ': '}{line}" for number, line in enumerate(self.content)),
            "",
            "  :::{dropdown} Show the fix",
            "",
            *(f"  {line}" for line in self.cure(found[0])),
            "  :::",
        )


class Cures(Shown):
    """The fix for the cause of a page, for each proxy that has a broken example."""

    def run(self) -> list[nodes.Node]:
        """Return a tab for each proxy."""
        finding = Path(self.env.docname).name
        for folder in RECIPES.glob("*/broken"):
            self.env.note_dependency(str(folder))  # a broken variant may be added
        named = {self.recipe(twin.parents[1].name)["title"]: twin for twin in twins("*", finding)}
        if not named:
            raise self.error(f"there is no checks/recipes/<proxy>/broken/{finding}.*")
        lines = ["::::{tab-set}", ":sync-group: proxy", ""]
        for title, twin in sorted(named.items(), key=lambda item: (item[0] != "nginx", item[0].lower())):
            proxy = twin.parents[1].name
            page = self.path(Path(self.env.srcdir) / "installation" / "custom" / "reverse-proxy" / f"{proxy}.md")
            lines += [f":::{{tab-item}} {title}", f":sync: {proxy}", "", *self.cure(twin), ""]
            lines += [f"The whole config: [{title}]({page}).", ":::", ""]
        return self.markdown(
            "The change from a broken example to our config: remove lines with `-`, and add lines with `+`.",
            "",
            *lines,
            "::::",
        )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("config", Config)
    app.add_directive("mistake", Mistake)
    app.add_directive("cures", Cures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
