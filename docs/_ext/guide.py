"""Lead a reader to the person to ask, and to the message for that person.

``{address}`` is a field for the URL of DSS, which docs/_static/guide.js copies into every message.
``{choice} REPLY`` is a reply that opens what follows from it, with `:open:` and, for links, `:name:`.
``{message} network-team`` is a message from messages.toml, and its content is what the reader has seen.
``{places}`` lists the causes by place, from the rules.
"""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from checks import findings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

MESSAGES = Path(__file__).with_name("messages.toml")
EXAMPLES = {"host": "dss.example.com", "port": "443", "url": "https://dss.example.com"}
"""What stands for the reader's own values where no script fills them in."""

PLACES = {
    "computer": ("On your computer", ("computer",)),
    "company": ("In the network of your company", ("network", "forward proxy", "TLS")),
    "front": ("In front of DSS", ("gateway", "reverse proxy")),
    "anywhere": ("At any of these places", ("any",)),
    "server": ("In DSS itself", ("server",)),
}
"""The places of the diagram `route`, with the hops of the rules."""

FIELD = """<div class="address"><label for="address">URL of your DSS</label>
<input id="address" type="url" inputmode="url" autocomplete="off" autocapitalize="off" spellcheck="false"
placeholder="https://dss.example.com" aria-describedby="address-why">
<p id="address-why">Copy it from the address bar. It fills in the messages, and stays in your browser.</p></div>"""
MESSAGE = """<div class="to-send" role="group" aria-label="Message for {to}"><p class="to">Message for {to}</p>
<div class="words">{words}</div><button class="take" type="button">Copy message</button></div>"""
log = logging.getLogger(__name__)


def messages() -> dict[str, dict[str, Any]]:
    """Return the messages by the id of whom they are for."""
    return tomllib.loads(MESSAGES.read_text(encoding="utf-8"))


def paragraphs(text: str, seen: str) -> Iterator[str]:
    """Yield a message as HTML, with a <var> around each value that the reader has."""
    for paragraph in text.strip().split("\n\n"):
        html = escape(paragraph.replace("{seen}", seen), quote=False).replace("\n", "<br>")
        for name, example in EXAMPLES.items():
            html = html.replace(f"{{{name}}}", f'<var class="{name}">{example}</var>')
        yield f"<p>{html}</p>"


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html", scripts=["guide.js"])


class Address(SphinxDirective):
    """A field for the URL of DSS."""

    def run(self) -> list[nodes.Node]:
        """Return the field, which site.css hides where no script can read it."""
        return [_html(FIELD)]


class Choice(SphinxDirective):
    """A reply to a question, which opens what follows from it."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {"name": directives.unchanged_required, "open": directives.flag}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the reply with its content.

        The name is inside, because a link to a place inside opens the reply.
        """
        inside = nodes.container(classes=["then"])
        self.add_name(inside)
        self.state.nested_parse(StringList(self.content), self.content_offset, inside)
        reply, messages = self.parse_inline(self.arguments[0])
        start = _html(f'<details class="choice"{" open" if "open" in self.options else ""}><summary>')
        return [start, nodes.inline("", "", *reply), _html("</summary>"), inside, _html("</details>"), *messages]


class Message(SphinxDirective):
    """A message to copy."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the message; log a warning if it is not known or if nothing was seen."""
        self.env.note_dependency(str(MESSAGES))
        known, name, seen = messages(), self.arguments[0], " ".join(self.content).strip()
        if name not in known or not seen:
            what = f"no message {name}" if name not in known else f"message {name} has no content: what was seen"
            log.warning("%s; messages.toml has %s", what, ", ".join(known), location=self.get_location())
            return []
        words = "".join(paragraphs(known[name]["text"], seen))
        for page, title in known[name]["links"]:
            if page[1:] not in self.env.found_docs:
                what = f"messages.toml: {name} links to {page}, which is not in docs/"
                log.warning("%s", what, location=self.get_location())
                return []
            url = self.env.app.builder.get_relative_uri(self.env.docname, page[1:])
            words += f'<p><a href="{url}">{escape(title)}</a></p>'
        return [_html(MESSAGE.format(to=escape(known[name]["to"]), words=words))]


class Places(SphinxDirective):
    """The titles of all causes, by place."""

    def run(self) -> list[nodes.Node]:
        """Return a list for each place, nearest to the reader first."""
        if missing := set(findings.HOPS).difference(*(hops for _, hops in PLACES.values())):
            raise self.error(f"{{places}}: PLACES in guide.py has no place for: {', '.join(sorted(missing))}")
        made: list[nodes.Node] = []
        for place, (title, hops) in PLACES.items():
            here = [findings.cause(name) for hop in hops for name in findings.ids() if findings.cause(name).hop == hop]
            for rule in here:
                self.env.note_dependency(findings.source(rule.id))
            inside = nodes.container(ids=[f"place-{place}"])
            # With what users see, this page would be too heavy: findings/index has it.
            lines = [f"- [](/findings/{rule.id}.md)" for rule in here if rule.id != findings.WORKS]
            self.state.nested_parse(StringList(lines, self.get_source_info()[0]), self.content_offset, inside)
            made += [_html(f'<details class="choice"><summary>{escape(title)}</summary>'), inside, _html("</details>")]
        return made


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    for name, directive in {"address": Address, "choice": Choice, "message": Message, "places": Places}.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
