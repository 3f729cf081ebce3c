"""Show the fix for a cause: what to look for in a config, and the lines to write.

``{fix} nginx/idle-timeout`` shows the fix for one proxy, and ``{cures}``, on the page of a cause, for every proxy that
has a broken example. A test copies the lines into the broken config, at the place named here, and runs the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configs import Shown, in_order
from docutils import nodes

from checks.lab.fixes import Change, fix_for, source
from checks.lab.process import LabError
from checks.lab.recipe import RECIPES, Recipe, recipes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata


def block(language: str, text: str, *, wrong: bool = False) -> list[str]:
    """Return a block of code in Markdown.

    more.css marks the wrong ones, and more.js adds a Copy button to the others.
    """
    option = [":class: wrong"] if wrong else []
    return [f"`````{{code-block}} {language}", *option, "", *text.strip("\n").splitlines(), "`````", ""]


def instructions(change: Change, language: str) -> Iterator[str]:
    """Yield one change in Markdown."""
    unless = ", unless your config has it already" if change.once else ""
    if change.remove and change.write:
        yield from ("Replace this, or what corresponds to it in your config:", "")
        yield from block(language, change.remove, wrong=True)
        yield from ("Write instead:", "")
    elif change.remove:
        yield from ("Remove this, or what corresponds to it in your config. Nothing replaces it:", "")
        yield from block(language, change.remove, wrong=True)
    elif change.below or change.above:
        where = f"Below `` {change.below} ``" if change.below else f"Above `` {change.above} ``"
        yield from (f"{where}, add{unless}:", "")
    else:
        yield from (f"At the end of the file, add{unless}:", "")
    if change.write:
        yield from block(language, change.write)


class Fixing(Shown):
    """Base of the directives below."""

    def markdown(self, *lines: str) -> list[nodes.Node]:
        """Return the nodes of these lines, with the file of the code."""
        around = nodes.Element("", *super().markdown(*lines))
        for code in around.findall(nodes.literal_block):
            code["source"] = str(RECIPES)
        return around.children

    def fix(self, recipe: Recipe, finding: str) -> Iterator[str]:
        """Yield what to look for and what to change, in Markdown."""
        try:
            variant = recipe.variant(finding)
            fix = fix_for(recipe, variant)
        except LabError as error:
            raise self.error(str(error)) from error
        changed = recipe.changed(variant)
        for path in (variant, changed, source(recipe)):
            self.env.note_dependency(str(path))
        language = recipe.file.language if changed in recipe.configs else "ini"
        yield from (*fix.look.strip().splitlines(), "")
        for change in fix.changes:
            yield from instructions(change, language)


class ShownFix(Fixing):
    """The fix for one cause and one proxy."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parts."""
        proxy, _, finding = self.arguments[0].partition("/")
        return self.markdown(*self.fix(self.recipe(proxy), finding))


class Cures(Fixing):
    """The fix for the cause of a page, for each proxy that has a broken example."""

    @staticmethod
    def values(recipe: Recipe, finding: str) -> Iterator[str]:
        """Yield what a user changes in the lines to write."""
        written = "\n".join(change.write for change in fix_for(recipe, recipe.variant(finding)).changes)
        used = {name: blank for name, blank in recipe.file.blanks.items() if name[0].isalpha() and name in written}
        if used:
            yield from ("Replace these with your own values:", "")
            yield from (f"- `{name}`: {blank.means}" for name, blank in used.items())
            yield ""

    def run(self) -> list[nodes.Node]:
        """Return a tab for each proxy."""
        finding = Path(self.env.docname).name
        self.env.metadata[self.env.docname]["examples"] = examples(finding)
        made = [recipe for recipe in recipes().values() if any(path.stem == finding for path in recipe.broken)]
        if not made:
            raise self.error(f"there is no checks/recipes/<proxy>/broken/{finding}.patch")
        lines = ["::::{tab-set}", ":sync-group: proxy", ""]
        for recipe in in_order(made):
            page = self.path(Path(self.env.srcdir) / "installation" / "custom" / "reverse-proxy" / f"{recipe.name}.md")
            lines += [f":::{{tab-item}} {recipe.title}", f":sync: {recipe.name}", "", *self.fix(recipe, finding)]
            lines += self.values(recipe, finding)
            lines += [f"The whole config: [{recipe.title}]({page}).", ":::", ""]
        return self.markdown(*lines, "::::")


def examples(finding: str) -> list[str]:
    """Return the broken examples of a cause, as paths below checks/recipes."""
    return sorted(path.relative_to(RECIPES).as_posix() for path in RECIPES.glob(f"*/broken/{finding}.*"))


def outdated(_app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """Return the pages of causes that got or lost a broken example.

    Sphinx reads a page with a folder as its dependency at every build.
    """
    known = {page: data["examples"] for page, data in env.metadata.items() if "examples" in data}
    return [page for page, before in known.items() if before != examples(page.rpartition("/")[2])]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("fix", ShownFix)
    app.add_directive("cures", Cures)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
