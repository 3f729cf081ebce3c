"""Extract the texts that people read from a file, with their lines."""

import ast
import gc
import io
import itertools
import json
import re
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

MASK = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Replaces each character of code, of a quotation and of a value."""

CODE = re.compile(r"(`{1,3})(?!`)[^`]+?\1|“[^”]*”|\"[^\"\n]{1,80}\"|(?<!\w)'[^'\n]{1,80}'(?!\w)|https?://[^\s)>]+")

EXTENSIONS = {"attrs_block", "attrs_inline", "colon_fence", "deflist"}
MARKDOWN = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)

DIRECTIVE = re.compile(r"\{([\w-]+)\} *(.*)")
PROSE_DIRECTIVES = {"figure"}
"""Directives whose content is prose also in a backtick fence."""

TITLED = {"dropdown", "grid-item-card", "tab-item"}
"""Directives whose argument is a title that people read."""

DATA = {
    "checks/lint/rules.json": {"says", "says_known", "says_unsure", "source"},
    "checks/recipes/*/fixes.toml": {"look"},
    "checks/recipes/*/recipe.toml": {"means", "because"},
    "checks/symptoms/*.json": {"means", "next"},
    "docs/_ext/messages.toml": {"text"},
}
"""Files of data, and the keys in them whose values people read."""

NO_PROSE = {"compile", "endswith", "findall", "finditer", "fullmatch", "match", "partition", "removeprefix"}
NO_PROSE |= {"removesuffix", "replace", "search", "split", "startswith", "sub", "write_bytes", "write_text"}
"""Functions whose arguments are text to look for, or files."""

NOT_READ = (ast.JoinedStr, ast.Compare, ast.Subscript, ast.match_case)
"""Syntax in which a literal is data; a literal in a JoinedStr is read with it."""

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
"""Syntax with a docstring; a string after the assignment of a constant is a comment."""

RAISED = {"error", "exit", "fail"}
PRINTED = {"print", "skip", "warn"}
"""Functions whose arguments people read, as errors or as messages."""


@dataclass(frozen=True)
class Text:
    """One text, with code masked."""

    kind: str
    """One of KINDS in rules.py; an error is a message that is raised."""

    text: str

    line: int
    """Line of the file on which the text begins."""

    source: tuple[str, ...] = field(default=(), repr=False)
    """Lines of the file to search, for a text without the line breaks of the file."""

    def line_at(self, position: int) -> int:
        """Return the line of the file that holds a position of the text."""
        if not self.source:
            return self.line + self.text.count("\n", 0, position)
        for size in (40, 20, 10):
            words = self.text[position : position + size].partition(MASK)[0].strip()
            for number, line in enumerate(self.source if words else ()):
                if words in line:
                    return self.line + number
        return self.line


def texts_of(path: Path, name: str) -> Iterator[Text]:
    """Yield the texts of a file; `name` is its path in the checkout."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from page_texts(source)
    elif path.suffix == ".py":
        yield from python_texts(source, in_tests=name.startswith("tests/"))
    elif path.suffix != ".json":
        yield from comments_of(source)
    for pattern, keys in DATA.items():
        if Path(name).match(pattern):
            yield from data_texts(source, json.loads(source) if path.suffix == ".json" else tomllib.loads(source), keys)


def masked(text: str) -> str:
    """Replace code, quotations and links by masks of the same length."""
    return CODE.sub(lambda code: re.sub(r"[^\n]", MASK, code[0]), text)


# Pages


def page_texts(source: str, first: int = 1) -> Iterator[Text]:
    """Yield the blocks, cells and titles of a page, also inside directives."""
    kind, row, quoted = "page", 0, 0
    for token in MARKDOWN.parse(source):
        quoted += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "heading_open":
            kind = "heading"
        elif token.type == "heading_close":
            kind = "page"
        elif token.type == "tr_open" and token.map:
            row = token.map[0]
        elif token.type == "front_matter":
            yield from _description(token.content, first)
        elif token.type in {"fence", "colon_fence"} and not quoted:
            yield from _directive(token, first)
        elif token.type == "inline" and not quoted:
            text = "".join(map(_inline, token.children or ()))
            yield Text(kind, masked(text), first + (token.map[0] if token.map else row))


