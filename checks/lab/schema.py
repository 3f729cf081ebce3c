"""Read TOML into frozen dataclasses: each field checks one key and documents it.

A field made with `key` holds the meaning of its key. `read` checks a table against the fields, and `entries` lists
them for the reference page, so a key has one description.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from .process import ROOT, LabError

Record = TypeVar("Record")


class SchemaError(LabError):
    """A key is unknown, missing or wrong; the message names file and key."""


@dataclass(frozen=True)
class Where:
    """The place of a value: a file, and the path of keys in it."""

    file: Path
    path: tuple[str, ...] = ()

    def at(self, name: str) -> Where:
        """Return the place of a key in the table at this place."""
        return Where(self.file, (*self.path, name))

    def __str__(self) -> str:
        file = self.file.relative_to(ROOT) if self.file.is_relative_to(ROOT) else self.file
        return ": ".join(filter(None, [str(file), dotted(self.path)]))


@dataclass(frozen=True)
class Form:
    """What a string must look like, beyond being a string."""

    name: str
    """For messages and for the reference page, such as `a version such as "1.29"`."""
    accepts: Callable[[str], bool]
    detail: str = ""
    """What messages add to the name."""


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


Version = Annotated[str, Form('a version such as "1.29"', lambda text: bool(re.fullmatch(r"\d+(\.\d+)*", text)))]
Pattern = Annotated[str, Form("a regular expression", _compiles)]


@runtime_checkable
class Custom(Protocol):
    """A type that reads its own table."""

    @classmethod
    def from_toml(cls, value: object, where: Where) -> Custom:
        """Return the value; raises SchemaError when it does not fit."""

    @classmethod
    def toml_entries(cls, path: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the keys that it reads."""


@dataclass(frozen=True)
class Entry:
    """One key, for the reference page."""

    path: tuple[str, ...]
    kind: str
    meaning: str
    example: str
    required: bool
    default: object = None

    @property
    def name(self) -> str:
        """The key as written in TOML, with `<name>` where any name may be."""
        return dotted(self.path)


def key(meaning: str, example: str, *, default: object = dataclasses.MISSING, each: str = "") -> Any:
    """Return a dataclass field for one key.

    The key is required unless it has a default. `example` is a value in TOML. `each` names the keys of a table whose
    keys are free, such as `<file>`.
    """
    metadata = {"meaning": meaning, "example": example, "each": each}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def load(kind: type[Record], file: Path) -> Record:
    """Return what a file in TOML declares.

    Raises SchemaError with file and key when it is not as `kind` describes.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{Where(file)}: not valid TOML: {error}") from error
    return read(kind, table, Where(file))


def read(kind: type[Record], source: object, where: Where, **given: object) -> Record:
    """Return a table as a dataclass; `given` are its fields that are not keys.

    Raises SchemaError with file and key when a key is unknown, is missing or has the wrong type.
    """
    known = {field.name: field for field in dataclasses.fields(kind) if "meaning" in field.metadata}  # type: ignore[arg-type]
    kinds = get_type_hints(kind, include_extras=True)
    found = table(source, where)
    check_names(found, known, where)
    for name, field in known.items():
        if name not in found and _is_required(field):
            raise missing(where.at(name), expected(kinds[name]), field.metadata["meaning"])
    return kind(**given, **{name: value(kinds[name], each, where.at(name)) for name, each in found.items()})


def table(source: object, where: Where) -> dict[str, object]:
    """Return a value from TOML that must be a table; raises SchemaError if it is not."""
    if not isinstance(source, dict):
        raise _unexpected(where, "a table", source)
    return source


def missing(where: Where, wanted: str, meaning: str) -> SchemaError:
    """Return the error for a key that is required and is not there."""
    return SchemaError(f"{where}: missing; expected {wanted}: {meaning}")


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def check_names(table: Mapping[str, object], known: Mapping[str, object], where: Where) -> None:
    """Raise SchemaError when a table has a key that is not known."""
    for name in table:
        if name not in known:
            raise SchemaError(f"{where.at(name)}: unknown key; expected one of: {', '.join(sorted(known))}")


def expected(kind: Any) -> str:
    """Describe a value of this type, for messages and the reference page."""
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        return str(arguments[1].name)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{each}"' for each in arguments if each)
    if get_origin(kind) is tuple:
        return "a list of tables" if dataclasses.is_dataclass(arguments[0]) else "a list of strings"
    scalars = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}
    return scalars.get(kind, "a table")


def entries(kind: Any, path: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Yield every key of a dataclass, and of the tables in it."""
    kinds = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if "meaning" not in field.metadata:
            continue
        here, of = (*path, field.name), kinds[field.name]
        if isinstance(of, Custom):
            yield from of.toml_entries(here)
            continue
        if each := field.metadata["each"]:
            here, of = (*here, each), get_args(of)[1]
        many = get_origin(of) is tuple
        inner = get_args(of)[0] if many else of
        meaning, example = field.metadata["meaning"], field.metadata["example"]
        yield Entry(here, expected(of), meaning, example, _is_required(field), field.default)
        if dataclasses.is_dataclass(inner):
            yield from entries(inner, here)


def dotted(path: tuple[str, ...]) -> str:
    """Return a path of keys as TOML writes it, with quotes where it needs them."""
    return ".".join(name if re.fullmatch(r"[\w-]+|<.*>", name) else f'"{name}"' for name in path)


def value(kind: Any, source: object, where: Where) -> Any:
    """Return a value from TOML as this type; raises SchemaError when it does not fit."""
    arguments, origin = get_args(kind), get_origin(kind)
    if isinstance(kind, Custom):
        return kind.from_toml(source, where)
    if dataclasses.is_dataclass(kind):
        return read(cast("type[Any]", kind), source, where)
    if origin is tuple and isinstance(source, list):
        return tuple(value(arguments[0], each, where.at(str(number))) for number, each in enumerate(source, 1))
    if origin is Mapping and isinstance(source, dict):
        return {
            value(arguments[0], name, where.at(name)): value(arguments[1], each, where.at(name))
            for name, each in source.items()
        }
    if not _fits(kind, source):
        detail = arguments[1].detail if origin is Annotated else ""
        raise _unexpected(where, expected(kind) + detail, source)
    return source


def _fits(kind: Any, source: object) -> bool:
    """Tell whether a value from TOML is of this type, which is not a list or a table."""
    arguments, origin = get_args(kind), get_origin(kind)
    if origin is Literal:
        return source in arguments
    if origin is Annotated:
        return isinstance(source, str) and bool(arguments[1].accepts(source))
    if isinstance(source, bool):
        return kind is bool
    return isinstance(kind, type) and isinstance(source, (int, float) if kind is float else kind)


def _unexpected(where: Where, wanted: str, source: object) -> SchemaError:
    return SchemaError(f"{where}: expected {wanted}, got {source!r}")
