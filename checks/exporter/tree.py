"""Read a YAML file strictly, and report each error with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

EXPECTED = {
    "mapping": "keys with values",
    "sequence": "a list",
    "scalar": "one value",
}
"""What a kind of node is, for people."""


PROBLEMS = {
    "mapping values are not allowed here": "unexpected colon; does the line before it lack one?",
    "<block end>": "the indentation does not fit that of the lines before",
    "<stream end>": "the file ends before a bracket or a quotation mark is closed",
    "end of stream": "the file ends before a bracket or a quotation mark is closed",
    "another document": "expected one document, without a line ---",
    "<document start>": "expected keys with values",
    "character '\\t'": "a tab at the beginning of a line; indent with spaces",
}
"""What messages of the YAML parser contain, and the message that replaces each."""


class FileError(Exception):
    """The file cannot be used; the message is one line that begins with where."""


class Node:
    """One value of the file, which knows its line."""

    def __init__(self, node: Any, where: str, name: str = "") -> None:
        self._node, self._where, self.name = node, where, name

    def error(self, message: str) -> FileError:
        """Return the error to raise about this value."""
        about = f"{self.name}: " if self.name else ""
        return FileError(f"{self._where}:{self._node.start_mark.line + 1}: {about}{message}")

    def items(self) -> Iterator[tuple[str, Node]]:
        """Yield each key with its value.

        Raises FileError where this is something else, or where a key is repeated.
        """
        seen = set()
        for key, value in self._of_kind("mapping"):
            name = key.value if isinstance(key.value, str) else "?"
            node = Node(value, self._where, f"{self.name}.{name}".lstrip("."))
            if name in seen:
                raise Node(key, self._where, node.name).error("appears twice")
            seen.add(name)
            yield name, node

    def elements(self) -> list[Node]:
        """Return the elements of a list.

        Raises FileError where this is something else.
        """
        return [Node(each, self._where, self.name) for each in self._of_kind("sequence")]

    def text(self) -> str:
        """Return a text that is not empty.

        Raises FileError where this is something else.
        """
        text = str(self._of_kind("scalar"))
        if not text:
            raise self.error("expected a value, got nothing")
        return text

    def number(self, low: float, high: float, unit: str) -> float:
        """Return a number in a range.

        Raises FileError where this is something else.
        """
        text = self.text()
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise self.error(f"expected {low:g}-{high:g} {unit}, got {text[:20]}")
        return number

    def switch(self) -> bool:
        """Return true or false.

        Raises FileError where this is something else.
        """
        text = self.text()
        if text not in {"true", "false"}:
            raise self.error(f"expected true or false, got {text[:20]}")
        return text == "true"

    def _of_kind(self, kind: str) -> Any:
        if self._node.id != kind:
            nothing = self._node.id == "scalar" and not self._node.value
            got = "nothing" if nothing else EXPECTED.get(self._node.id, "something else")
            raise self.error(f"expected {EXPECTED[kind]}, got {got}")
        return self._node.value


def parse(text: str, where: str) -> Node:
    """Return the value at the top of a YAML text.

    Raises FileError, whose message begins with `where` and the line.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415  # slow to import
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = " ".join(str(error.problem).split())
        problem = next((ours for part, ours in PROBLEMS.items() if part in problem), problem)
        raise FileError(f"{where}{line}: invalid YAML: {problem}") from error
    except RecursionError as error:
        raise FileError(f"{where}: invalid YAML: it is nested too deeply") from error
    except (YAMLError, ValueError) as error:
        raise FileError(f"{where}: invalid YAML: {type(error).__name__}") from error
    if node is None:
        raise FileError(f"{where}: the file is empty; expected modules")
    return Node(node, where)
