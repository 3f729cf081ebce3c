"""Turn the MyST page of a cause into plain text for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .text import INDENT, WIDTH, wrap

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{([\w-]+)\} *(.*)|(.*))$")
PROVEN = re.compile(r" *\{proven\}`[^`]*`")
ROLE = re.compile(r"\{[\w:-]+\}`([^`<]*?)(?: *<[^>`]*>)?`")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
STRONG = re.compile(r"(?<![\w*])(\*{1,2})(?=\S)([^*`]+?)(?<=\S)\1(?![\w*])")
TARGET = re.compile(r"^(?:\([\w-]+\)=|\{[.#][\w-]+\})$")
ITEM = re.compile(r"^(?:[-*] |\d+\. |: )")


def plain(page: str) -> str:
    """Return the page as plain text, its links numbered and listed at the end."""
    links: list[str] = []

    def numbered(link: re.Match[str]) -> str:
        if "://" not in link[2]:
            return link[1]
        if link[2] not in links:
            links.append(link[2])
        return f"{link[1]} [{links.index(link[2]) + 1}]"

    body = _without_fences(FRONT_MATTER.sub("", page).splitlines())
    text = "\n".join(_laid_out([_inline(LINK.sub(numbered, line)) for line in body]))
    urls = "".join(f"\n[{number}] {url}" for number, url in enumerate(links, 1))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + (f"\n{urls}" if links else "")


def _inline(line: str) -> str:
    return STRONG.sub(r"\2", ROLE.sub(r"\1", PROVEN.sub("", line)))


def _without_fences(lines: list[str]) -> Iterator[str]:
    """Yield the lines without directives.

    A directive that shows a file becomes the path of the file, and of the others only the text remains.
    """
    rest = iter(lines)
    for line in rest:
        fence = FENCE.match(line)
        if not fence:
            yield line
        elif fence[1].startswith("`"):
            block = []
            for inner in rest:
                if inner.strip() == fence[1]:
                    break
                block.append(inner)
            yield from _block(fence[2], fence[3], block)


def _block(directive: str | None, argument: str, block: list[str]) -> Iterator[str]:
    if directive == "literalinclude":
        yield f"    [{argument.strip().replace('../', '')}]"
    elif directive == "diagram":
        yield from (line for line in block if not line.startswith(":caption:"))
    elif directive == "confirm":
        yield "    " + " ".join(filter(None, ["diagnose https://dss.example.com", argument.strip()]))
    elif not directive:
        yield from (f"    {line}" for line in block)


def _laid_out(lines: list[str]) -> Iterator[str]:
    """Yield headings, with wrapped and indented paragraphs and lists below."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        starts = line.startswith(("#", "    ", "|")) or ITEM.match(line) or TARGET.match(line)
        if starts or not line.strip():
            item = bool(paragraph and ITEM.match(paragraph[0]))
            yield from wrap(" ".join(paragraph), INDENT, INDENT * 2 if item else INDENT)
            paragraph = []
        if line.startswith("#"):
            yield line.lstrip("# ")
        elif line.startswith(("    ", "|")):
            yield line if len(line) <= WIDTH else line.replace(" compared with ", "\n     compared with ")
        elif line.strip() and not TARGET.match(line):
            paragraph.append(line.strip())
        elif not line.strip():
            yield ""
