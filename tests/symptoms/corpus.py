"""Read texts that are not the examples of an entry, with their causes."""

import json
from collections import Counter
from pathlib import Path

from checks import symptoms

FOLDER = Path(__file__).parent / "corpus"


def entries(name="*"):
    """Return the texts of one file of the corpus, or of all."""
    files = sorted(FOLDER.glob(f"{name}.json"))
    return [entry for file in files for entry in json.loads(file.read_text(encoding="utf-8"))]


def verdict(entry, readings=None):
    """Return how well a text is read, given what was read in it.

    first: the first cause is right; or nothing is named, as it should be.
    among: a right cause is in the list.
    undecided: the text is understood, and no cause is named.
    missed: nothing is understood.
    wrong: causes are named, and none is right.
    """
    if readings is None:
        readings = symptoms.read(entry["input"]).readings
    named = [cause for reading in readings for cause in reading.causes]
    first = list(readings[0].causes) if readings else []
    if not entry["expects"]:
        return "wrong" if named else "first"
    if not readings:
        return "missed"
    if not named:
        return "undecided"
    if first and first[0] in entry["expects"]:
        return "first"
    return "among" if set(first) & set(entry["expects"]) else "wrong"


def table():
    """Return how often each verdict occurs, by family."""
    found = {}
    for entry in entries():
        found.setdefault(entry["family"], Counter())[verdict(entry)] += 1
    return found


def lines():
    """Yield the table as text, with what is not right below it."""
    kinds = ("first", "among", "undecided", "missed", "wrong")
    rows = sorted(table().items())
    rows.append(("all", sum((counts for _, counts in rows), Counter())))
    yield f"{'family':34}" + "".join(f"{kind:>10}" for kind in kinds) + f"{'texts':>8}"
    for family, counts in rows:
        yield f"{family:34}" + "".join(f"{counts[kind]:10}" for kind in kinds) + f"{counts.total():8}"
    for entry in entries():
        if (found := verdict(entry)) in {"missed", "wrong", "undecided"}:
            yield f"{found}: {entry['input'][-160:]!r} expected {entry['expects']}"
