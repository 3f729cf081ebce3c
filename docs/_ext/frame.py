"""Load only what a page uses, and repair the HTML of Sphinx and sphinx-design."""

from __future__ import annotations

import re
import zlib
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

import imagesize
from docutils import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

NEEDS_MORE = re.compile(r'class="[^"]*\b(?:highlight|sd-|blanks|table|bar\b)')
"""What more.css and more.js are for."""

TAG = re.compile(r"<[^>]+>")
IMG = re.compile(r'<img (?=[^>]*src="[^"]*_images/([^"/]+)")(?![^>]*(?:width|height))')
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
HEADING = re.compile(
    r'<h\d>(.*?)(?:<a class="headerlink".*?)?</h\d>|<span class="sd-summary-text">(.*?)</span>', re.DOTALL
)
CAPTION = re.compile(r"<caption>(.*?)(?:<a class=\"headerlink\".*?)?</caption>", re.DOTALL)
HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
CELL = re.compile(r"<td\b([^>]*>(.*?)</td>)", re.DOTALL)
MARK = re.compile(r'([^\s<>]*&nbsp;<button class="proof".*?</button>)')
CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)
PRE = re.compile(r'<span class="pre">([^<]*)</span>')
UNIT = re.compile(r"<pre\b.*?</pre>|<code\b.*?</code>|<[^>]*>|(\d) (?=(?:s|h|[KM]i?B)\b)|(20\d\d-\d\d)\b", re.DOTALL)
BLOCKS = r"</?(?:li|[uo]l|p|d[ltd]|div|details|summary|section|figure|h\d)\b"
BETWEEN = re.compile(rf"({BLOCKS}[^>]*>)\n(?={BLOCKS})")
PROSE, LONG = 10, 20
"""The characters in an average cell of a column with text, rather than with numbers, and in a long word."""

ONE_LINE = 26
"""The characters of a word in code that a phone can show on one line."""


def _plain(html: str) -> str:
    return " ".join(TAG.sub("", html).split())


def _framed(html: str) -> str:
    """Put a frame around each table; more.js names it while it scrolls."""
    headings = [(found.start(), _plain(found[1] or found[2])) for found in HEADING.finditer(html)]

    def framed(table: re.Match[str]) -> str:
        caption = CAPTION.search(table[0])
        above = [heading for place, heading in headings if place < table.start()]
        name = _plain(caption[1]) if caption else f"Table: {above[-1]}" if above else "Table"
        rows = _rows(table[0])
        kind = "table" if rows is None else "table rows"
        return f'<div class="{kind}" data-name="{name.replace(chr(34), "&quot;")}">{rows or table[0]}</div>'

    return TABLE.sub(framed, html)


def _rows(table: str) -> str | None:
    """Return the table with the heads in its cells, if a phone cannot show it.

    Returns None for a table that fits, or of numbers.
    """
    heads = [_plain(head) for head in HEAD.findall(table)]
    rows = [[_plain(cell[1]) for cell in CELL.findall(row)] for row in ROW.findall(table)]
    columns = list(zip(*filter(None, rows), strict=False))
    text = [column for column in columns if sum(map(len, column)) >= PROSE * len(column)]
    fits = len(heads) < 3 and all(len(word) < LONG for row in rows for cell in row for word in cell.split())
    if fits or len(heads) != len(columns) or len(text) < 2:
        return None

    def labelled(row: re.Match[str]) -> str:
        # The first cell of a row is its title.
        labels = iter(["", *(f' data-label="{head}"' for head in heads[1:])])
        return CELL.sub(lambda cell: f"<td{next(labels)}{cell[1]}", row[0])

    return ROW.sub(labelled, table)


def _lean(html: str) -> str:
    """Remove elements, classes and line breaks that no style, script or test uses."""
    html = re.sub(r'<span class="(?:std|doc|xref)[^"]*">(.*?)</span>(?=</a>)', r"\1", html)
    html = html.replace(' align-default"', '"')
    literal = "(?:kbd )?docutils literal notranslate"
    lists = r"toctree-l\d(?: current)?|(?:arabic )?simple"
    html = re.sub(
        rf' class="(?:reference (?:in|ex)ternal|{literal}|{lists}|(?:then )?docutils(?: container)?)"', "", html
    )
    html = re.sub(r'<span class="caption-text">(.*?)</span>(?=</p>)', r"\1", html)
    html = BETWEEN.sub(r"\1", html)
    return CODE.sub(_code, html)


def _code(code: re.Match[str]) -> str:
    """Keep a short word on one line, such as an option.

    A browser breaks lines after a hyphen.
    """

    def word(found: re.Match[str]) -> str:
        return f'<span class="nobr">{found[1]}</span>' if "-" in found[1] and len(found[1]) <= ONE_LINE else found[1]

    return f"<code>{PRE.sub(word, code[1])}</code>"


