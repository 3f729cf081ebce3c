"""What was seen and found, as lines for a terminal of 80 columns; every text of a peer made harmless."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from checks.evidence import NOT_REQUESTED, Evidence, HoldResult, PingResult, Response, Route
from checks.findings import WORKS, Diagnosis, Finding
from checks.findings.facts import Facts

WIDTH, INDENT = 80, 21

SHOWN = {
    "": "as a browser",
    "no-upgrade": "without Upgrade",
    "no-origin": "without Origin",
    "no-cookies": "without cookies",
    "no-extensions": "without extensions",
    "direct": "without the proxy",
    "http2": "over HTTP/2",
}
"""What each flip is called."""

HOPS = {
    "computer": "this computer",
    "network": "the address, or the network to it",
    "forward proxy": "the forward proxy",
    "TLS": "the certificate",
    "gate": "a gate before DSS: login, firewall",
    "reverse proxy": "a proxy on the way, most often the one in front of DSS",
    "any": "some hop between here and DSS",
    "server": "the server",
}

NAMING = ("Server", "Via", "X-Cache", "X-Squid-Error", "CF-Ray", "X-Amz-Cf-Id", "X-Azure-Ref", "X-Served-By")
"""Headers in which a hop says who it is."""


def command() -> str:
    """Return what a reader types to run us: the checkout's module, or the single file."""
    name = Path(sys.argv[0]).name
    return f"python {name}" if name.endswith(".pyz") else "python -m checks"


def clean(text: object, limit: int = 300) -> str:
    """Return the text with what could steer a terminal made visible, at most `limit` characters of it."""
    said = str(text)
    safe = "".join(sign if unicodedata.category(sign)[0] != "C" else ascii(sign)[1:-1] for sign in said[:limit])
    return safe + ("..." if len(said) > limit else "")


def stages(evidence: Evidence) -> Iterator[str]:
    """Yield a line for each thing that was looked at."""
    yield from _way(evidence.route)
    if not evidence.route.failed or evidence.page.status:
        yield from _row("page", evidence.page, evidence.page.seconds)
    if evidence.health_check != Response():
        yield from _row("health check", evidence.health_check, evidence.health_check.seconds)
    for path in evidence.paths:
        yield from _socket(evidence, path)
    for there, status in evidence.tunnels:
        yield from _row("tunnel", f"to {there}: {status or 'no answer'}")
    if evidence.other_scheme != Response():
        yield from _row("other scheme", evidence.other_scheme, evidence.other_scheme.seconds)
    yield from _last(evidence)


def _socket(evidence: Evidence, path: str) -> Iterator[str]:
    yield from _row("socket", path)
    for shake in (shake for shake in evidence.handshakes if shake.path == path and shake.variant != "again"):
        fault = f" ({shake.fault})" if shake.response.status == 101 and shake.fault else ""
        yield from _row(f"  {SHOWN[shake.variant]}", f"{shake.response}{fault}", shake.response.seconds)
    facts = Facts(evidence)
    if path in facts.inconsistent_paths:
        tries = facts.attempts(path)
        yield from _row("  in all", f"{sum(shake.opened for shake in tries)} of {len(tries)} such handshakes opened")
    for name, value in evidence.handshake(path).changed_headers.items():
        yield from _row("  arrived", f"{name}: {value}" if value else f"without {name}")
    for seen in (seen for seen in evidence.pings if seen.path == path):
        yield from _row("  ping uncompressed" if seen.variant else "  ping", _ping(seen), seen.pong)


def _last(evidence: Evidence) -> Iterator[str]:
    for hold in evidence.holds:
        yield from _row("held", _hold(hold))
    for size in evidence.sizes:
        closed = f", close code {size.close_code}" if size.close_code else ""
        yield from _row("message", f"{size.size} bytes: {'passed' if size.passed else 'did not pass'}{closed}")
    for what, why in evidence.skipped:
        if why != NOT_REQUESTED:
            yield from _row("not tried", f"{what}: {why}")


