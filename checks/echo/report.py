"""Put what the tests of a visitor mean into words, for both ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from checks.echo.verdict import HANDSHAKE, Row, Verdict
from checks.echo.visits import Arrival, Outcome, Visit
from checks.findings import WORKS
from checks.report.text import clean, size_of, wrap
from checks.report.ticket import Cause, Content, written

LABELS = {
    "plain": "WebSocket",
    "jupyter": "WebSocket of a notebook",
    "message": "First message",
    "silent": "Kept open without messages",
    "busy": "Kept open with messages",
    "dss": "WebSocket of DSS itself",
}
"""The tests, for people, in their order. Sizes come after the first message."""

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "Via")
"""What proxies add, in the order in which the terminal shows it."""

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Version": "Safari"}
"""What names a browser in its User-Agent, the most specific first."""

SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
"""What names a system there."""

GOOD = Outcome("", "opened")
"""The outcome of a test that is not of interest."""

LABEL = 12
"""Columns of a label on the terminal."""


def worded(visit: Visit, verdict: Verdict) -> Verdict:
    """Return a verdict with its rows, the message to send, and the subject of that."""
    rows = list(_rows(visit))
    host = urlsplit(visit.origin).netloc or "DSS"
    subject = f"DSS: WebSocket to {host} " + ("works" if verdict.id == WORKS else "fails")
    whole = replace(verdict, rows=rows, subject=clean(subject, 100), final=visit.final)
    return replace(whole, message=_message(visit, whole))


def _rows(visit: Visit) -> Iterator[Row]:
    scheme = "HTTPS" if visit.origin.startswith("https:") else "HTTP"
    version = {"h2": ", HTTP/2", "h3": ", HTTP/3", "http/1.1": ", HTTP/1.1"}.get(visit.protocol, "")
    yield Row("This page", good=True, text=f"loaded over {scheme}{version}")
    for name, label in LABELS.items():
        if name in visit.outcomes:
            yield _row(label, visit.outcomes[name], visit.arrivals.get(name))
        if name == "message":
            yield from _sizes(visit)


def _sizes(visit: Visit) -> Iterator[Row]:
    """Yield a row for the largest message that came back, and for a lost one."""
    passed = [each for each in visit.sizes if each.good]
    if passed:
        yield _row(f"Messages up to {size_of(passed[-1].size)}", passed[-1], None)
    for each in visit.sizes:
        if not each.good:
            yield _row(f"Message of {size_of(each.size)}", each, None)


def _row(label: str, outcome: Outcome, arrival: Arrival | None) -> Row:
    took = f" after {outcome.seconds:.1f} s"
    code = f", close code {outcome.code}" if outcome.code and outcome.code != 1006 else ""
    reason = f" {outcome.reason}" if code and outcome.reason else ""
    held = outcome.name in {"silent", "busy"}
    texts = {
        "opened": f"still open after {outcome.seconds:.0f} s" if held else "opened",
        "passed": "came back",
        "failed": ("closed" if held else "failed") + took,
        "hung": "no response" + took,
        "blocked": "blocked by a Content-Security-Policy",
        "refused": "the browser did not try it",
    }
    text = f"{texts.get(outcome.outcome, 'unknown')}{code}{reason}"
    if not outcome.good and arrival and not arrival.opened:
        why = "the server rejected its Origin" if arrival.refused else "the request arrived, but not as a WebSocket"
        text += f"; {why}"
    return Row(label, outcome.good, text)


def _message(visit: Visit, verdict: Verdict) -> str:
    """Return the ticket, in the form of `checks note`."""
    parts = urlsplit(visit.origin)
    secure = parts.scheme == "https"
    host, port = _place(visit.origin)
    named = verdict.id and verdict.id != WORKS
    found = Cause(verdict.id, verdict.title, verdict.summary, verdict.proof, verdict.fix, verdict.more)
    facts = [
        ("Host and port", f"{host}:{port}, {'TLS' if secure else 'no TLS'}"),
        ("Page of the test", f"{visit.origin}{visit.path}"),
        ("Result", f"{verdict.title}. {verdict.summary}" if not named else verdict.title),
        ("Browser", _browser(visit)),
        ("Computer", _visitor(visit)),
        ("Tested at", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(visit.started))),
    ]
    made = Content(
        host,
        port,
        verdict.summary[:1].lower() + verdict.summary[1:] if verdict.id == WORKS else "",
        [found] if named else [],
        [f"{title} ({name})" for name, title in verdict.candidates],
        verdict.fix,
        [(name, value) for name, value in facts if value],
        lines=[f"{'ok  ' if row.good else 'FAIL'}  {row.label}: {row.text}" for row in verdict.rows],
        ending="test",
        command=f"python websocket-doctor.pyz diagnose {clean(visit.origin)}",
    )
    return written(made, plain=True)


def _place(origin: str) -> tuple[str, str]:
    parts = urlsplit(origin)
    return parts.hostname or "DSS", str(parts.port or (80 if parts.scheme == "http" else 443))


def _browser(visit: Visit) -> str:
    """Return the browser and its system, for people."""
    agent = visit.page.header("User-Agent") if visit.page else ""
    found = next(filter(None, (re.search(rf"{mark}/([0-9]+)", agent) for mark in BROWSERS)), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    if not found:
        return agent or "unknown"
    name = next(name for mark, name in BROWSERS.items() if re.match(mark, found[0]))
    return f"{name} {found[1]}{f' on {system}' if system else ''}"


def _visitor(visit: Visit) -> str:
    """Return the address of the computer, as far as the proxies report it."""
    if not visit.page:
        return ""
    given = visit.page.header("X-Forwarded-For") or visit.page.header("X-Real-IP")
    return f"{given}, by way of {visit.page.peer}" if given else visit.page.peer


def block(visit: Visit, verdict: Verdict) -> list[str]:
    """Return what the terminal shows about a visitor."""
    moment = time.strftime("%H:%M:%S")
    lines = [f"--- visitor {visit.number}, {moment} {'-' * 50}"[:79]]
    lines += _labelled("from", _visitor(visit) or "unknown")
    lines += _labelled("browser", _browser(visit))
    lines += _labelled("page", f"{visit.origin}{visit.path}")
    for row in verdict.rows:
        lines += _labelled("ok" if row.good else "FAIL", f"{row.label}: {row.text}")
    for name in ("plain", "jupyter"):
        other = visit.outcomes.get("plain", GOOD).good and not visit.outcomes.get(name, GOOD).good
        if name in visit.arrivals and (name == "plain" or other):
            for place, text in enumerate(_arrived(visit, name)):
                lines += _labelled("" if place else "arrived", text)
    if "plain" in visit.outcomes and "plain" not in visit.arrivals:
        lines += _labelled("arrived", "no handshake")
    return [*lines, "", *_conclusion(verdict)]


def _conclusion(verdict: Verdict) -> Iterator[str]:
    name = f" ({verdict.id})" if verdict.id else ""
    yield f"{verdict.title}{name}"
    if verdict.proof:
        yield from _item("Proof", f"{verdict.proof}.")
    yield from wrap(f"{clean(verdict.summary, 1000)}.", "  ")
    for each, title in verdict.candidates:
        yield from wrap(f"- {title} ({each})", "  ", "    ")
    if verdict.fix:
        yield from _item("Fix" if verdict.id else "Next", f"{verdict.fix}.")
    if verdict.owner and verdict.id != WORKS:
        yield from _item("Who", verdict.owner)
    if verdict.more:
        yield from _item("More", verdict.more)


def _item(label: str, text: str) -> list[str]:
    first = f"  {label + ':':<6} "
    return wrap(clean(text, 2000), first, " " * len(first))


def _labelled(label: str, text: str) -> list[str]:
    return wrap(clean(text, 400), f"{label:<{LABEL}}", " " * LABEL)


def _arrived(visit: Visit, name: str) -> Iterator[str]:
    """Yield what arrived of a handshake, and what differs from what was sent."""
    arrival = visit.arrivals[name]
    request = arrival.request
    yield f"{request.method} {request.path} {request.version}"
    own = urlsplit(visit.origin).netloc
    for header, wanted in {"Host": own, "Origin": visit.origin, **HANDSHAKE}.items():
        got = request.header(header)
        same = got.lower() == wanted.lower() or (header == "Connection" and arrival.upgrade)
        changed = "" if same else f"  <- the browser sent {wanted}" if wanted else ""
        yield f"{header}: {got or '(none)'}{changed}"
    sent = ("Key", "Version", *(("Protocol",) if name == "plain" else ()))
    missing = [each for each in sent if not request.header(f"Sec-WebSocket-{each}")]
    for each in missing:
        yield f"Sec-WebSocket-{each}: (none)  <- the browser sent it"
    for header in FORWARDED:
        if request.header(header):
            yield f"{header}: {request.header(header)}"
    yield f"Cookie: {f'{arrival.cookies} bytes, not shown' if arrival.cookies else '(none)'}"
