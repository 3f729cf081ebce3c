"""Read what people paste about a WebSocket that fails.

Each file `*.json` in this folder lists the symptoms of one family, and every file is read. docs/_static/symptoms.js
does the same in the browser, and a test compares the two.
"""

from __future__ import annotations

from checks.symptoms.answer import QUESTIONS, Answer, Reading, quoted, read, socket_in
from checks.symptoms.data import ONLY_IN_BROWSER, Symptom, families, symptoms
from checks.symptoms.text import LIMIT

__all__ = [
    "LIMIT",
    "ONLY_IN_BROWSER",
    "QUESTIONS",
    "Answer",
    "Reading",
    "Symptom",
    "families",
    "quoted",
    "read",
    "socket_in",
    "symptoms",
]
