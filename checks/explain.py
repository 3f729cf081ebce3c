"""Explain a finding, or a line of a browser's console, in plain text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

from checks import console, findings

WIDTH, INDENT = 80, "  "

EXPECTED = (
    "neither the id of a finding, such as idle-timeout, nor a line of a browser's console about a WebSocket, such as"
    " \"WebSocket connection to 'wss://...' failed: ...\"; put the line in quotes"
)

FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{([\w-]+)\} *(.*)|(.*))$")
PROVEN = re.compile(r" *\{proven\}`[^`]*`")
ROLE = re.compile(r"\{[\w:-]+\}`([^`<]*?)(?: *<[^>`]*>)?`")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
STRONG = re.compile(r"(?<![\w*])(\*{1,2})(?=\S)([^*`]+?)(?<=\S)\1(?![\w*])")
TARGET = re.compile(r"^\([\w-]+\)=$")
ITEM = re.compile(r"^(?:[-*] |\d+\. |: )")


def explain(text: str, read_page: Callable[[str], str]) -> tuple[str, int]:
    """Return what a finding's id or a console line means, and the exit code: 0, or 2 when it is neither."""
    what = text.strip()
    if what in findings.ids():
        return plain(read_page(what) or f"# {what}\n\n{_summary(what)}"), 0
    reading = console.read(text)
    if reading:
        return "\n".join(_read(reading)), 0
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", what):
        return f"there is no finding {_clean(what, 60)}; there are: {', '.join(findings.ids())}", 2
    return f"this is {EXPECTED}", 2


def _read(reading: console.Reading) -> Iterator[str]:
    yield from _wrapped(_clean(reading.line, 300), "")
    yield ""
    yield from _wrapped(reading.means, INDENT)
    yield ""
    causes = [f"{finding}: {_summary(finding)}" for finding in reading.ids]
    if len(causes) > 1:
        yield f"{INDENT}This line cannot tell between:"
    elif not causes:
        yield f"{INDENT}This line names no cause."
    for cause in causes if len(causes) > 1 else ():
        yield from _wrapped(cause, INDENT * 2, INDENT * 3)
    if len(causes) == 1:
        yield from _wrapped(f"Cause: {causes[0]}", INDENT, INDENT * 2)
    yield ""
    yield from _wrapped(f"Next: {reading.next}", INDENT, INDENT * 2)
    if set(reading.ids) & set(findings.ids()):
        yield f"{INDENT}More: explain {reading.ids[0]}" + (", or another of them" if len(causes) > 1 else "")


def _summary(finding: str) -> str:
    try:
        return findings.cause(finding).summary
    except LookupError:  # a cause that the browser alone can see
        return "seen by the browser only"


def _clean(text: str, limit: int) -> str:
    """Return the text with what could steer a terminal taken out."""
    safe = "".join(sign if sign.isprintable() else "?" for sign in text[:limit])
    return safe + ("..." if len(text) > limit else "")


def plain(page: str) -> str:
    """Return the MyST of a finding's page as plain text, its links numbered and listed at the end."""
    links: list[str] = []

    def numbered(link: re.Match[str]) -> str:
        if "://" not in link[2]:
            return link[1]
        if link[2] not in links:
            links.append(link[2])
        return f"{link[1]} [{links.index(link[2]) + 1}]"

    lines = [_inline(LINK.sub(numbered, line)) for line in _without_fences(FRONT.sub("", page).splitlines())]
    body = "\n".join(_laid_out(lines))
    listed = "".join(f"\n[{number}] {url}" for number, url in enumerate(links, 1))
    return re.sub(r"\n{3,}", "\n\n", body).strip() + (f"\n{listed}" if links else "")


def _inline(line: str) -> str:
    return STRONG.sub(r"\2", ROLE.sub(r"\1", PROVEN.sub("", line)))


def _without_fences(lines: list[str]) -> Iterator[str]:
    """Yield the lines, a directive as one that names the files it shows; of the other directives only the text."""
    rest = iter(lines)
    for line in rest:
        fence = FENCE.match(line)
        if not fence:
            yield line
        elif fence[1].startswith("`"):
            inside = []
            for each in rest:
                if each.strip() == fence[1]:
                    break
                inside.append(each)
            yield from _shown(fence[2], fence[3], inside)


def _shown(directive: str | None, argument: str, inside: list[str]) -> Iterator[str]:
    if directive == "literalinclude":
        yield f"    [{_path(argument)}]"
    elif not directive:
        yield from (f"    {each}" for each in inside)


def _path(argument: str) -> str:
    """Return a path as the repository names it."""
    return argument.strip().replace("../", "")


def _laid_out(lines: list[str]) -> Iterator[str]:
    """Yield headings at the left, paragraphs and lists wrapped below them."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        begins = line.startswith(("#", "    ", "|")) or ITEM.match(line) or TARGET.match(line)
        if begins or not line.strip():
            item = bool(paragraph and ITEM.match(paragraph[0]))
            yield from _wrapped(" ".join(paragraph), INDENT, INDENT * 2 if item else INDENT)
            paragraph = []
        if line.startswith("#"):
            yield line.lstrip("# ")
        elif line.startswith(("    ", "|")):
            yield line if len(line) <= WIDTH else line.replace(" compared with ", "\n     compared with ")
        elif line.strip() and not TARGET.match(line):
            paragraph.append(line.strip())
        elif not line.strip():
            yield ""


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    indent = first if rest is None else rest
    wrapper = textwrap.TextWrapper(WIDTH, first, indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text)