def _on_one_line(found: re.Match[str]) -> str:
    if found[2]:
        return f'<span class="nobr">{found[2]}</span>'
    return f"{found[1]}\N{NO-BREAK SPACE}" if found[1] else found[0]


def _kept_together(html: str) -> str:
    """Keep on one line what belongs together.

    That is a mark with the last word, a number with its unit, a month, and the keys of a shortcut.
    """
    # A browser may break a line beside a button, also after a space that does not break.
    html = MARK.sub(r'<span class="nobr">\1</span>', html)
    html = UNIT.sub(_on_one_line, html)
    return html.replace("</kbd> <kbd>", "</kbd>&nbsp;<kbd>")


def repaired(html: str) -> str:
    """Add frames to tables, levels to captions, and the current page to menus."""
    html = _framed(html)
    # The label names a radio button, and aria-controls is not allowed there.
    html = re.sub(r'(<label) aria-controls="[^"]*"', r"\1", html)
    html = _kept_together(_lean(html))
    html = html.replace('<a class="current reference internal"', '<a aria-current="page" class="current"')
    return html.replace('class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"')


@cache
def _size(picture: Path) -> str:
    width, height = imagesize.get(picture)
    return f'width="{round(width)}" height="{round(height)}" ' if width > 0 else ""


def _sized(app: Sphinx, body: str) -> str:
    """Add the size of pictures, so that the text does not jump when they load."""
    sources = {name: path for path, name in app.builder.images.items()}

    def sized(match: re.Match[str]) -> str:
        source = sources.get(unquote(match[1]))  # Sphinx itself warns about a missing picture
        return match[0] + (_size(app.srcdir / source) if source else "")

    return IMG.sub(sized, body)


def _preview(app: Sphinx, page: str, context: dict[str, Any], doctree: nodes.document | None) -> Iterator[str]:
    """Yield the tags for search engines and for previews of links.

    The URL and the picture need the URL of the site.
    """
    about = app.env.metadata.get(page, {}).get("description", "")
    if about and 'name="description"' not in context.get("metatags", ""):
        yield f'<meta name="description" content="{escape(about)}">'
    tags = {"type": "website", "site_name": app.config.project}
    tags |= {"title": TAG.sub("", unescape(context.get("title", ""))), "description": about}
    picture = next((image for image in doctree.findall(nodes.image)), None) if doctree else None
    if context.get("pageurl"):
        tags["url"] = context["pageurl"]
        if picture and "://" not in picture["uri"]:
            tags |= {"image": urljoin(tags["url"], picture["uri"]), "image:alt": picture.get("alt", "")}
    yield from (f'<meta property="og:{name}" content="{escape(text)}">' for name, text in tags.items() if text)
    yield f'<meta name="twitter:card" content="{"summary_large_image" if "image" in tags else "summary"}">'


def frame(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load only what the page uses."""
    body = context["body"] = _sized(app, repaired(context.get("body", "")))
    context["repaired"], context["toc"] = repaired, _lean(context.get("toc") or "")
    styles = ("more.css", "site.css") if NEEDS_MORE.search(body) else ("site.css",)
    context["css_files"] = [css for css in context["css_files"] if str(css.filename).endswith(styles)]
    scripts = {str(js.filename).removeprefix("_static/"): js for js in context["script_files"] if js.filename}
    unused = {"documentation_options.js", "doctools.js", "sphinx_highlight.js"}
    if "sd-tab-label" not in body:
        unused.add("design-tabs.js")
    if "more.css" not in styles:
        unused.add("more.js")
    for js in scripts.values():
        js.attributes["defer"] = "defer"  # otherwise the page is shown only when they are loaded
    context["script_files"] = [js for name, js in scripts.items() if name not in unused]
    context["preview"] = "\n".join(_preview(app, page, context, doctree))


def shorten_diffs(app: Sphinx, doctree: nodes.document) -> None:
    """Show the files of a `:diff:` with paths relative to the repository."""
    for block in doctree.findall(nodes.literal_block):
        if block.get("language") == "udiff":
            block.rawsource = block.astext().replace(f"{app.confdir}/", "")
            block[:] = [nodes.Text(block.rawsource)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    # The rules for print in site.css come last.
    app.add_css_file("more.css")
    app.add_css_file("site.css")
    app.add_js_file("site.js", loading_method="defer")
    app.add_js_file("more.js", loading_method="defer")
    app.connect("doctree-read", shorten_diffs)
    # After the extensions that add to the context.
    app.connect("html-page-context", frame, priority=900)
    # A change to an extension makes Sphinx read all pages again.
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return {"env_version": zlib.crc32(code), "parallel_read_safe": True, "parallel_write_safe": True}
