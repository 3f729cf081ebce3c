"""Show evidence and its diagnosis on a terminal.

Every text from a server is made safe to print.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator

from checks.evidence import (
    NOT_REQUESTED,
    OTHER_BROWSERS,
    Evidence,
    Handshake,
    HoldResult,
    PingResult,
    Response,
    Route,
    SizeResult,
)
from checks.findings import Diagnosis, Finding, cause
from checks.findings.arrival import elsewhere, over_http_1_0, over_http_2
from checks.findings.facts import Facts

from .text import WIDTH, clean, more, wrap

LABEL = 21
"""Columns for the label of a row."""

VARIANTS = {
    "": "as a browser",
    "no-upgrade": "without Upgrade",
    "no-origin": "without Origin",
    "no-cookies": "without cookies",
    "no-extensions": "without extensions",
    "direct": "without the proxy",
    "http2": "over HTTP/2",
    "firefox": "as Firefox",
    "safari": "as Safari",
    "keep-alive": "with keep-alive",
    "forwarded-https": "X-Forwarded-Proto",
}
"""The label of each variant of a handshake."""

HOPS = {
    "computer": "this computer",
    "network": "the URL, or the network between here and the server",
    "forward proxy": "the forward proxy",
    "TLS": "the certificate",
    "gateway": "a gateway in front of DSS, such as a sign-in proxy or a firewall",
    "reverse proxy": "a proxy between here and DSS, most often the reverse proxy in front of DSS",
    "any": "any hop between here and DSS",
    "server": "the server",
}
"""Each place where a cause can be, for people."""

PRODUCT_HEADERS = (
    *("Server", "Via", "X-Cache", "X-Squid-Error", "CF-Ray", "X-Amz-Cf-Id", "X-Azure-Ref", "X-Served-By"),
)
"""Response headers that identify the product that sent the response."""

ADDED = ("forwarded", "x-forwarded-", "x-real-ip", "via")
"""How headers begin, in lower case, in which a proxy repeats what it was asked."""

NAMED_BY_RESPONSE = {"gateway", "reverse proxy", "any", "server"}
"""The hops that such a header can identify."""


def named(cause_id: str) -> str:
    """Return the title of a cause with its id beside it."""
    return f"{cause(cause_id).title} ({cause_id})"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output; on a terminal, highlight the important parts."""
    if not sys.stdout.isatty():
        print("\n".join(lines))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    for line in lines:
        text = Text(line)
        text.highlight_regex(r"^\S.* \(works\)$", "bold green")
        text.highlight_regex(r"^\S.* \((?!works\))[a-z0-9-]+\)$|^Not proven\b|^Could not test\b", "bold red")
        text.highlight_regex(r"^  (Proof|Where|Fix|More|Next):", "bold")
        text.highlight_regex(rf"^[a-z A-Z]{{{LABEL - 1}}} ", "dim")
        console.print(text, soft_wrap=True)


def report(evidence: Evidence, diagnosis: Diagnosis) -> list[str]:
    """Return what was tested, then the verdict."""
    return [*stages(evidence), "", *verdict(evidence, diagnosis)]


def stages(evidence: Evidence) -> Iterator[str]:
    """Yield a row for each step of the test."""
    yield from _route(evidence.route)
    if not evidence.route.failed or evidence.page.status:
        yield from _row("page", evidence.page, evidence.page.seconds)
    if evidence.health_check != Response():
        yield from _row("health check", evidence.health_check, evidence.health_check.seconds)
    for path in evidence.paths:
        yield from _websocket(evidence, path)
    yield from _second_look(evidence)
    for authority, status in evidence.tunnels:
        yield from _row("tunnel", f"to {authority}: {status or 'no response'}")
    if evidence.other_scheme != Response():
        yield from _row("other scheme", evidence.other_scheme, evidence.other_scheme.seconds)
    yield from _long_tests(evidence)


