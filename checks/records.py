"""Convert parsed JSON to records, and reject what does not fit their types."""

from __future__ import annotations

import functools
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints


def built(kind: Any, data: Any) -> Any:
    """Convert parsed JSON to this type.

    Raises TypeError if it does not fit.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record(kind, data)
    if origin is tuple and isinstance(data, list):
        kinds = inner[:1] * len(data) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(data):
            return tuple(built(each, value) for each, value in zip(kinds, data))
    elif origin is Literal and data in inner:
        return data
    elif kind is float and type(data) in {int, float}:
        return float(data)
    elif origin is None and type(data) is kind:
        return data
    raise TypeError(f"{str(data)[:40]!r} is not {getattr(kind, '__name__', kind)}")


def _record(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{str(data)[:40]!r} is not {kind.__name__}")
    hints = _hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise TypeError(f"{kind.__name__} has no {unknown[0][:40]!r}")
    return kind(**{name: built(hints[name], value) for name, value in data.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the type of each field, once, because that costs more than all the rest."""
    return get_type_hints(kind)
