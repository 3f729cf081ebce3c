"""Write a Markdown copy of each page beside it, llms.txt, and sitemap.xml.

The copies are for programs and for people who paste a page into a ticket. They show what the page shows: included files
are expanded, and links lead to the other copies. sitemap.xml needs the URL of the site, SITE_URL.
"""

from __future__ import annotations

import posixpath
import re
from functools import singledispatchmethod
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

SPECIAL = re.compile(r"[\\*<\[]")
DRAWN = re.compile(r"<(svg|button)\b.*?</\1>", re.DOTALL)
ANCHOR = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
BREAK = re.compile(r"</(?:p|div|li)>|<br>")
TAG = re.compile(r"<[^>]+>")
SKIPPED = (nodes.meta, nodes.comment, nodes.colspec, nodes.substitution_definition, nodes.pending, addnodes.toctree)


def indented(lines: Iterable[str], first: str, rest: str = "") -> Iterator[str]:
    """Yield the lines with an indentation, which differs for the first."""
    for number, line in enumerate(lines):
        yield f"{rest if number else first}{line}".rstrip()


def tight(lines: Iterable[str]) -> list[str]:
    """Return the lines without empty ones at the start and the end."""
    return "\n".join(lines).strip("\n").split("\n")


class Markdown:
    """The Markdown of one page."""

    def __init__(self, app: Sphinx, page: str) -> None:
        """Prepare a page; `page` is its name."""
        self.builder: Any = app.builder
        self.page = page
        self.level = 0

    def link(self, url: str) -> str:
        """Return the URL of the copy instead of that of a page."""
        place, mark, anchor = url.partition("#")
        if "://" not in place and place.endswith(".html"):
            place = f"{place.removesuffix('.html')}.md"
        return f"{place}{mark}{anchor}"

    def text(self, node: nodes.Node) -> str:
        """Return what is inside a node, in one line."""
        return " ".join("".join(map(self.inline, node.children)).split())

    def inline(self, node: nodes.Node) -> str:
        """Return one inline node."""
        match node:
            case nodes.Text():
                made = SPECIAL.sub(r"\\\g<0>", node.astext())
            case nodes.literal():
                ticks, space = ("``", " ") if "`" in node.astext() else ("`", "")
                made = f"{ticks}{space}{node.astext()}{space}{ticks}"
            case nodes.emphasis():
                made = f"*{self.text(node)}*"
            case nodes.strong():
                made = f"**{self.text(node)}**"
            case nodes.image():
                made = f"![{node.get('alt', '')}]({node['uri']})"  # the page is written, so this is its URL
            case addnodes.download_reference():
                name = node.get("filename", node.get("refuri", ""))
                made = f"[{self.text(node)}]({posixpath.join(self.builder.dlpath, name)})"
            case nodes.reference():
                url = node.get("refuri") or f"#{node.get('refid', '')}"
                made = f"[{self.text(node)}]({self.link(url)})"
            case nodes.raw():
                made = " ".join(self.raw(node))
            case _:
                made = "".join(map(self.inline, node.children))
        return made

    @singledispatchmethod
    def block(self, node: Any) -> Iterator[str]:
        """Yield the lines of a block, with an empty line at its end."""
        if isinstance(node, nodes.Text | nodes.Inline | nodes.TextElement):
            if text := self.inline(node).strip():
                # At this place, these are replies, and the labels of tabs and dropdowns.
                yield from (f"**{text}**", "")
        elif not isinstance(node, SKIPPED) and "toctree-wrapper" not in node["classes"]:
            yield from self.blocks(node)

    def blocks(self, node: nodes.Node) -> Iterator[str]:
        """Yield the lines of all blocks inside a node."""
        for child in node.children:
            yield from self.block(child)

    @block.register(nodes.section)
    def _(self, node: nodes.section) -> Iterator[str]:
        self.level += 1
        yield from self.blocks(node)
        self.level -= 1

    @block.register(nodes.title)
    def _(self, node: nodes.title) -> Iterator[str]:
        of_section = isinstance(node.parent, nodes.section)
        yield from (f"{'#' * self.level} {self.text(node)}" if of_section else f"**{self.text(node)}**", "")

    @block.register(nodes.caption)
    def _(self, node: nodes.caption) -> Iterator[str]:
        of_code = isinstance(node.next_node(descend=False, siblings=True), nodes.literal_block)
        yield from (f"`{node.astext()}`:" if of_code else self.text(node), "")

    @block.register(nodes.paragraph)
    @block.register(nodes.attribution)
    def _(self, node: nodes.Element) -> Iterator[str]:
        if text := self.text(node):
            yield from (text, "")

    @block.register(nodes.image)
    @block.register(nodes.reference)
    def _(self, node: nodes.Element) -> Iterator[str]:
        yield from (self.inline(node), "")

    @block.register(nodes.raw)
    def _(self, node: nodes.raw) -> Iterator[str]:
        for line in self.raw(node):
            yield from (line, "")

    def raw(self, node: nodes.raw) -> Iterator[str]:
        """Yield the text in HTML, but not drawings and forms, which need the page."""
        html = DRAWN.sub("", node.astext())
        if "<input" in html or "<textarea" in html:
            return
        html = re.sub(r"<summary>(.+?)</summary>", r"<p>**\1**</p>", html, flags=re.DOTALL)
        html = ANCHOR.sub(lambda found: f"[{found[2]}]({self.link(found[1])})", html)
        for line in BREAK.split(html):
            if text := " ".join(unescape(TAG.sub("", line)).split()):
                yield text

    @block.register(nodes.literal_block)
    def _(self, node: nodes.literal_block) -> Iterator[str]:
        code = node.astext().rstrip("\n")
        fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", code)), 3)
        language = node.get("language", "text")
        yield from (f"{fence}{language}", *code.split("\n"), fence, "")

    @block.register(nodes.bullet_list)
    @block.register(nodes.enumerated_list)
    def _(self, node: nodes.Element) -> Iterator[str]:
        for number, item in enumerate(node.children, node.get("start", 1)):
            sign = f"{number}. " if isinstance(node, nodes.enumerated_list) else "- "
            yield from indented(tight(self.blocks(item)), sign, " " * len(sign))
        yield ""

    @block.register(nodes.definition_list)
    def _(self, node: nodes.definition_list) -> Iterator[str]:
        for item in node.children:
            terms = ", ".join(self.text(part) for part in item.children if isinstance(part, nodes.term))
            definition = item.children[-1]
            name = terms if "*" in terms or "[" in terms else f"**{terms}**"
            joined = ": " if isinstance(next(iter(definition.children), None), nodes.paragraph) else ""
            lines = tight(self.blocks(definition))
            yield from indented([f"{name}{joined}{lines[0]}" if joined else name, *lines[bool(joined) :]], "- ", "  ")
        yield ""

    @block.register(nodes.table)
    def _(self, node: nodes.table) -> Iterator[str]:
        rows = [[self.cell(entry) for entry in row.children] for row in node.findall(nodes.row)]
        if not any(True for _ in node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        for title in node.findall(nodes.title):
            yield from (self.text(title), "")
        for number, row in enumerate(rows):
            yield f"| {' | '.join(row)} |"
            if not number:
                yield f"|{'---|' * len(row)}"
        yield ""

    def cell(self, node: nodes.Node) -> str:
        """Return a cell of a table in one line."""
        return " ".join(line for line in self.blocks(node) if line).replace("|", "\\|")

    @block.register(nodes.Admonition)
    @block.register(nodes.block_quote)
    def _(self, node: nodes.Element) -> Iterator[str]:
        yield from indented(tight(self.blocks(node)), "> ", "> ")
        yield ""


def description(doctree: nodes.document) -> str:
    """Return the description of a page: its own, or else its first paragraph."""
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return str(meta["content"])
    paragraphs = (" ".join(each.astext().split()) for each in doctree.findall(nodes.paragraph))
    return next((text for text in paragraphs if text and not text.startswith("Cause: ")), "")


def remember(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the description of a page for llms.txt and for previews."""
    app.env.metadata[app.env.docname]["description"] = description(doctree)


def write_copy(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Write the copy of a page, and let the page link to it."""
    if doctree is None:
        return
    lines = list(Markdown(app, page).blocks(doctree))
    if context.get("pageurl"):
        lines += [f"Source: <{context['pageurl']}>", ""]
    path = Path(app.outdir) / f"{page}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n", encoding="utf-8")
    context["copy"] = f"{page.rpartition('/')[2]}.md"


def menu(app: Sphinx) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading of the menu with its pages, then those that are in no menu."""
    includes, listed = app.env.toctree_includes, {app.config.root_doc}

    def below(page: str) -> Iterator[str]:
        listed.add(page)
        yield page
        for child in includes.get(page, []):
            yield from below(child)

    for tree in app.env.get_doctree(app.config.root_doc).findall(addnodes.toctree):
        yield tree.get("caption") or "Pages", [page for entry in tree["includefiles"] for page in below(entry)]
    yield "Optional", sorted(app.env.found_docs - listed - {"search"})


def write_lists(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt and, if the URL of the site is known, sitemap.xml."""
    if error or app.builder.name != "html":
        return
    env, out, base = app.env, Path(app.outdir), app.config.html_baseurl
    lines = [f"# {app.config.project}", "", f"> {env.metadata[app.config.root_doc].get('description', '')}", ""]
    for heading, pages in menu(app):
        if pages:
            lines += [f"## {heading}", ""]
            lines += [f"- [{env.titles[page].astext()}]({base}{page}.md): {summary(app, page)}" for page in pages]
            lines += [""]
    (out / "llms.txt").write_text("\n".join(lines), encoding="utf-8")
    if base:
        urls = "".join(f"<url><loc>{escape(f'{base}{page}.html')}</loc></url>\n" for page in sorted(env.found_docs))
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        sitemap = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{space}">\n{urls}</urlset>\n'
        (out / "sitemap.xml").write_text(sitemap, encoding="utf-8")


def summary(app: Sphinx, page: str) -> str:
    """Return the description of a page."""
    return str(app.env.metadata[page].get("description", ""))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("doctree-read", remember)
    app.connect("html-page-context", write_copy)
    app.connect("build-finished", write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
