"""Find the symptoms that a text can have, from what their patterns contain."""

from __future__ import annotations

import functools

from checks.symptoms.data import symptoms
from checks.symptoms.literals import Clauses

HEAD = 3
"""Characters of a literal that are looked up first."""


@functools.cache
def _heads() -> tuple[dict[tuple[str, ...], list[str]], list[str]]:
    """Return the literals by their first characters, and those that are shorter."""
    heads: dict[tuple[str, ...], list[str]] = {}
    known = sorted({part for each in symptoms() for found in each.clauses for texts in found for part in texts})
    for literal in known:
        if len(literal) >= HEAD:
            heads.setdefault(tuple(literal[:HEAD]), []).append(literal)
    return heads, [literal for literal in known if len(literal) < HEAD]


@functools.cache
def _index() -> tuple[dict[str, list[tuple[int, Clauses]]], frozenset[int]]:
    """Return the symptoms to consider for each literal, and those to consider always."""
    index: dict[str, list[tuple[int, Clauses]]] = {}
    for number, symptom in enumerate(symptoms()):
        for key, *others in symptom.clauses:
            for literal in key:
                index.setdefault(literal, []).append((number, tuple(others)))
    return index, frozenset(number for number, symptom in enumerate(symptoms()) if not symptom.clauses)


@functools.lru_cache(maxsize=64)
def possible(lowered: str) -> frozenset[int]:
    """Return the numbers of the symptoms that a text in lower case can have."""
    heads, short = _heads()
    begun = heads.keys() & set(zip(lowered, lowered[1:], lowered[2:]))
    present = [part for head in begun for part in heads[head] if part in lowered]
    return _of(frozenset(present + [part for part in short if part in lowered]))


@functools.lru_cache(maxsize=4096)
def _of(present: frozenset[str]) -> frozenset[int]:
    index, always = _index()
    return always | {
        number
        for literal in present
        for number, others in index.get(literal, ())
        if all(not present.isdisjoint(texts) for texts in others)
    }
