"""Read rules.toml, and look for what it bans."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from .texts import MASK, Text, count_words, join, sentences, texts_of

RULES = Path(__file__).with_name("rules.toml")
SHORT = 3
"""Words of the longest fragment that is not a sentence."""

KINDS = ("page", "heading", "message", "error", "docstring", "comment", "name", "subject")


@dataclass(frozen=True)
class Hit:
    """A place in a text, the words found there, and what to write instead."""

    position: int
    found: str
    use: str


@dataclass(frozen=True)
class Rule:
    """A rule of rules.toml."""

    id: str
    use: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    kinds: tuple[str, ...] = KINDS
    files: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    check: str = ""
    limit: int = 0

    def hits(self, text: Text) -> Iterator[Hit]:
        """Yield what the rule finds in a text."""
        if text.kind not in self.kinds:
            return
        if self.check:
            yield from CHECKS[self.check](self, text)
            return
        assert self.pattern is not None
        words = text.text.replace("_", " ") if text.kind == "name" else text.text
        for match in self.pattern.finditer(words):
            allowed = self.unless.finditer(words) if self.unless else ()
            if not any(span.start() <= match.start() and match.end() <= span.end() for span in allowed):
                found = re.sub(rf"{MASK}+", "…", re.sub(r"\s+", " ", match[0])).strip()
                yield Hit(match.start() + len(match[0]) - len(match[0].lstrip()), f'"{found}"', self.use)


@dataclass(frozen=True, order=True)
class Finding:
    """One line of the report."""

    file: str
    line: int
    found: str
    use: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found} -> {self.use} (voice: {self.rule})"


@dataclass(frozen=True, order=True)
class Exemption:
    """A finding that stays, with the reason."""

    file: str
    rule: str
    text: str
    because: str


def _phrases(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return one pattern for several, in which a space is any white space."""
    pattern = "|".join(rf"(?:{phrase})".replace(" ", r"\s+") for phrase in phrases)
    return re.compile(pattern, re.IGNORECASE)


@cache
def load() -> tuple[tuple[Rule, ...], tuple[Exemption, ...]]:
    """Return the rules and the exemptions of rules.toml."""
    data = tomllib.loads(RULES.read_text(encoding="utf-8"))
    rules = []
    for entry in data["rule"]:
        phrases = [rf"\b(?:{word})\b" for word in entry.get("words", ())] + entry.get("patterns", [])
        rules.append(
            Rule(
                id=entry["id"],
                use=entry["use"],
                bad=tuple(entry["bad"]),
                good=tuple(entry["good"]),
                kinds=tuple(entry.get("in", KINDS)),
                files=tuple(entry.get("except", ())),
                pattern=_phrases(phrases) if phrases else None,
                unless=_phrases(entry["unless"]) if "unless" in entry else None,
                check=entry.get("check", ""),
                limit=entry.get("limit", 0),
            )
        )
    return tuple(rules), tuple(Exemption(**entry) for entry in data.get("exempt", ()))


def findings_in(paths: dict[str, Path]) -> list[Finding]:
    """Return the findings in files, by their names in the checkout, sorted."""
    found = set()
    named = []
    for name, path in paths.items():
        rules = [rule for rule in load()[0] if not any(Path(name).match(pattern) for pattern in rule.files)]
        texts = list(texts_of(path, name))
        page = Text("page", join([text for text in texts if text.kind == "page"])[0], 1)
        found |= {
            Finding(name, text.line_at(hit.position), hit.found, hit.use, rule.id)
            for rule in rules
            for text in ([page] if rule.check == "average" else texts)
            for hit in rule.hits(text)
        }
        named += [(name, text) for text in texts if text.kind != "name"]
    for index, rule, hit in general_hits([text for _, text in named]):
        name, text = named[index]
        found.add(Finding(name, text.line_at(hit.position), hit.found, hit.use, rule))
    return sorted(found)


# General English