def _way(route: Route) -> Iterator[str]:
    if route.proxy:
        yield from _row("proxy", f"{route.proxy} (from {route.source})")
    if route.host and route.addresses != (route.host,):
        found = ", ".join(route.addresses) or route.error
        yield from _row("name", f"{route.host}: {found}")
    for attempt in route.attempts:
        yield from _row("connection", f"{attempt.address}: {attempt.error or 'accepted'}", attempt.seconds)
    if route.tunnel != Response():
        yield from _row("tunnel", route.tunnel, route.tunnel.seconds)
    tls, mine = route.tls, route.tls.certificate
    if tls.version or tls.code:
        yield from _row("TLS", f"{tls.version or 'refused'}, issued by {mine.issuer or 'unknown'}", tls.seconds)
        if tls.code:
            yield from _row("", f"not trusted: {tls.untrusted}")
    elif route.failed == "tls":
        yield from _row("TLS", route.error)


def _ping(seen: PingResult) -> str:
    closed = f" (close code {seen.close_code} {seen.close_reason})" if seen.close_code else ""
    return f"{seen.error}{closed}" if seen.error else "pong"


def _hold(hold: HoldResult) -> str:
    how = f"a ping every {hold.ping_every:g} s" if hold.ping_every else "silence"
    code = f", close code {hold.close_code}" if hold.close_code else ""
    return f"{how}: {'dropped after' if hold.dropped else 'still open after'} {hold.seconds:.1f} s{code}"


def _row(label: str, text: object, seconds: float = 0.0) -> list[str]:
    """Return a label, what was seen, and at the right how long it took."""
    took = "" if not seconds else f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
    took = took[:12]
    first, *others = textwrap.wrap(clean(text), WIDTH - INDENT - len(took) - 1) or [""]
    line = f"{label:<{INDENT - 1}} {first}"
    return [f"{line:<{WIDTH - len(took) - 1}} {took}".rstrip(), *(" " * INDENT + other for other in others)]


def verdict(evidence: Evidence, diagnosis: Diagnosis) -> Iterator[str]:
    """Yield what was found, why, and what to do."""
    for finding in diagnosis.findings:
        if finding.id == WORKS:
            yield from _wrapped("works: ", clean(finding.proof, 2000))
            continue
        yield from _wrapped(f"{finding.id}: ", clean(finding.proof, 2000))
        yield from _wrapped("  ", f"{finding.summary}.")
        yield from _wrapped("  Where: ", f"{HOPS[finding.hop]}{_named(evidence, finding)}.")
        yield from _wrapped("  Fix:   ", f"{finding.fix}.")
        yield f"  More:  {finding.page}"
    if diagnosis.findings:
        return
    if not evidence.page.status and not any(shake.response.status for shake in evidence.handshakes):
        yield from _wrapped("could not look: ", clean(evidence.page))
    if diagnosis.candidates:
        said = "cannot tell between: " if len(diagnosis.candidates) > 1 else "may be, and is not proven: "
        yield from _wrapped(said, ", ".join(diagnosis.candidates))
        yield from _wrapped("  Next:  ", f"{diagnosis.next_step}.")
    else:
        yield "no cause that this evidence proves; see the stages above"
        if diagnosis.next_step:
            yield from _wrapped("  Next:  ", f"{clean(diagnosis.next_step)}.")


def _named(evidence: Evidence, finding: Finding) -> str:
    names = hops(evidence) if finding.hop in {"gate", "reverse proxy", "any", "server"} else []
    return f"; the answer names {' and '.join(names)}" if names else ""


def hops(evidence: Evidence) -> list[str]:
    """Return how the hops name themselves that answered the first handshake which did not open."""
    failed = [shake.response for path in evidence.paths for shake in Facts(evidence).attempts(path) if not shake.opened]
    answer = failed[0] if failed and failed[0].status else evidence.page
    said = [clean(f"{answer.header(name)} ({name})", 80) for name in NAMING if answer.header(name)]
    return [name for name in said if not name.startswith(" ")]


def _wrapped(begin: str, text: str) -> list[str]:
    return textwrap.wrap(
        begin + text,
        WIDTH,
        subsequent_indent="  " if not begin.startswith("  ") else " " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary_line(evidence: Evidence, diagnosis: Diagnosis) -> str:
    """Return the verdict on one of many targets, in one line."""
    said = ", ".join(finding.id for finding in diagnosis.findings)
    return said or (
        f"not proven: {', '.join(diagnosis.candidates)}"
        if diagnosis.candidates
        else f"no cause proven; the page: {clean(evidence.page, 60)}"
    )
