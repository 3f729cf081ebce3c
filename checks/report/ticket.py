"""Write the ticket for a network team: cause, proof, and how to reproduce it.

docs/_static/ticket.js writes the same ticket from the same texts and `Content`, and a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from checks.evidence import Evidence
from checks.findings import Diagnosis, cause, ids, page

from .terminal import named, products, stages
from .text import clean, more

TEXTS = {
    "title": "WebSocket to {host} port {port}",
    "untitled": "WebSocket to {host}",
    "works": "WebSocket works from where this test ran: {proof}.",
    "cause": "**{title}** ({id})",
    "summary": "{summary}.",
    "proof": "Proof: {proof}.",
    "fix": "Requested fix: {fix}.",
    "more": "More: {more}",
    "unproven": "The cause is not proven.",
    "candidates": "Candidates:",
    "next": "Next step: {next}.",
    "fact": "- {name}: {value}",
    "answer": "- {name} {value}",
    "address": "Host and port",
    "tls": "{host}:{port}, TLS",
    "plain": "{host}:{port}, no TLS",
    "socket": "URL of the WebSocket",
    "meaning": "What it means",
    "tested": "## What was tested",
    "reported": "## What the browser or the log reports",
    "reproduce": "## How to reproduce it",
    "test": "## How to test it",
    "as-reported": "the text below is reported only in this case",
    "unknown-host": "the server of DSS",
    "example": "dss.example.com",
}
"""The texts of a ticket, in Markdown. Braces hold the values."""

OWNERS: dict[str, str] = {
    "computer": "your IT support",
    "network": "your network team",
    "forward proxy": "your network team",
    "TLS": "the DSS administrator",
    "gateway": "the DSS administrator",
    "reverse proxy": "the DSS administrator",
    "any": "the DSS administrator",
    "server": "the DSS administrator",
}
"""Whom to ask, by the hop where the cause is."""

LONGEST = 2000
"""Characters of a proof or a next step, at most."""


@dataclass(frozen=True)
class Cause:
    """A cause that a ticket names, with its texts."""

    id: str
    title: str
    summary: str
    proof: str
    fix: str
    more: str


@dataclass(frozen=True)
class Content:
    """What a ticket has to say, before it becomes text."""

    host: str
    port: str
    works: str = ""
    """What proves that nothing is wrong."""
    causes: Sequence[Cause] = ()
    candidates: Sequence[str] = ()
    """The titles of the causes that are possible, with their ids."""
    next: str = ""
    facts: Sequence[tuple[str, str]] = ()
    """Names and values, or questions and their replies."""
    heading: str = "tested"
    """The name of the heading above the lines."""
    lines: Sequence[str] = field(default=())
    ending: str = "reproduce"
    """The name of the heading above the command."""
    command: str = ""


def ticket(evidence: Evidence, diagnosis: Diagnosis, command: str, *, plain: bool) -> str:
    """Return the ticket of a test as Markdown or as plain text.

    `command` reproduces the problem.
    """
    return written(content(evidence, diagnosis, command), plain=plain)


def content(evidence: Evidence, diagnosis: Diagnosis, command: str) -> Content:
    """Return what the ticket of a test has to say."""
    host, port, secure = _place(evidence.url)
    found = [
        Cause(each.id, each.title, each.summary, each.proof, each.fix, more(each.id, each.page))
        for each in diagnosis.findings
    ]
    facts = [
        (TEXTS["address"], _address(host, port, secure=secure)),
        ("Route", evidence.route.proxy or "direct, no forward proxy"),
        ("IP addresses", ", ".join(evidence.route.addresses) or "none found"),
        ("Tested at", evidence.recorded_at or "unknown"),
        *_certificate(evidence),
        *_products(evidence),
    ]
    return Content(
        host,
        port,
        "; ".join(each.proof for each in found) if diagnosis.works else "",
        () if diagnosis.works else found,
        [named(candidate) for candidate in diagnosis.candidates],
        diagnosis.next_step,
        facts,
        lines=list(stages(evidence)),
        command=command,
    )


def reported(
    url: str, lines: Sequence[str], meaning: str, possible: Sequence[tuple[str, str]], command: str
) -> Content:
    """Return what a ticket has to say about lines that a browser or a log reports.

    `url` is that of the WebSocket, without its query, or empty. `possible` has the id and the title of each cause that
    the lines allow; a single one is proven by them. `command` is `diagnose`, without the URL.
    """
    host, port, secure = _place(url) if url else (TEXTS["unknown-host"], "", True)
    scheme = "https" if secure else "http"
    own_port = "" if port in {"", "443" if secure else "80"} else f":{port}"
    address = f"[{host}]" if ":" in host else host
    facts = [(TEXTS["address"], _address(host, port, secure=secure)), (TEXTS["socket"], url)] if url else []
    made = Content(
        host,
        port,
        facts=[*facts, *([(TEXTS["meaning"], meaning)] if meaning else [])],
        heading="reported",
        lines=[clean(line, LONGEST) for line in lines],
        ending="test",
        command=f"{command} {scheme}://{address if url else TEXTS['example']}{own_port}",
    )
    known = possible[0][0] if len(possible) == 1 else ""
    if known not in ids():
        return replace(made, candidates=[f"{title} ({name})" for name, title in possible])
    rule = cause(known)
    proof = TEXTS["as-reported"]
    return replace(made, causes=[Cause(known, rule.title, rule.summary, proof, rule.fix, more(known, page(known)))])


def written(made: Content, *, plain: bool) -> str:
    """Return the ticket as Markdown or as plain text."""
    escape = clean if plain else _literal
    lines = [f"# {TEXTS['title' if made.port else 'untitled'].format(host=escape(made.host), port=made.port)}", ""]
    lines += [*_verdict(made, plain=plain), ""]
    lines += [
        TEXTS["answer" if name.endswith("?") else "fact"].format(name=name, value=escape(value))
        for name, value in made.facts
    ]
    lines += ["", TEXTS[made.heading], "", *_block(made.lines), ""]
    lines += [TEXTS[made.ending], "", *_block([made.command])]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
    return _plain(text) if plain else text


def _verdict(made: Content, *, plain: bool) -> list[str]:
    """Return each cause with its proof and the fix to request.

    Without a proven cause, return the candidates and the next step.
    """
    escape = clean if plain else _literal
    if made.works:
        return [TEXTS["works"].format(proof=escape(made.works, LONGEST))]
    lines: list[str] = []
    for each in made.causes:
        lines += [
            TEXTS["cause"].format(title=each.title, id=each.id),
            "",
            TEXTS["summary"].format(summary=each.summary),
        ]
        lines += ["", TEXTS["proof"].format(proof=escape(each.proof, LONGEST))]
        lines += ["", TEXTS["fix"].format(fix=each.fix), "", TEXTS["more"].format(more=each.more), ""]
    if lines:
        return lines[:-1]
    lines = [TEXTS["unproven"]]
    if made.candidates:
        lines += [TEXTS["candidates"], "", *(f"- {candidate}" for candidate in made.candidates)]
    if made.next:
        lines += ["", TEXTS["next"].format(next=escape(made.next, LONGEST))]
    return lines


def _place(url: str) -> tuple[str, str, bool]:
    """Return the host, the port and whether it is TLS."""
    try:
        parts = urlsplit(url)
        own_port = parts.port
    except ValueError:  # an unclosed bracket, in evidence that was edited
        parts, own_port = urlsplit(""), None
    secure = parts.scheme in {"https", "wss"}
    return str(parts.hostname), str(own_port or (443 if secure else 80)), secure


def _address(host: str, port: str, *, secure: bool) -> str:
    return TEXTS["tls" if secure else "plain"].format(host=host, port=port)


def _literal(value: object, limit: int = 300) -> str:
    """Return a text from a server with its Markdown escaped."""
    return re.sub(r"[`<\[\\]", r"\\\g<0>", clean(value, limit))


def _block(lines: Sequence[str]) -> list[str]:
    """Return lines as a code block, with a fence longer than any in the lines."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(lines))), default=0))
    return [f"{fence}text", *lines, fence]


def _certificate(evidence: Evidence) -> list[tuple[str, str]]:
    certificate = evidence.route.tls.certificate
    if not certificate.sha256:
        return []
    direct = evidence.direct.tls.certificate
    other = [("Issuer without the proxy", direct.issuer)] if direct.sha256 else []
    return [("Certificate issuer", certificate.issuer), ("Certificate SHA-256", certificate.sha256), *other]


def _products(evidence: Evidence) -> list[tuple[str, str]]:
    names = products(evidence)
    return [("The response names", ", ".join(names))] if names else []


def _plain(text: str) -> str:
    """Remove the Markdown, for a ticket system that would show it."""
    text = re.sub(r"(?m)^`{3,}(text)?$\n?", "", text)
    text = re.sub(r"(?m)^#+ (.*)$", lambda head: f"{head[1]}\n{'-' * len(head[1])}", text)
    return re.sub(r"(?m)^\*\*(.+)\*\* \(", r"\1 (", text).strip()