@cache
def proselint() -> dict[str, bool]:
    """Return which checks of proselint are on."""
    CheckRegistry().register_many(proselint_checks)
    checks = tomllib.loads(RULES.read_text(encoding="utf-8"))["proselint"]
    return dict.fromkeys(checks["off"], False) | dict.fromkeys(checks["on"], True)  # the first that fits counts


def general_hits(texts: list[Text]) -> Iterator[tuple[int, str, Hit]]:
    """Yield what proselint finds: index of the text, name of the check, place."""
    joined, starts = join(texts)
    joined = re.sub(r"(?<=\S) {2,}", lambda gap: MASK * len(gap[0]), joined)  # between columns
    last = 0
    for result in LintFile("texts", joined).lint({"max_errors": 10_000, "checks": proselint()}) if texts else ():
        check = result.check_result
        begin, end = (place - 1 for place in check.span)  # it puts a line break before the text
        if end > last and not set(joined[begin:end]) <= {MASK, " "}:  # several checks may find the same words
            index = bisect_right(starts, begin) - 1
            found = f'"{joined[begin:end].strip()}"'.replace(MASK, "…")
            yield index, check.check_path, Hit(begin - starts[index], found, check.replacements or check.message)
            last = end


# Checks that are more than a pattern


def _long_sentence(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find sentences of too many words."""
    for position, sentence in sentences(text.text):
        count = count_words(sentence)
        if count > rule.limit:
            yield Hit(position, f"a sentence of {count} words", rule.use)


def _average(rule: Rule, page: Text) -> Iterator[Hit]:
    """Find a page whose sentences are too long on average."""
    counts = [count for _, sentence in sentences(page.text) if (count := count_words(sentence)) > SHORT]
    if len(counts) > 1 and sum(counts) > rule.limit * len(counts):
        yield Hit(0, f"{sum(counts) / len(counts):.1f} words in a sentence on average", rule.use)


def _chain(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find sentences that semicolons or colons chain, apart from lists."""
    for position, sentence in sentences(text.text):
        for mark, name in ((";", "semicolons"), (":", "colons")):
            places = [match.start() for match in re.finditer(rf"(?<=[\w)”*{MASK}]){mark} ", sentence)]
            count = len(places)
            if count > 1 or (mark == ";" and count == 1 and count_words(sentence) > rule.limit):
                found = f"{count} {name} in a sentence" if count > 1 else "a semicolon in a long sentence"
                yield Hit(position + places[-1], found, rule.use)
                break


@cache
def causes() -> re.Pattern[str]:
    """Return a pattern for the ids of causes that no text could hold by chance."""
    folder = Path(__file__).parents[2] / "docs" / "findings"
    ids = sorted(page.stem for page in folder.glob("*-*.md"))
    return re.compile(rf"(?<![\w/.#-])(?:{'|'.join(ids)})(?![\w/.-]*\w)")


def _bare_id(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find ids of causes outside code font."""
    for match in causes().finditer(text.text):
        yield Hit(match.start(), f'"{match[0]}"', rule.use.replace("ID", match[0]))


def _first_line(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find docstrings whose first line is too long."""
    columns = len(text.text.strip().partition("\n")[0])
    if columns > rule.limit:
        yield Hit(0, f"a first line of {columns} columns", rule.use)


def _full_stop(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find errors of one sentence that end in a full stop."""
    words = text.text.strip()
    if words.endswith(".") and not words.endswith("..") and len(list(sentences(words))) == 1:
        yield Hit(max(len(words) - 15, 0), f'"{words[-15:]}"'.replace(MASK, "…"), rule.use)


def _long_name(rule: Rule, text: Text) -> Iterator[Hit]:
    """Find names of tests of too many words."""
    count = len(text.text.removeprefix("test_").split("_"))
    if count > rule.limit:
        yield Hit(0, f"{text.text} has {count} words", rule.use)


CHECKS: dict[str, Callable[[Rule, Text], Iterator[Hit]]] = {
    "average": _average,
    "bare id": _bare_id,
    "chain": _chain,
    "first line": _first_line,
    "full stop": _full_stop,
    "long name": _long_name,
    "long sentence": _long_sentence,
}
