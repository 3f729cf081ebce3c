"""Show the configs of checks/recipes on the pages of the proxies, always in the same way.

``{config} nginx/https.conf`` shows a file, on what it ran, and what each of its lines is for.
``{mistake} nginx/idle-timeout`` begins with the link to the finding; its text says how the mistake is made; the
difference between the broken copy and the config folds out below.
``{cures}``, on the page of a finding, shows that difference for every proxy in which the mistake is made.
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
    """Return the broken copies for a finding, of one proxy or of all (`*`)."""
    found = RECIPES.glob(f"{proxy}/broken/{finding}.*")
    return sorted(path for path in found if path.suffix != ".console")


class Shown(SphinxDirective):
    """What the directives below share: a recipe, paths from the page, and Markdown written by a machine."""

    def recipe(self, proxy: str) -> dict[str, Any]:
        """Return what a recipe declares."""
        declaration = RECIPES / proxy / "recipe.toml"
        self.env.note_dependency(str(declaration))
        return tomllib.loads(declaration.read_text())

    def path(self, target: Path) -> str:
        """Return the way from the page to a file."""
        return os.path.relpath(target, Path(self.env.doc2path(self.env.docname)).parent)

    def cure(self, twin: Path) -> list[str]:
        """Return what shows the way from a broken copy to the config."""
        needs = self.recipe(twin.parents[1].name).get("needs", {}).get(f"broken/{twin.name}", {})
        sound = needs.get("part", f"{'https' if needs.get('https') else 'http'}{twin.suffix}")
        config = twin.parents[1] / sound
        return [f"```{{literalinclude}} {self.path(config)}", f":diff: {self.path(twin)}", "```"]

    def markdown(self, *lines: str) -> list[nodes.Node]:
        """Return what these lines are as part of the page."""
        around = nodes.Element()
        self.state.nested_parse(StringList(list(lines), self.get_source_info()[0]), self.content_offset, around)
        return around.children


class Config(Shown):
    """A file to copy, on what it ran, what each line is for."""

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
            ":::{dropdown} What each line is for: it was taken out, and this was red",
            "",
            f"```{{lines}} {name}",
            "```",
            ":::",
        )


class Mistake(Shown):
    """A mistake that is made with this proxy: which finding it gives, how it is made, what undoes it."""

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
            f"[{finding}]({page})",
            *(f"{'  ' if number else ': '}{line}" for number, line in enumerate(self.content)),
            "",
            "  :::{dropdown} From the mistake to the config above",
            "",
            *(f"  {line}" for line in self.cure(found[0])),
            "  :::",
        )


class Cures(Shown):
    """What undoes the mistake that a page of docs/findings is about, for each proxy that was run with it."""

    def run(self) -> list[nodes.Node]:
        """Return a tab for each proxy."""
        finding = Path(self.env.docname).name
        for folder in RECIPES.glob("*/broken"):
            self.env.note_dependency(str(folder))  # a copy may be added
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
            "From the broken copy of our config to the config itself; what begins with `-` goes, with `+` comes:",
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
