"""Put a drawing from _images into the page, with its text and links.

``{diagram} NAME`` with `:caption:` shows _images/NAME.svg, and its content is the diagram in words.
NAME.svg fits a phone: its viewBox is at most 328 wide. NAME-wide.svg, if it exists, replaces it on wide screens.
A drawing has no colours and no fonts: site.css styles its classes, also in the dark and in forced colours.
A link in it is a page from docs/, such as `/findings/idle-timeout#fix`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).resolve().parents[2] / "_images"
NARROW, WIDE = 328, 736
"""The width of the text on a screen of 360 px, and on a large one. A wider drawing would shrink its text."""

SVG = "http://www.w3.org/2000/svg"
FORBIDDEN = {"style", "script", "image", "foreignObject", "animate", "set"}
"""Elements that the Content-Security-Policy blocks, or that site.css cannot style."""

IDREF = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")
log = logging.getLogger(__name__)
ET.register_namespace("", SVG)


class DrawingError(Exception):
    """What a writer must change in a drawing."""


def drawing(name: str, widest: int) -> ET.Element:
    """Return the root of a drawing.

    Raises DrawingError if a page cannot show it as it is.
    """
    file = FOLDER / f"{name}.svg"
    if not file.exists():
        raise DrawingError(f"_images/{name}.svg does not exist: draw it, or correct the name")
    try:
        root = ET.parse(file).getroot()  # noqa: S314  # a file of this repository
    except ET.ParseError as error:
        raise DrawingError(f"_images/{name}.svg is not well-formed XML: {error}") from error
    box = (root.get("viewBox") or "").split()
    if root.tag != f"{{{SVG}}}svg" or len(box) != 4:
        raise DrawingError(f"_images/{name}.svg: expected an svg element with xmlns and viewBox")
    if float(box[2]) > widest:
        raise DrawingError(f"_images/{name}.svg is {box[2]} wide, expected at most {widest}")
    for element in root.iter():
        tag = element.tag.removeprefix(f"{{{SVG}}}")
        wrong = [name for name in element.attrib if name == "style" or name.startswith(("on", "font", "{"))]
        if tag in FORBIDDEN or wrong:
            found = ", ".join(wrong) or f"<{tag}>"
            raise DrawingError(f"_images/{name}.svg has {found}: use only shapes, text and the classes in site.css")
    return root


def unique(root: ET.Element, prefix: str) -> None:
    """Put a prefix before each id of a drawing, and before each use of it."""
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name == "href" or "url(#" in value:
                element.set(name, IDREF.sub(lambda found: f"{prefix}-{found[0]}", value))


def smaller(root: ET.Element) -> str:
    """Return a drawing as HTML, without the blanks between its elements."""
    for element in root.iter():
        if element.tag != f"{{{SVG}}}text":
            element.text = (element.text or "").strip()
        if element.tag != f"{{{SVG}}}tspan":
            element.tail = (element.tail or "").strip()
    html = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    return html.replace(f' xmlns="{SVG}"', "").replace(" />", "/>")


class Diagram(SphinxDirective):
    """A drawing with a caption, and the same in words."""

    required_arguments = 1
    has_content = True
    option_spec = {"caption": directives.unchanged_required}  # noqa: RUF012  # as docutils wants it

    def run(self) -> list[nodes.Node]:
        """Return the figure; log a warning for each thing that is missing or wrong."""
        name, caption = self.arguments[0], self.options.get("caption", "")
        for needed, what in ((caption, ":caption:"), (self.content, "content with the same in words")):
            if not needed:
                log.warning("diagram %s has no %s", name, what, location=self.get_location())
        anchor = self.anchor(name)
        figure = nodes.figure("", classes=["diagram"], ids=[anchor])
        figure += [nodes.raw("", html, format="html") for html in self.drawings(name, anchor)]
        inline, messages = self.parse_inline(caption)
        figure += nodes.caption("", "", nodes.inline("", "", *inline, ids=[f"{anchor}-caption"]))
        words = nodes.legend("")
        words += nodes.raw("", f'<details id="{anchor}-words"><summary>The diagram in words</summary>', format="html")
        self.state.nested_parse(StringList(self.content), self.content_offset, words)
        words += nodes.raw("", "</details>", format="html")
        figure += words
        return [figure, *messages]

    def anchor(self, name: str) -> str:
        """Return an id for the figure; a page may show a drawing twice."""
        number = self.env.new_serialno(f"diagram-{name}")
        return f"diagram-{name}-{number + 1}" if number else f"diagram-{name}"

    def drawings(self, name: str, anchor: str) -> Iterator[str]:
        """Yield the HTML of the drawing, and of its wide variant if there is one."""
        wide = f"{name}-wide"
        two = (FOLDER / f"{wide}.svg").exists()
        for each, widest in ((name, NARROW), (wide, WIDE)) if two else ((name, NARROW),):
            self.env.note_dependency(str(FOLDER / f"{each}.svg"))
            try:
                root = drawing(each, widest)
            except DrawingError as error:
                log.warning("%s", error, location=self.get_location())
                continue
            self.link(root, each)
            unique(root, f"{anchor}{'-wide' if each == wide else ''}")
            # With role="img", a screen reader would not find the links.
            linked = root.find(f".//{{{SVG}}}a") is not None
            box = root.get("viewBox", "").split()
            root.attrib |= {"role": "group" if linked else "img", "aria-labelledby": f"{anchor}-caption"}
            root.attrib |= {"width": box[2], "height": box[3], "aria-describedby": f"{anchor}-words"}
            if two:
                root.set("class", "wide" if each == wide else "narrow")
            yield smaller(root)

    def link(self, root: ET.Element, name: str) -> None:
        """Turn each link into the URL of a page."""
        for link in root.iter(f"{{{SVG}}}a"):
            page, _, anchor = link.get("href", "").partition("#")
            if page and page[1:] not in self.env.found_docs:
                where = self.get_location()
                log.warning("_images/%s.svg links to %s, which is not in docs/", name, page, location=where)
            elif page:
                url = self.env.app.builder.get_relative_uri(self.env.docname, page[1:])
                link.set("href", url + (f"#{anchor}" if anchor else ""))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("diagram", Diagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
