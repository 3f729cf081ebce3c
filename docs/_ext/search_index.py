"""Write the index of the site search, which docs/_static/search.js reads.

The front matter of a page has other names of its subject, as `aliases: [CDN, ALB: aws-alb]`.
An alias with an anchor leads to that section.
With `search: headings`, only its headings are found, and with `search: minor`, other pages come first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import assets
from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from symptoms import page_of
from symptoms import reader as symptom_reader

from checks.symptoms import symptoms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

Section = tuple[str, str, str, str, list[str]]
"""Anchor, heading, text with one sentence a line, the words of its code, and its aliases."""

KINDS = ("", "headings", "minor")
ID = re.compile(r"(?:Cause|Result): [a-z0-9-]+$")
SILENT = nodes.literal_block | nodes.raw | nodes.comment | nodes.system_message | addnodes.toctree
WORD = re.compile(r"[^\W\d_][\w.-]*[\w]")
FOREIGN = re.compile(r"[\u00c0-\uffff](?<![\u2000-\u2bff])")
NOISE = re.compile(r"[a-z]+://\S+|\S*\d\S*", re.IGNORECASE)
log = logging.getLogger(__name__)

TITLE = "\0"
"""Surrounds the name of a page whose title a link shows."""

LINK = re.compile(f"{TITLE}([^{TITLE}]*){TITLE}")
SHARED = 3
"""A sentence on more pages than this says little about each, so it is left out."""


def _plain(node: nodes.Node) -> str:
    """Return the text of a node, without code blocks."""
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, SILENT):
        return ""
    if isinstance(node, addnodes.pending_xref) and not node.astext():
        return f"{TITLE}{node['reftarget']}{TITLE}"
    return "".join(map(_plain, node.children))


def _lines(node: nodes.Node) -> Iterator[str]:
    """Yield the sentences, rows and definitions of a section itself."""
    if isinstance(node, SILENT):
        return
    if isinstance(node, nodes.row):
        cells = [" ".join(_lines(entry)) for entry in node.children]
        numbered = cells[0].isdigit() and len(cells) > 2  # the line of a config
        yield " \u00b7 ".join(filter(None, cells[1:] if numbered else cells))
    elif isinstance(node, nodes.definition_list_item):
        term, *rest = (line for child in node.children for line in _lines(child))
        yield f"{term}: {' '.join(rest[:1])}"
        yield from rest[1:]
    elif isinstance(node, nodes.TextElement):
        heading = isinstance(node, nodes.title) and isinstance(node.parent, nodes.section)
        if not heading and "proof" not in node["classes"]:
            yield from _plain(node).split("\n")
    else:
        for child in node.children:
            if not isinstance(child, nodes.section):
                yield from _lines(child)


def _code(section: nodes.section, text: str) -> str:
    """Return the words of the code in a section that its text does not have."""
    own = [child for child in section.children if not isinstance(child, nodes.section)]
    blocks = [block.astext() for child in own for block in child.findall(nodes.literal_block)]
    known = set(WORD.findall(text))
    return " ".join(word for word in dict.fromkeys(WORD.findall("\n".join(blocks))) if word not in known)


def _sections(doctree: nodes.document, aliases: dict[str, str]) -> Iterator[Section]:
    for section in doctree.findall(nodes.section):
        heading = next((_plain(title) for title in section.children if isinstance(title, nodes.title)), "")
        text = "\n".join(
            line for line in (" ".join(each.split()) for each in _lines(section)) if line and not ID.match(line)
        )
        own = [alias for alias, anchor in aliases.items() if anchor in section["ids"]]
        yield section["ids"][0], heading, text, _code(section, text), own


def _aliases(value: str) -> dict[str, str]:
    """Return the anchor of each alias, empty if it is about the whole page."""
    items = json.loads(value) if value.startswith("[") else value.split(",")
    pairs = [pair for item in items for pair in (item.items() if isinstance(item, dict) else [(item, "")])]
    return {str(alias).strip(): str(anchor) for alias, anchor in pairs if str(alias).strip()}


def read(app: Sphinx, doctree: nodes.document) -> None:
    """Keep what the index needs to know about a page."""
    meta = app.env.metadata[app.env.docname]
    described = [each["content"] for each in doctree.findall(nodes.meta) if each.get("name") == "description"]
    kind = meta.get("search", "")
    if kind not in KINDS:
        log.warning("search: expected one of %s; got %r", ", ".join(KINDS[1:]), kind, location=app.env.docname)
    aliases = _aliases(str(meta.get("aliases", "")))
    sections = list(_sections(doctree, aliases))
    ids = {anchor for section in doctree.findall(nodes.section) for anchor in section["ids"]}
    for alias, anchor in aliases.items():
        if anchor and anchor not in ids:
            log.warning("aliases: %s: the page has no #%s", alias, anchor, location=app.env.docname)
    if kind == "headings":
        sections = [(anchor, heading, "", "", own) for anchor, heading, _, _, own in sections]
    _pages(app.env)[app.env.docname] = {
        "description": described[0] if described else "",
        "aliases": [alias for alias, anchor in aliases.items() if not anchor],
        "kind": kind,
        "sections": sections,
        "ids": ids,
    }


def _pages(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Return what is known about each page, kept between builds."""
    if not hasattr(env, "search_pages"):
        env.search_pages = {}  # type: ignore[attr-defined]
    return env.search_pages  # type: ignore[attr-defined,no-any-return]