def _websocket(evidence: Evidence, path: str) -> Iterator[str]:
    yield from _row("WebSocket", path)
    for shake in (shake for shake in evidence.handshakes if shake.path == path and _differs(evidence, shake)):
        fault = f" ({shake.fault})" if shake.response.status == 101 and shake.fault else ""
        yield from _row(f"  {VARIANTS[shake.variant]}", f"{shake.response}{fault}", shake.response.seconds)
    facts = Facts(evidence)
    if path in facts.inconsistent_paths:
        attempts = facts.inconsistent_attempts(path)
        opened = sum(shake.opened for shake in attempts)
        yield from _row("  repeated", f"{opened} of {len(attempts)} identical handshakes succeeded")
    shakes = [shake for shake in evidence.handshakes if shake.path == path and shake.arrived_request]
    if shakes and all(shake.variant == "no-upgrade" for shake in shakes):
        yield from _row("  arrived", "only the request without Upgrade")
    rewritten = filter(elsewhere, shakes)
    first = next(rewritten, next(iter(shakes), evidence.handshake(path)))  # a proxy may forward the plain GET alone
    for line in _arrived(first):
        yield from _row("  arrived", line)
    for result in (result for result in evidence.pings if result.path == path):
        yield from _row("  ping uncompressed" if result.variant else "  ping", _ping(result), result.pong)
        if result.frame_error:
            yield from _row("  frame uncompressed" if result.variant else "  compressed frame", result.frame_error)


def _arrived(shake: Handshake) -> Iterator[str]:
    """Yield how the request that reached `checks echo` differs from ours."""
    if elsewhere(shake) or over_http_1_0(shake) or over_http_2(shake):
        yield f"as {shake.arrived_request}"
    for name, value in shake.changed_headers.items():
        yield f"{name}: {value}" if value else f"without {name}"
    sent = {name.lower(): name for name, _ in shake.sent}
    recased = [name for name, _ in shake.arrived if sent.get(name.lower(), name) != name]
    if recased and not shake.opened:
        yield f"with other capitals: {', '.join(recased)}"
    for name, value in shake.arrived:
        if name.lower() not in sent and name.lower().startswith(ADDED):
            yield f"with {name}: {value}"


def _differs(evidence: Evidence, shake: Handshake) -> bool:
    """Tell whether a handshake shows more than the first one on its path."""
    repeats = shake.variant == "again" or shake in evidence.handshakes[: evidence.handshakes.index(shake)]
    as_first = shake.variant in OTHER_BROWSERS and shake.opened == evidence.handshake(shake.path).opened
    return not repeats and not as_first


def _second_look(evidence: Evidence) -> Iterator[str]:
    """Yield a row for each repeated request that was alone or rejected."""
    for each in evidence.rechecks:
        if each.moment == "alone":
            kind = "handshake" if each.upgrade else "page" if each.path == "/" else each.path
            yield from _row("alone", f"{kind}: {each.response}", each.response.seconds)
        elif each.moment == "held" and not each.opened and each.held:
            yield from _row("held", f"{each.held} open, then {each.response}", each.response.seconds)
        elif each.moment == "beside a handshake" and not each.upgrade and each.response.status >= 500:
            yield from _row("beside a handshake", f"{each.path}: {each.response}", each.response.seconds)


def _long_tests(evidence: Evidence) -> Iterator[str]:
    for hold in evidence.holds:
        yield from _row("idle", _hold(hold))
    for size in evidence.sizes:
        yield from _row("message", _size(size))
    for test, reason in evidence.skipped:
        if reason != NOT_REQUESTED:
            yield from _row("not tested", f"{test}: {reason}")


def _route(route: Route) -> Iterator[str]:
    for skipped, error in route.passed_over:
        yield from _row("proxy", f"{skipped}: {error}; trying the next one in the PAC file")
    if route.proxy:
        yield from _row("proxy", f"{route.proxy} (from {route.source})")
    elif route.passed_over:
        yield from _row("proxy", "DIRECT (from PAC file)")
    if route.host and route.addresses != (route.host,):
        yield from _row("name", f"{route.host}: {', '.join(route.addresses) or route.error}")
    for attempt in route.attempts:
        yield from _row("connection", f"{attempt.address}: {attempt.error or 'accepted'}", attempt.seconds)
    if route.tunnel != Response():
        yield from _row("tunnel", route.tunnel, route.tunnel.seconds)
    tls = route.tls
    if tls.version or tls.code:
        issuer = tls.certificate.issuer or "unknown"
        yield from _row("TLS", f"{tls.version or 'failed'}, issued by {issuer}", tls.seconds)
        if tls.code:
            yield from _row("", f"not trusted: {tls.untrusted}")
    elif route.failed == "tls":
        yield from _row("TLS", route.error)


