"""Turn pasted text into lines that patterns can be searched in."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from checks.symptoms.regex import compiled

LIMIT = 1_000_000
"""Characters that are read, at most: the first half of a longer text is its beginning, the second its end."""

LINE_BREAKS = compiled("\r\n|[\r\n\u0085\u2028\u2029]")

ESCAPES = compiled("\x1b(?:\\[[0-9;?]*[@-~]|\\][^\x07\x1b\n\r]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")
"""Colours and titles for a terminal."""

INVISIBLE = compiled("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0000-\u0008\u000e-\u001f\u007f]")
BLANKS = compiled("[ \t\u000b\u000c\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")

QUOTES = compiled("\\\\?[\"'`\u00b4\u02bb\u02bc\u2018-\u201f\u2032-\u2035\u00ab\u00bb\u2039\u203a\uff02\uff07]")
DASHES = compiled("[\u2010-\u2015\u2212]")
ENTITIES = {"&quot;": "'", "&#39;": "'", "&#x27;": "'", "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}
ENTITY = compiled("&(?:quot|#39|#x27|apos|lt|gt|amp);")

EACH_LINE = compiled(r"(^|\n)(?:(?:(?:>|&gt;) ?)+|[A-Za-z0-9][\w./-]{0,60} {0,20}\| )")
"""What mail programs and Docker Compose write before every line, also before the rest of a long one."""

QUERY = compiled(r"((?:wss?|https?)://[^ '?#\n]{0,2000})[?#][^ '\n]*")
"""A URL with a query, which may hold any text and is not evidence."""

SOURCE = compiled(
    r"(?:^| )(?:[\w.$<>]{0,79}[\w$>] )?(?:\(anonymous\) )?(?:@ )?\(?"
    r"(?:[^ ()]{1,150}\.(?:m?js|tsx?|jsx|vue|html?)|\(index\)|VM\d{1,6}|<anonymous>)"
    r"(?:\?[^ ()]{0,40}?)?(?::\d{1,7}){0,2}(?:, line \d{1,7}(?::\d{1,7})?)?\)?$"
)
"""Where in its scripts a browser places an error."""

PLACES = re.compile(r"\.(?:m?js|tsx?|jsx|vue|html?)|\(index\)|VM\d|<anonymous>", re.IGNORECASE)
"""What every such place contains."""

TYPOS = {
    "websocket": compiled(r"web[ -]?s(?:oke|ock|occke|okce|coke|oc[e]|ockec)t(?=s?(?![a-z]))"),
    "connect": compiled(r"con(?:ec|nc|nc[e]|enc)t(?=(?:s|ed|ing|ions?|ivity)?(?![a-z]))"),
}
"""Frequent misspellings."""

TAIL = 200
"""Characters at the end of a line where that place is looked for."""

START = compiled(
    r"^(?:\[|\{'|\* |< |- |\$ |\d{4}[-/.]\d\d|\d\d?:\d\d|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[, ]|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3} -|time='?\d|level=|ts=|at [\w.<(]+[ (]"
    r"|WebSocket (?:connection to|network error|closed?|is |error|opening)|Mixed Content|Firefox |Uncaught |Failed to "
    r"|GET |Content[- ]Security[- ]Policy:|Refused to |Connecting to '"
    r"|POST |HTTP/[12.]+ \d|curl: |Traceback |Caused by"
    r"|(?:[Ee]rror|ERROR|WARN(?:ING)?|[Ww]arn(?:ing)?|INFO|DEBUG|NOTICE|CRITICAL|FATAL|[Ff]atal)(?:[:|\]]| [\[\d|:-])"
    r"|[\w.-]+(?:Error|Exception)(?::| \[))",
    case=True,
)
"""How an entry of a console or log begins; such a line never continues the one before."""


class Line(NamedTuple):
    """A line as pasted, and its text without what differs between copies."""

    pasted: str
    text: str


def straight(text: str) -> str:
    """Replace every quotation mark with ' and every dash with -."""
    return DASHES.sub("-", QUOTES.sub("'", text))


def plain(text: str) -> str:
    """Return a text without colours, invisible characters and quote marks."""
    return EACH_LINE.sub(r"\1", LINE_BREAKS.sub("\n", INVISIBLE.sub("", ESCAPES.sub("", text))))


def normal(text: str) -> str:
    """Return a plain text without what differs between copies of it.

    Entities, doubled blanks and queries of URLs are replaced. It has as many lines as before.
    """
    text = ENTITY.sub(lambda found: ENTITIES[found[0].lower()], unicodedata.normalize("NFC", text))
    text = BLANKS.sub(" ", straight(text))
    for right, wrong in TYPOS.items():
        text = wrong.sub(right, text)
    return QUERY.sub(r"\1", text)


def _without_source(line: str) -> str:
    tail = line[-TAIL:]
    return line[:-TAIL] + SOURCE.sub("", tail) if PLACES.search(tail) else line


def shortened(text: str) -> str:
    """Return a text without its middle if it is too long."""
    return text if len(text) <= LIMIT else f"{text[: LIMIT // 2]}\n\n{text[-LIMIT // 2 :]}"


def paragraphs(text: str) -> list[list[Line]]:
    """Return the entries of a text: lines of which one may continue the one before.

    An empty line ends an entry, and so does a line that begins like an entry.
    """
    found: list[list[Line]] = [[]]
    pasted = plain(text)
    for raw, normalised in zip(pasted.split("\n"), normal(pasted).split("\n")):  # Python 3.9 has no strict
        line = Line(raw, _without_source(normalised.strip(" ")))
        if found[-1] and (not line.text or START.match(line.text)):
            found.append([])
        if line.text:
            found[-1].append(line)
    return [lines for lines in found if lines]