def forget(_app: Sphinx, env: BuildEnvironment, page: str) -> None:
    """Forget a page that is gone, or is read again."""
    _pages(env).pop(page, None)


def merge(_app: Sphinx, env: BuildEnvironment, _pages_read: list[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    _pages(env).update(_pages(other))


def _messages(pages: list[str], known: dict[str, dict[str, Any]]) -> Iterator[list[Any]]:
    """Yield each known message with the places of its pages.

    These are its texts, more of its words, its causes' pages, and where it is listed.
    """
    for symptom in symptoms():
        shown = " \u00b7 ".join(symptom.shown)
        words = set(map(str.lower, WORD.findall(shown)))
        # What programs print is shown; people's own words, and other languages, are only among the examples.
        examples = [text for text in symptom.examples if symptom.most_lines or FOREIGN.search(text)]
        more = dict.fromkeys(WORD.findall(NOISE.sub("", " ".join(examples))))
        causes = [pages.index(name) for cause in symptom.causes if (name := f"findings/{cause}") in known]
        anchor = nodes.make_id(f"family-{symptom.family}")
        where = [pages.index(name) for name, page in known.items() if anchor in page["ids"]][:1]
        yield [shown, " ".join(word for word in more if word.lower() not in words), causes, where, anchor]


def _toctree(app: Sphinx) -> list[str]:
    """Return the pages in the order of the menu, then those that it does not list."""
    found: list[str] = []
    waiting = [app.config.root_doc]
    while waiting:
        page = waiting.pop(0)
        if page not in found:
            found.append(page)
            waiting[:0] = app.env.toctree_includes.get(page, [])
    known = _pages(app.env)
    return [page for page in found if page in known] + sorted(known.keys() - set(found))


def _distinct(page: dict[str, Any]) -> set[str]:
    return {line for _, _, text, *_ in page["sections"] for line in text.split("\n")}


def index(app: Sphinx) -> dict[str, Any]:
    """Return the pages and messages, ready for JSON."""
    known, order = _pages(app.env), _toctree(app)
    pages_with = Counter(line for page in known.values() for line in _distinct(page))

    def shown(text: str) -> str:
        titles = app.env.titles
        own = [line for line in text.split("\n") if pages_with[line] <= SHARED or len(line.split()) < 4]
        return LINK.sub(lambda link: titles[link[1]].astext() if link[1] in titles else "", "\n".join(own))

    return {
        "pages": [
            [
                app.builder.get_target_uri(name),
                page["description"],
                page["aliases"],
                page["kind"],
                [[anchor, heading, shown(text), *rest] for anchor, heading, text, *rest in page["sections"]],
            ]
            for name in order
            for page in [known[name]]
        ],
        "messages": list(_messages(order, known)),
    }


def turn_off(app: Sphinx) -> None:
    """Let Sphinx write no index and no search page of its own."""
    if app.builder.format == "html":
        app.builder.search = False  # type: ignore[attr-defined]


def search_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Write the index, then yield the page that loads it."""
    assets.write(app, "search-index.js", assets.constant("searchIndex", index(app)))
    yield "search", {}, "search.html"


def load(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None) -> None:
    """Load the search on the pages that search."""
    if page not in {"search", app.config.notfound_pagename}:
        return
    if page == "search":
        context["symptom_reader"] = symptom_reader(lambda cause: page_of(app, page, cause))
        app.add_js_file("guide.js", loading_method="defer")
    for script in ("search-index.js", "search.js"):
        app.add_js_file(script, loading_method="defer")


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Delete the scripts of the theme, which the search of Sphinx needs."""
    if app.builder.format == "html" and not error:
        for folder in app.builder.theme.get_theme_dirs():  # type: ignore[attr-defined]
            for script in (Path(folder) / "static").glob("*.js*"):
                (Path(app.outdir) / "_static" / script.name.removesuffix(".jinja")).unlink(missing_ok=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.connect("builder-inited", turn_off)
    # After the extensions that change what is on the page.
    app.connect("doctree-read", read, priority=900)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    # Before notfound, whose page loads the index too.
    app.connect("html-collect-pages", search_page, priority=400)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", load)
    app.connect("build-finished", tidy)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 2}