def _ping(result: PingResult) -> str:
    closed = f" (close code {result.close_code} {result.close_reason})" if result.close_code else ""
    late = f" (it came after {result.late:.1f} s, and after a second ping)" if result.late else ""
    return f"{result.error}{closed}{late}" if result.error else "pong"


def _hold(hold: HoldResult) -> str:
    how = f"a ping every {hold.ping_every:.2g} s" if hold.ping_every else "no pings"
    if not hold.dropped:
        return f"{how}: still open after {hold.seconds:.0f} s{', with a pong' if hold.answered else ''}"
    code = f", close code {hold.close_code}" if hold.close_code else ""
    if hold.found_by_ping:
        return f"{how}: failed after {hold.seconds:.1f} s, waiting for a pong{code}: {hold.error}"
    return f"{how}: closed after {hold.seconds:.1f} s{code}"


def _size(size: SizeResult) -> str:
    if size.passed:
        return f"{size.size} bytes: passed"
    closed = f", close code {size.close_code}" if size.close_code else f", {size.error}" if size.error else ""
    return f"{size.size} bytes: failed{closed}"


def _row(label: str, text: object, seconds: float = 0.0) -> list[str]:
    """Return a label, its value and, at the right margin, how long it took."""
    took = "" if not seconds else f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
    took = took[:12]
    first, *others = textwrap.wrap(clean(text), WIDTH - LABEL - len(took) - 1) or [""]
    line = f"{label:<{LABEL - 1}} {first}"
    return [f"{line:<{WIDTH - len(took) - 1}} {took}".rstrip(), *(" " * LABEL + other for other in others)]


def verdict(evidence: Evidence, diagnosis: Diagnosis) -> Iterator[str]:
    """Yield each cause with its proof and its fix.

    Without a proven cause, yield the candidates and the next step.
    """
    for finding in diagnosis.findings:
        yield named(finding.id)
        yield from _item("Proof", clean(finding.proof, 2000))
        if not diagnosis.works:
            yield from wrap(f"{finding.summary}.", "  ")
            yield from _item("Where", f"{HOPS[finding.hop]}{_products(evidence, finding)}.")
            yield from _item("Fix", f"{finding.fix}.")
            yield f"  More:  {more(finding.id, finding.page)}"
    if diagnosis.findings:
        return
    if diagnosis.exit_code == 2:
        yield from wrap(f"Could not test: {clean(evidence.page)}", "", "  ")
    if len(diagnosis.candidates) > 1:
        yield "Not proven, one of:"
    elif diagnosis.candidates:
        yield "Not proven, but possible:"
    else:
        yield "Not proven: this evidence does not show the cause; see the steps above"
    for candidate in diagnosis.candidates:
        yield from wrap(named(candidate), "  ", "    ")
    if diagnosis.next_step:
        yield from _item("Next", f"{clean(diagnosis.next_step, 2000)}.")


def _item(label: str, text: str) -> list[str]:
    first = f"  {label + ':':<6} "
    return wrap(text, first, " " * len(first))


def _products(evidence: Evidence, finding: Finding) -> str:
    names = products(evidence) if finding.hop in NAMED_BY_RESPONSE else []
    return f"; the response names {' and '.join(names)}" if names else ""


def products(evidence: Evidence) -> list[str]:
    """Return the products that the response names in its headers.

    It is the response to the first failed handshake, otherwise to the page request.
    """
    facts = Facts(evidence)
    failed = [shake.response for path in evidence.paths for shake in facts.attempts(path) if not shake.opened]
    response = failed[0] if failed and failed[0].status else evidence.page
    names = [clean(f"{response.header(name)} ({name})", 80) for name in PRODUCT_HEADERS if response.header(name)]
    return [name for name in names if not name.startswith(" ")]


def summary_line(evidence: Evidence, diagnosis: Diagnosis) -> str:
    """Return the verdict on one of many URLs, in one line."""
    if diagnosis.findings:
        return "; ".join(named(finding.id) for finding in diagnosis.findings)
    if diagnosis.candidates:
        return f"not proven: {', '.join(diagnosis.candidates)}"
    return f"not proven; the page: {clean(evidence.page, 60)}"
