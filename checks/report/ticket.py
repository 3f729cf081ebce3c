"""Write the ticket for a network team: cause, proof, and how to reproduce it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from checks.evidence import Evidence
from checks.findings import Diagnosis

from .terminal import named, products, stages
from .text import clean


def ticket(evidence: Evidence, diagnosis: Diagnosis, command: str, *, plain: bool) -> str:
    """Return the ticket as Markdown or as plain text.

    `command` reproduces the problem.
    """
    escape = clean if plain else _literal
    try:
        parts = urlsplit(evidence.url)
        own_port = parts.port
    except ValueError:  # an unclosed bracket, in evidence that was edited
        parts, own_port = urlsplit(""), None
    secure = parts.scheme in {"https", "wss"}
    port = own_port or (443 if secure else 80)
    facts = [
        ("Host and port", f"{parts.hostname}:{port}, {'TLS' if secure else 'no TLS'}"),
        ("Route", evidence.route.proxy or "direct, no forward proxy"),
        ("IP addresses", ", ".join(evidence.route.addresses) or "none found"),
        ("Tested at", evidence.recorded_at or "unknown"),
        *_certificate(evidence),
        *_products(evidence),
    ]
    lines = [f"# WebSocket to {escape(parts.hostname)} port {port}", "", *_causes(diagnosis, escape), ""]
    lines += [f"- {name}: {escape(value)}" for name, value in facts]
    lines += ["", "## What was tested", "", *_block(list(stages(evidence))), ""]
    lines += ["## How to reproduce it", "", *_block([command])]
    text = "\n".join(lines)
    return _plain(text) if plain else text


def _literal(value: object, limit: int = 300) -> str:
    """Return a text from a server with its Markdown escaped."""
    return re.sub(r"[`<\[\\]", r"\\\g<0>", clean(value, limit))


def _block(lines: list[str]) -> list[str]:
    """Return lines as a code block, with a fence longer than any in the lines."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(lines))), default=0))
    return [f"{fence}text", *lines, fence]


def _causes(diagnosis: Diagnosis, escape: Callable[[object, int], str]) -> list[str]:
    """Return each cause with its proof and the fix to request.

    Without a proven cause, return the candidates and the next step.
    """
    if diagnosis.works:
        proofs = "; ".join(escape(finding.proof, 2000) for finding in diagnosis.findings)
        return [f"WebSocket works from where this test ran: {proofs}."]
    if not diagnosis.findings:
        return _undecided(diagnosis, escape)
    lines: list[str] = []
    for finding in diagnosis.findings:
        lines += [f"**{finding.title}** ({finding.id})", "", f"{finding.summary}.", ""]
        lines += [f"Proof: {escape(finding.proof, 2000)}.", "", f"Requested fix: {finding.fix}.", ""]
        lines += [f"More: {finding.page}", ""]
    return lines[:-1]


def _undecided(diagnosis: Diagnosis, escape: Callable[[object, int], str]) -> list[str]:
    lines = ["The cause is not proven."]
    if diagnosis.candidates:
        lines += ["Candidates:", "", *(f"- {named(candidate)}" for candidate in diagnosis.candidates)]
    if diagnosis.next_step:
        lines += ["", f"Next step: {escape(diagnosis.next_step, 2000)}."]
    return lines


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
