"""Read TOML into pydantic models.

Each field of a model checks one key, and the docstring below it documents the key.
`load` reports a mistake in one sentence, and `entries` lists the keys for the reference page. Both take their words
from the JSON Schema of the model, so a key has one description.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError, WithJsonSchema

from .process import ROOT, LabError

KINDS = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a table",
    "regex": "a regular expression",
}
"""What messages and the reference page call the types and formats of JSON Schema."""


class SchemaError(LabError):
    """A key is unknown, missing or wrong; the message names file and key."""


class Table(BaseModel):
    """A table that has the fields of a class as its keys, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Named(Table):
    """A table that knows its own key."""

    _name: str = ""

    @property
    def name(self) -> str:
        """The key of the table."""
        return self._name


Model = TypeVar("Model", bound=BaseModel)
NamedTable = TypeVar("NamedTable", bound=Named)


def _with_names(tables: Mapping[str, NamedTable]) -> Mapping[str, NamedTable]:
    for name, table in tables.items():
        table._name = name  # noqa: SLF001  # not a key, so it cannot be an argument
    return tables


ByName = Annotated[Mapping[str, NamedTable], AfterValidator(_with_names)]
"""Tables whose keys are free."""


def form(name: str, detail: str = "") -> WithJsonSchema:
    """Return what a string is called, for people, and what messages add to it."""
    return WithJsonSchema({"type": "string", "format": name, "detail": detail})


Version = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)*$"), form('a version such as "1.29"')]


@dataclass(frozen=True)
class Entry:
    """One key, for the reference page."""

    name: str
    """As written in TOML, with `<name>` where any name may be."""
    kind: str
    meaning: str
    example: str
    required: bool
    default: object


def load(kind: type[Model], file: Path) -> Model:
    """Return what a file in TOML declares.

    Raises SchemaError with file and key when it is not as `kind` describes.
    """
    try:
        return kind.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise SchemaError(f"{place(file)}: expected UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{place(file)}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise SchemaError(_explain(error, kind, file)) from error


def place(file: Path, *path: str) -> str:
    """Return the place of a key, for messages."""
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    return ": ".join(filter(None, [str(shown), _dotted(path)]))


def entries(kind: type[BaseModel]) -> Iterator[Entry]:
    """Yield every key of a file, and of the tables in it."""
    return _entries(_described(kind), ())


def _entries(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[Entry]:
    for name, key in table.get("properties", {}).items():
        each = key.get("each")
        here, value = ((*path, name, each), key["additionalProperties"]) if each else ((*path, name), key)
        example, required = key.get("examples", [""])[0], name in table.get("required", [])
        yield Entry(_dotted(here), _expected(value), _meaning(key), example, required, key.get("default"))
        yield from _entries(value.get("items", value), here)


def _explain(error: ValidationError, kind: type[BaseModel], file: Path) -> str:
    """Return one sentence about what is wrong, with file and key."""
    # A misspelt key may be reported twice: as unknown, and as missing.
    found = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    above, key, path = {}, _described(kind), found["loc"]
    if path[-1] == "[key]":  # after the key of a table, where the key is wrong and not its value
        path = path[:-1]
    for step in path:
        above, key = key, _inside(key, step)
    if path != found["loc"]:
        key = above["propertyNames"]
    where = place(file, *(str(step + 1) if isinstance(step, int) else step for step in path))
    if found["type"] == "extra_forbidden":
        return f"{where}: unknown key; expected one of: {', '.join(sorted(above['properties']))}"
    if found["type"] == "missing":
        return f"{where}: missing; expected {_expected(key)}: {_meaning(key)}"
    return f"{where}: expected {_expected(key)}{key.get('detail', '')}, got {found['input']!r}"


def _described(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model, with its references resolved."""
    schema = kind.model_json_schema()

    def resolved(part: Any) -> Any:
        if not isinstance(part, dict):
            return part
        referred = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
        return {name: resolved(value) for name, value in {**referred, **part}.items()}

    return {name: resolved(value) for name, value in schema.items() if name != "$defs"}


def _inside(schema: dict[str, Any], step: str | int) -> dict[str, Any]:
    """Return the schema of a key or of an item; nothing for an unknown key."""
    inside = schema.get("properties", {}).get(step) or schema.get("items") or schema.get("additionalProperties")
    return inside or {}


def _expected(key: dict[str, Any]) -> str:
    """Describe a value, for messages and the reference page."""
    if "enum" in key:
        return "one of " + ", ".join(f'"{each}"' for each in key["enum"] if each)
    if "items" in key:
        return "a list of tables" if key["items"]["type"] == "object" else "a list of strings"
    kind: str = key.get("format") or key["type"]
    return KINDS.get(kind, kind)


def _meaning(key: dict[str, Any]) -> str:
    return " ".join(key.get("description", "").split())


def _dotted(path: tuple[str, ...]) -> str:
    """Return a path of keys as TOML writes it, with quotes where it needs them."""
    return ".".join(name if re.fullmatch(r"[\w-]+|<.*>", name) else f'"{name}"' for name in path)
