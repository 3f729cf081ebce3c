"""Read templates, placeholders, times and sizes."""

from __future__ import annotations

import re

STATEMENT = "\x02"
"""Stands for a tag of a template that may add lines."""

OPEN = "\x03"
ELSE = "\x04"
CLOSE = "\x05"
"""Stand for the start, the middle and the end of lines that a template decides about."""

VALUE = "\x06"
"""Stands for a value that a template fills in; a placeholder of any kind becomes this."""

TAG = (
    r"\$?\{\{[\s\S]*?\}\}\}?|\{%[\s\S]*?%\}|\{#[^\n]*?#\}|<%[\s\S]*?%>"
    r"|%[A-Za-z]\w*%|@[A-Z_a-z]\w*@|__[A-Z]\w*__|\$\{[A-Z][A-Z0-9_]*(?:[:?+-][^}\n]*)?\}"
)
"""A tag of Jinja, Go, Helm, Liquid or ERB, or a placeholder such as %DOMAIN%."""

ANGLES = r"|(?<![?(])<[a-zA-Z][\w .:/-]*>"
SQUARES = r"|\[[a-z]{3,}\w*[_ -][\w -]+\]"
BRACES = r"|\{[A-Za-z_$][\w.$-]*\}"
"""More placeholders, in the syntaxes where they mean nothing else: <your-domain>, [server_name] and {domain}."""

OPENS = r"^(?:\{\{|\{%|<%)[-~+\s#]*(?:if|unless|for|range|with|each|case|define|block|loop|foreach)\b"
ENDS = r"^(?:\{\{|\{%|<%)[-~+\s/]*(?:end|\}|if\b|unless\b|each\b)"
HALVES = r"^(?:\{\{|\{%|<%)[-~+\s]*(?:else|elif|elsif|when)\b"


def mark_templates(text: str, ends: str, more: str) -> str:
    """Mark each tag of a template in a text, and keep its lines.

    `ends` are the characters after which a statement begins, and `more` are further patterns of placeholders.
    """
    if not re.search(TAG + more, text):
        return text
    parts: list[str] = []
    place = 0
    for found in re.finditer(TAG + more, text):
        tag = found[0]
        before = text[place : found.start()]
        if before.endswith("$") and not tag.startswith("$"):  # ${name} is a variable of nginx
            parts += [before, tag]
        else:
            parts += [before, _mark(tag, "".join(parts[-3:]) + before, ends), "\n" * tag.count("\n")]
        place = found.end()
    return "".join(parts) + text[place:]


def _mark(tag: str, before: str, ends: str) -> str:
    line = before.rsplit("\n", maxsplit=1)[-1].strip()
    starts = not line or line[-1] in ends or line[-1] in STATEMENT + OPEN + ELSE + CLOSE
    if tag.startswith(("{#", "{{!", "<%#")):
        return " "
    kind = CLOSE if re.search(r"^\{\{[-~\s]*end|^(?:\{%|<%)[-~+\s]*end|^\{\{[-~\s]*/", tag) else ""
    kind = kind or (ELSE if re.search(HALVES, tag) else OPEN if re.search(OPENS, tag) else "")
    if kind:
        return f" {kind} " if starts else ""
    if tag.startswith(("{%", "<%")) and not tag.startswith("<%="):
        return f" {STATEMENT} " if starts and "include" in tag else " "
    return VALUE


def is_placeholder(word: str) -> bool:
    """Return whether a person or a template fills in this word, or a part of it."""
    return VALUE in word or bool(re.search(r"^\.{3,}$|^…$|^\$[A-Z][A-Z0-9_]*$", word))


def seconds(text: str, unit: str) -> float:
    """Return a time such as `1h 30m` in seconds, or -1.

    `unit` is that of a number without one.
    """
    units = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
    units["us"] = 0.000001
    units["M"] = 2592000.0
    units["y"] = 31536000.0
    units["µs"] = 0.000001
    found = re.findall(r"(\d+(?:\.\d+)?)([a-zA-Zµ]*)", text)
    whole = "".join([part[0] + part[1] for part in found])
    if not found or whole != text.replace(" ", ""):
        return -1.0
    total = 0.0
    for amount, name in found:
        if (name or unit) not in units:
            return -1.0
        total += float(amount) * units[name or unit]
    return total


def size(text: str) -> float:
    """Return a size such as `8k` in bytes, or -1."""
    found = re.search(r"^(\d+)([kKmMgG]?)[bB]?$", text)
    if not found:
        return -1.0
    return float(found[1]) * {"": 1.0, "k": 1024.0, "m": 1048576.0, "g": 1073741824.0}[found[2].lower()]


def shown_time(number: float) -> str:
    """Return seconds as people write them."""
    if number < 1 and number > 0:
        return f"{round(number * 1000)} ms"
    if number >= 3600 and number % 3600 == 0:
        return f"{round(number / 3600)} h"
    whole = round(number * 10) / 10
    return f"{round(number)} s" if whole == round(number) else f"{whole} s"


def one_edit(word: str, other: str) -> bool:
    """Return whether two words differ in one letter, or in the order of two."""
    start = 0
    while start < len(word) and start < len(other) and word[start] == other[start]:
        start += 1
    own, wanted = word[start:], other[start:]
    swapped = own[:1] == wanted[1:2] and own[1:2] == wanted[:1] and own[2:] == wanted[2:]
    return own != wanted and (own[1:] == wanted[1:] or own[1:] == wanted or own == wanted[1:] or swapped)


def before(version: str, other: str) -> bool:
    """Return whether a version is older than another one."""
    mine = [int(part) for part in re.findall(r"\d+", version)]
    theirs = [int(part) for part in re.findall(r"\d+", other)]
    for number, part in enumerate(theirs):
        own = mine[number] if number < len(mine) else 0
        if own != part:
            return own < part
    return False
