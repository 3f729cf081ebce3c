"""The causes, one module each, found by listing this folder.

A module has a first docstring line (what is wrong, one line), `HOP` (where, one of HOPS), `FIX` (the one thing to do)
and `proof(evidence)`, a pure function that returns what proves the cause, with both sides, or None.
It may have `maybe(evidence)`, which returns what to try next when this evidence would also come of its cause.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from checks.evidence import Evidence

SITE = os.environ.get("SITE_URL", "")
"""Where the site is published; empty where it is not, and pages are then those of the checkout."""

HOPS = ("computer", "network", "forward proxy", "TLS", "gate", "reverse proxy", "any", "server")
"""Where a cause can be, nearest to the reader first."""

ON_THE_WAY = ("computer", "network", "forward proxy", "TLS")
"""The hops before anything of the server's own."""

BEHIND = ("gate", "reverse proxy", "server")
"""The hops behind a forward proxy, whoever runs it."""

NO_DSS = (
    "the health check of DSS is not there, so this may not be DSS, or not the name by which a proxy knows it: compare"
    " the address with the one in your browser; of another site, give the address of its socket, which begins with ws"
)
"""What to try next where DSS would have answered."""

LIMITED = "look for a limit on requests or connections, or a server that is down, in the log of the proxy at this time"
"""What to try next where some requests are refused and others are not."""

WANTS_A_CERTIFICATE = ("certificate required", "no required ssl certificate")
"""What is said to somebody who should have shown a certificate: by TLS 1.3 (RFC 8446, section 6.2), and by nginx."""

INTERMITTENT = "intermittent"
"""The finding beside which nothing counts that compares one handshake with another."""

WORKS = "works"
"""The finding that remains when nothing is wrong."""


@dataclass(frozen=True)
class Rule:
    """What is known about one cause."""

    id: str
    title: str
    hop: str
    summary: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """A cause that the evidence proves."""

    id: str
    title: str
    """The cause for people, as in headings."""
    hop: str
    """Where the cause is, one of HOPS."""
    summary: str
    proof: str
    fix: str
    page: str


@dataclass(frozen=True)
class Diagnosis:
    """Everything that the evidence proves, or what to try next where it proves nothing."""

    findings: tuple[Finding, ...]
    """The proven causes, nearest to the user first; `works` alone where nothing is wrong."""
    candidates: tuple[str, ...] = ()
    """The ids of the causes that the evidence allows and does not prove; empty where a cause is proven."""
    next_step: str = ""
    """What to try next; empty where a cause is proven."""
    exit_code: int = 1
    """0 when it works, 1 when a cause was found or something does not work, 2 when nothing could be looked at."""

    @property
    def works(self) -> bool:
        """Whether nothing is wrong."""
        return any(finding.id == WORKS for finding in self.findings)


@functools.cache
def ids() -> list[str]:
    """Return the id of every finding, kebab-case, as in pages, addresses, twins and output."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def cause(finding: str) -> Rule:
    """Return what is known about a cause.

    Raises LookupError that names the ids there are.
    """
    found = _module(finding)
    summary = (found.__doc__ or "").splitlines()[0].rstrip(".")
    return Rule(finding, found.TITLE, found.HOP, summary, found.FIX)


def _module(finding: str) -> ModuleType:
    if finding not in ids():
        raise LookupError(f"there is no finding {finding!r}; there are: {', '.join(ids())}")
    return importlib.import_module(f"{__name__}.{finding.replace('-', '_')}")


def source(finding: str) -> str:
    """Return the file that holds the rule of a cause."""
    return str(_module(finding).__file__)


def page(finding: str) -> str:
    """Return where the page of a finding is."""
    return f"{SITE}findings/{finding}.html" if SITE else f"docs/findings/{finding}.md"


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return every cause that this evidence proves, or what it leaves open."""
    found = _findings(evidence)
    candidates, following = ((), "") if found else _suspected(evidence)
    return Diagnosis(found, candidates, following, _exit_code(evidence, found))


def _findings(evidence: Evidence) -> tuple[Finding, ...]:
    found = [_proven(name, evidence) for name in _possible(evidence) if name != WORKS]
    causes = tuple(finding for finding in found if finding)
    works = None if causes else _proven(WORKS, evidence)
    return (works,) if works else causes


def _exit_code(evidence: Evidence, found: tuple[Finding, ...]) -> int:
    names = {finding.id for finding in found}
    if WORKS in names:
        return 0
    answered = evidence.page.status or any(shake.response.status for shake in evidence.handshakes)
    return 1 if answered or names - {"unreachable"} else 2