def _inline(token) -> str:
    """Return what people read of an inline token."""
    if token.type == "text":
        return token.content
    if token.type in {"softbreak", "hardbreak"}:
        return "\n"
    if token.type == "image":
        return token.content
    if token.type == "myst_role" and token.meta.get("name") == "proven":
        return ""
    # A span of code may go over two lines.
    return re.sub(r"[^\n]", MASK, token.content) if token.content else ""


def _description(front_matter: str, first: int) -> Iterator[Text]:
    """Yield the description of a page, which search engines show."""
    words = ((yaml.safe_load(front_matter) or {}).get("myst") or {}).get("html_meta", {}).get("description")
    if words:
        line = next(n for n, line in enumerate(front_matter.splitlines(), 1) if "description:" in line)
        yield Text("page", masked(words), first + line)


def _directive(token, first: int) -> Iterator[Text]:
    """Yield the title and the content of a directive, unless it shows a file or code."""
    named = DIRECTIVE.match(token.info.strip())
    if not named:
        return
    begin = first + token.map[0]
    if named[1] in TITLED and named[2]:
        yield Text("heading", masked(named[2]), begin)
    if token.type == "colon_fence" or named[1] in PROSE_DIRECTIVES:
        # Options become empty lines, so that lines keep their numbers.
        content = re.sub(r"\A(?::[\w-]+:.*\n?)+", lambda options: "\n" * options[0].count("\n"), token.content)
        yield from page_texts(content, begin + 1)
        for alt in re.finditer(r"(?m)^:alt: (.*)", token.content):
            yield Text("page", masked(alt[1]), begin + 1 + token.content.count("\n", 0, alt.start()))


# Python


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module.

    In CPython 3.11, a garbage collection that ends a greenlet in the middle of `ast.parse` makes it raise SystemError.
    """
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def python_texts(source: str, *, in_tests: bool = False) -> Iterator[Text]:
    """Yield docstrings, messages, names of tests, and comments of a module."""
    lines = source.splitlines()
    parents: dict[ast.AST, ast.AST] = {}
    nodes: list[ast.AST] = [parsed(source)]
    for node in nodes:  # grows
        children = list(ast.iter_child_nodes(node))
        parents |= dict.fromkeys(children, node)
        nodes += children
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Text("name", node.name, node.lineno)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and isinstance(parents.get(node), ast.Expr):
            first = parents[node] is getattr(parents[parents[node]], "body", [None])[0]
            owner = isinstance(parents[parents[node]], DOCUMENTED)
            yield Text("docstring" if first and owner else "comment", masked(node.value), node.lineno)
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            kind = _kind_of(node, parents, in_tests=in_tests)
            if kind:
                part = tuple(lines[node.lineno - 1 : node.end_lineno])
                yield Text(kind, masked(_joined(node)), node.lineno, part)
    yield from _comments(source)


def _joined(node: ast.AST) -> str:
    """Return the text of a literal; masks stand for the values in it."""
    if isinstance(node, ast.Constant):
        return re.sub(r"%\(\w+\)s|%[sd]", MASK, str(node.value))
    return "".join(_joined(part) if isinstance(part, ast.Constant) else MASK for part in node.values)


def _kind_of(node: ast.AST, parents: dict[ast.AST, ast.AST], *, in_tests: bool) -> str:
    """Tell a message from data: whether it is raised, printed, or looks like prose."""
    kind, child = "", node
    while not isinstance(child, ast.stmt):
        parent = parents[child]
        name = ""
        if isinstance(parent, ast.Call) and child is not parent.func:
            name = getattr(parent.func, "attr", getattr(parent.func, "id", ""))
        if isinstance(parent, NOT_READ) or name in NO_PROSE or (isinstance(parent, ast.Dict) and child in parent.keys):
            return ""
        if isinstance(parent, ast.Raise) or name in RAISED:
            kind = "error"
        elif name in PRINTED or getattr(parent, "arg", "") in {"help", "reason"} or child is getattr(parent, "msg", 0):
            kind = kind or "message"
        child = parent
    if kind:
        return kind if _is_prose(_joined(node), 2) else ""
    return "message" if not in_tests and _is_prose(_joined(node), 4) else ""


def _is_prose(text: str, words: int) -> bool:
    """Tell whether a text has enough plain words and does not look like code."""
    text = masked(text)
    if re.search(r"\\[a-zA-Z.]|\(\?|\[\^|[{}]|</|\.\*|<\w+>|=\S*&|^[A-Z-]+ /|^\s*[-\w]+: \S+\r?$", text):
        return False
    return len(re.findall(r"(?<![^\s(])[A-Za-z][a-z'\u2019]*(?![^\s,.;:?!)])", text)) >= words


def _comments(source: str) -> Iterator[Text]:
    """Yield comments; those on lines that follow one another are one text."""
    block: list[str] = []
    first, last, column = 0, -1, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or re.match(r"#(!|\s*(noqa|type|docs|fmt|pragma|ruff)\b)", token.string):
            continue
        words = re.sub(r"^#+ ?|\s*# noqa.*", "", token.string)
        alone = not token.line[: token.start[1]].strip()
        if alone and token.start == (last + 1, column):
            block.append(words)
        else:
            if block:
                yield Text("comment", masked("\n".join(block)), first)
            block, first = [words], token.start[0]
        last, column = (token.start[0], token.start[1]) if alone else (-1, -1)
    if block:
        yield Text("comment", masked("\n".join(block)), first)


def comments_of(source: str) -> Iterator[Text]:
    """Yield the comments of a file in which they begin with #."""
    for block in re.finditer(r"(?m)^ *# (?!docs: ).*(?:\n *# (?!docs: ).*)*|(?<=\S)  ##? .*", source):
        words = re.sub(r"(?m)^ *##? ", "", block[0])
        yield Text("comment", masked(words), source.count("\n", 0, block.start()) + 1)


