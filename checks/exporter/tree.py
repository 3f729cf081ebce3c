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
                raise Node(key, self._where, node.name).error("is there twice")
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
            raise self.error(f"expected {EXPECTED[kind]}, got {EXPECTED.get(self._node.id, 'something else')}")
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
        problem = " ".join(str(error.problem).split()).replace("character '\\t'", "a tab")
        raise FileError(f"{where}{line}: invalid YAML: {problem}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise FileError(f"{where}: invalid YAML: {type(error).__name__}") from error
    if node is None:
        raise FileError(f"{where}: the file is empty; expected modules")
    return Node(node, where)
