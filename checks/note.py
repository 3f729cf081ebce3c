"""A note for the network team: what they need to find the hop and the rule, in their words."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from checks.evidence import Evidence
from checks.findings import WORKS, Diagnosis
from checks.view import clean, command, hops, stages


def note(evidence: Evidence, diagnosis: Diagnosis, *, plain: bool) -> str:
    """Return the note, as Markdown or as plain text."""
    words = clean if plain else _literal
    try:
        parts = urlsplit(evidence.url)
        named = parts.port
    except ValueError:  # half a bracket, from evidence that somebody wrote
        parts, named = urlsplit(""), None
    port = named or (443 if parts.scheme in {"https", "wss"} else 80)
    facts = [
        ("Host and port", f"{parts.hostname}:{port}, {'TLS' if parts.scheme in {'https', 'wss'} else 'no TLS'}"),
        ("Way", evidence.route.proxy or "direct, no forward proxy"),
        ("Addresses", ", ".join(evidence.route.addresses) or "none found"),
        ("When", evidence.recorded_at or "unknown"),
        *_certificate(evidence),
        *_named(evidence),
    ]
    lines = [f"# WebSocket to {words(parts.hostname)} port {port}", "", *_finding(diagnosis, words), ""]
    lines += [f"- {name}: {words(value)}" for name, value in facts]
    lines += ["", "## What was seen", "", *_block(list(stages(evidence))), ""]
    lines += ["## How to see it again", "", *_block([f"{command()} diagnose {_again(evidence)}"])]
    text = "\n".join(lines)
    return _plain(text) if plain else text


def _literal(value: object, longest: int = 300) -> str:
    """Return what others wrote as words: a link, a picture or a tag of theirs is none in the note."""
    return re.sub(r"[`<\[\\]", r"\\\g<0>", clean(value, longest))


def _block(lines: list[str]) -> list[str]:
    """Return lines that stand as they are; a fence among them does not end the block."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(lines))), default=0))
    return [f"{fence}text", *lines, fence]


def _finding(diagnosis: Diagnosis, words: Callable[[object, int], str]) -> list[str]:
    """Return the causes: what was lost, the proof, what is asked for."""
    candidates, following = diagnosis.candidates, diagnosis.next_step
    if not diagnosis.findings:
        between = f" It is one of: {', '.join(candidates)}. To decide: {following}." if candidates else ""
        return [f"What breaks the socket is not proven.{between}"]
    lines: list[str] = []
    for finding in diagnosis.findings:
        if finding.id == WORKS:
            lines.append(f"It works from where this was run: {words(finding.proof, 2000)}.")
            continue
        lines += [f"**{finding.id}**: {finding.summary}.", "", f"Proof: {words(finding.proof, 2000)}.", ""]
        lines += [f"What we ask for: {finding.fix}.", "", f"More: {finding.page}", ""]
    return lines[:-1] if not lines[-1] else lines


def _certificate(evidence: Evidence) -> list[tuple[str, str]]:
    mine = evidence.route.tls.certificate
    if not mine.sha256:
        return []
    direct = evidence.direct.tls.certificate
    other = [("Issuer without the proxy", direct.issuer)] if direct.sha256 else []
    return [("Certificate issuer", mine.issuer), ("Certificate SHA-256", mine.sha256), *other]


def _named(evidence: Evidence) -> list[tuple[str, str]]:
    names = hops(evidence)
    return [("The answer names", ", ".join(names))] if names else []


def _again(evidence: Evidence) -> str:
    proxy = f" --proxy {clean(evidence.route.proxy)}" if evidence.route.proxy else ""
    idle = max((hold.seconds for hold in evidence.holds), default=0)
    return f"{clean(evidence.url)}{proxy}" + (f" --idle {idle:.0f}" if idle else "")


def _plain(text: str) -> str:
    """Take the marks of Markdown out, for a ticket that shows them."""
    text = re.sub(r"(?m)^`{3,}(text)?$\n?", "", text)
    text = re.sub(r"(?m)^#+ (.*)$", lambda head: f"{head[1]}\n{'-' * len(head[1])}", text)
    return re.sub(r"(?m)^\*\*([\w-]+)\*\*", r"\1", text).strip()