# Data


def data_texts(source: str, value: object, keys: set[str], *, wanted: bool = False) -> Iterator[Text]:
    """Yield the strings below the keys that people read."""
    if isinstance(value, str) and wanted:
        place = max(source.find(value[:40]), source.find(json.dumps(value, ensure_ascii=False)[1:41]), 0)
        yield Text("message", masked(value), source.count("\n", 0, place) + 1, (value,))
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from data_texts(source, below, keys, wanted=wanted or key in keys)
    elif isinstance(value, list):
        for below in value:
            yield from data_texts(source, below, keys, wanted=wanted)


# Sentences

END = re.compile(
    r"[.!?][\"\u201d\u2019)*_]*(?=\s+[^a-z\s]|\s*\Z)"  # a full stop
    r"|\n\s*\n|\n(?=\s*(?:[-*•]|\d+\.)\s)"  # a paragraph, an item
    rf"|:(?=\n)|\n(?=\s*[\w{MASK}*()., ]+:\s)"  # a name and what it means, as in `Args:`
    rf"|\n(?=\s*[\w{MASK},. ]+ {{2,}}\S)"  # the same in columns
)
WORD = re.compile(rf"[{MASK}\w][{MASK}\w'\u2019./:+%-]*")
CODES = re.compile(rf"{MASK}+(?:(?:,| and| or|, and|, or|/|:)\s*{MASK}+)*")


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence with its position."""
    starts = [0, *(end.end() for end in END.finditer(text))]
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        sentence = text[start:stop]
        if sentence.strip():
            yield start + len(sentence) - len(sentence.lstrip()), sentence.strip()


def count_words(sentence: str) -> int:
    """Count the words of a sentence; a list of names in code font counts as one."""
    return len(WORD.findall(CODES.sub(MASK, sentence)))


def join(texts: list[Text]) -> tuple[str, list[int]]:
    """Return texts as one text of paragraphs, and where each begins."""
    parts = [f"{text.text}\n\n{MASK}\n\n" for text in texts]
    return "".join(parts), list(itertools.accumulate(map(len, parts[:-1]), initial=0)) if parts else []