def _suspected(evidence: Evidence) -> tuple[tuple[str, ...], str]:
    """Return the causes that may be, and what to try next."""
    if evidence.moved_to:
        return (), f"look where the page sends everybody: diagnose {evidence.moved_to}"
    hints = {name: _maybe(name, evidence) for name in _possible(evidence)}
    between = tuple(name for name, hint in hints.items() if hint)
    first = next((name for name in between if hints[name]), "")
    # On the way to the server, it does not matter whether that is DSS.
    nothing = evidence.health_check.status == 200 and evidence.health_check.body == evidence.page.body == ""
    if (evidence.health_check.status == 404 or nothing) and not (first and _module(first).HOP in ON_THE_WAY):
        return between, NO_DSS
    return between, hints.get(first) or _compared(evidence)


def _compared(evidence: Evidence) -> str:
    """Return what to try next where no rule has a word for it: how the answers compare says where to look."""
    said = f"{evidence.page.error} {evidence.page.body}".lower()
    if any(words in said for words in WANTS_A_CERTIFICATE):
        return "the server lets in only who shows a certificate: give the reader's with --cert"
    if evidence.route.failed == "tls":
        return (
            "TLS does not come about, so this is no matter of WebSocket: open the page in a browser, and compare the"
            " address with the one there"
        )
    closed = [path for path in evidence.paths if not evidence.handshake(path).opened]
    pages = [] if evidence.named_a_socket else [evidence.page.status, evidence.health_check.status]
    if not closed:
        unsent = [shake.response for shake in evidence.handshakes if shake.variant == "http2" and not shake.sent]
        clues = {
            "look for a proxy that asks for an upgrade with every request, also where nobody wants one": 400 in pages,
            "pages are answered as sockets are: look for a proxy that changes addresses, or sends all to one server": (
                426 in pages
            ),
            LIMITED: bool({429, 503} & set(pages)),
            "sockets open and the page does not come: look in the log of the proxy for what it has asked for it, and of"
            " whom": not evidence.reached,
            "sockets open and do not last: look into the log of DSS, then into those of the proxies, at this time": any(
                each.error for each in evidence.pings if not each.variant
            ),
            "the server agrees to HTTP/2 (ALPN) and then does not speak it, so browsers get no page: take h2 out of"
            " what it offers": any(answer.error for answer in unsent),
        }
        return next((hint for hint, holds in clues.items() if holds), "")
    asked, plain = evidence.handshake(closed[0]).response, evidence.handshake(closed[0], "no-upgrade").response
    alone = len(closed) == len(evidence.paths) and set(pages) == {asked.status}
    differs = plain.status > 0 and (asked.status, asked.body) != (plain.status, plain.body)
    clues = {
        "open the page in a browser: it is refused here as the socket is, so this is no matter of WebSocket": (
            asked.status >= 400 and alone
        ),
        "ask DSS itself, at its own port; if its answer is another, look for what changes headers of answers": (
            asked.status == 101
        ),
        "it opens without Origin: look for a list of origins that are allowed (CORS), at the proxy or behind it": (
            any(evidence.handshake(path, "no-origin").opened for path in closed)
        ),
        LIMITED: asked.status in {429, 503},
        f"look in the log of the proxy for what it has asked for {closed[0]}, and of whom": asked.status in {502, 504},
        "something saw that an upgrade was asked for, and refused: look into the logs, from the proxy to DSS": differs,
        "ask DSS itself, at its own port and without the proxy; if the socket opens there, the proxy is it": True,
    }
    return next(hint for hint, holds in clues.items() if holds)


def _possible(evidence: Evidence) -> list[str]:
    """Return the ids, nearest first; what opens without the forward proxy is not broken behind it.

    Where the same is answered one way and another, a comparison proves nothing.
    """
    if evidence.inconsistent_paths:
        return [name for name in _nearest_first() if _module(name).HOP == "TLS" or name == INTERMITTENT]
    direct = [shake for shake in evidence.handshakes if shake.variant == "direct" and shake.opened]
    better = any(not evidence.handshake(shake.path).opened for shake in direct)
    return [name for name in _nearest_first() if not better or _module(name).HOP not in BEHIND]


def _nearest_first() -> list[str]:
    return sorted(ids(), key=lambda name: (HOPS.index(_module(name).HOP), name))


def _proven(name: str, evidence: Evidence) -> Finding | None:
    proof = _module(name).proof(evidence)
    known = cause(name)
    return Finding(name, known.title, known.hop, known.summary, proof, known.fix, page(name)) if proof else None


def _maybe(name: str, evidence: Evidence) -> str | None:
    maybe = getattr(_module(name), "maybe", None)
    hint: str | None = maybe(evidence) if maybe else None
    return hint
