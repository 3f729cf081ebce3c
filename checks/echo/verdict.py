"""Judge what a browser reports by what arrived here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from checks.echo.visits import Arrival, Outcome, Visit
from checks.findings import WORKS, cause, page
from checks.report.text import more, size_of
from checks.report.ticket import OWNERS

SIDE = ("forward-proxy-blocks", "tls-interception", "endpoint-security")
"""The causes on the side of one visitor, where the WebSocket of another one opens."""

STOPPED = ("connect-denied", "proxy-auth", "forward-proxy-blocks", "waf-blocks", "auth-on-handshake", "upgrade-denied")
"""The causes by which a handshake never arrives, though an ordinary request for the same URL does."""

ENCRYPTED = {"tls-interception", "h2-websocket"}
"""The causes that need HTTPS."""

CONSOLE = (
    "Press F12 in this browser, open Console, reload this page, and copy the red text about WebSocket."
    " In Chrome and Edge, it names the status code, and often the cause"
)

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade"}
"""The headers that ask for a WebSocket (RFC 6455, section 4.1)."""


@dataclass(frozen=True)
class Row:
    """The result of one test, for people."""

    label: str
    good: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the tests of a visitor mean."""

    id: str = ""
    """The id of the proven cause, or "" while nothing is proven."""
    title: str = ""
    summary: str = ""
    """The problem, as a sentence without its period."""
    proof: str = ""
    """What was expected and what arrived; empty while nothing is proven."""
    fix: str = ""
    """What to do: the fix of the proven cause, or the next step."""
    more: str = ""
    """The URL of the cause's page, or the command that prints it."""
    owner: str = ""
    """Who can do that; empty if the WebSocket works."""
    candidates: Sequence[tuple[str, str]] = ()
    """The ids and titles of the causes that are possible."""
    rows: Sequence[Row] = ()
    final: bool = False
    message: str = ""
    """What the visitor may send."""
    subject: str = ""

    def states(self) -> list[str]:
        """Return what a later verdict must differ in to be shown again."""
        return [self.id, self.title, self.proof]

    def for_page(self) -> dict[str, Any]:
        """Return what the page shows."""
        return asdict(self)


def judge(visit: Visit, others: Iterable[Visit]) -> Verdict:
    """Return what the tests mean, without rows and message."""
    neighbours = sum(other.opened and other.origin == visit.origin for other in others)
    for rule in (_intermittent, _handshake, _notebooks, _messages, _sizes, _held, _own):
        found = rule(visit, neighbours)
        if found:
            return found
    return _works(visit)


def _proven(name: str, proof: str) -> Verdict:
    rule = cause(name)
    address = more(name, page(name))
    return Verdict(name, rule.title, rule.summary, proof, rule.fix, address, OWNERS[rule.hop])


def _possible(title: str, summary: str, names: Iterable[str], fix: str, owner: str = "") -> Verdict:
    candidates = [(name, cause(name).title) for name in names]
    owners = dict.fromkeys(OWNERS[cause(name).hop] for name, _ in candidates)
    whom = owner or " or ".join(owners)
    return Verdict("", title, summary, "", fix, "", whom, candidates)


def _without_tls(visit: Visit, names: Iterable[str]) -> list[str]:
    secure = visit.origin.startswith("https:")
    return [name for name in names if secure or name not in ENCRYPTED]


def _tries(visit: Visit) -> list[Outcome]:
    return [visit.outcomes[name] for name in ("plain", "plain-2", "plain-3") if name in visit.outcomes]


def _intermittent(visit: Visit, _neighbours: int) -> Verdict | None:
    tries = _tries(visit)
    good = sum(each.good for each in tries)
    if 0 < good < len(tries):
        return _proven("intermittent", f"{good} of {len(tries)} identical handshakes succeeded")
    return None


def _handshake(visit: Visit, neighbours: int) -> Verdict | None:
    plain = visit.outcomes.get("plain")
    if not plain or plain.good:
        return None
    if plain.outcome == "blocked":
        return _proven("csp-blocks", f"expected no policy against the WebSocket, got {plain.reason or 'a violation'}")
    arrival = visit.arrivals.get("plain")
    if not arrival:
        return _never_arrived(visit, plain, neighbours)
    lost = _lost(arrival)
    if lost and neighbours:
        summary = (
            f"A proxy drops or changes the headers that open a WebSocket. The WebSocket of {_count(neighbours)} opened,"
            " so the reverse proxy in front of DSS forwards it, and the cause is on this computer or its network"
        )
        fix = f"Compare the network of this computer with that of {_count(neighbours)}: {lost.proof}"
        return _possible("A proxy on this network blocks WebSocket", summary, _without_tls(visit, SIDE), fix)
    if lost:
        return lost
    summary = "The handshake arrived and was accepted, but the response did not reach this browser as it was sent"
    names = ("response-buffered", "handshake-unanswered") if plain.outcome == "hung" else ()
    return _possible(
        "The response to the handshake is lost",
        summary,
        names or ("handshake-header-mangled", "accept-mismatch"),
        CONSOLE,
    )


def _lost(arrival: Arrival) -> Verdict | None:
    """Return the cause if a proxy changed what makes a request a WebSocket."""
    request = arrival.request
    if request.version == "HTTP/2":
        return _proven("http2-upstream", "expected the handshake over HTTP/1.1, got HTTP/2")
    got = [f"{name}: {request.header(name)}" if request.header(name) else f"no {name}" for name in HANDSHAKE]
    if request.version == "HTTP/1.0":
        return _proven("http-1-0-upstream", f"expected HTTP/1.1, got HTTP/1.0 with {' and '.join(got)}")
    if not arrival.upgrade:
        wanted = " and ".join(f"{name}: {value}" for name, value in HANDSHAKE.items())
        return _proven("upgrade-not-forwarded", f"expected {wanted}, got {' and '.join(got)}")
    missing = [name for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Version") if not request.header(name)]
    if missing:
        return _proven("handshake-header-mangled", f"expected {missing[0]}, and it did not arrive")
    return None


def _never_arrived(visit: Visit, plain: Outcome, neighbours: int) -> Verdict:
    if "get" not in visit.arrivals:
        got = f"status code {visit.status}" if visit.status else "no response"
        asked = ["auth-on-handshake"] if visit.status in {401, 403} else []
        summary = (
            "The URLs below this page do not lead to the test server, because an ordinary request for one of them got"
            f" {got}. So this test shows nothing about WebSocket yet"
        )
        fix = "Let the reverse proxy send this path and everything below it to `echo`"
        return _possible("The test does not reach its server", summary, asked, fix, OWNERS["reverse proxy"])
    if plain.outcome == "hung":
        silent = ("handshake-unanswered", "waf-blocks")
        summary = "A hop between this browser and the server does not forward the handshake, and does not respond to it"
        return _possible("The handshake gets no response", summary, silent, CONSOLE)
    names = _without_tls(visit, ("tls-interception", *STOPPED) if visit.origin.startswith("https:") else STOPPED)
    if visit.protocol == "h2":
        names.append("h2-websocket")
    summary = (
        "An ordinary request for the same URL arrived at the server, and the handshake did not."
        " A hop before the server stops the handshake because it asks for a WebSocket"
    )
    if neighbours:
        summary += f". The WebSocket of {_count(neighbours)} opened, so the cause is on this computer or its network"
        names = [name for name in names if OWNERS[cause(name).hop] != OWNERS["reverse proxy"]]
    return _possible("The handshake does not reach the server", summary, names, CONSOLE)


def _count(visitors: int) -> str:
    return "another visitor" if visitors == 1 else f"{visitors} other visitors"


def _notebooks(visit: Visit, _neighbours: int) -> Verdict | None:
    found = visit.outcomes.get("jupyter")
    if not found or found.good:
        return None
    arrival = visit.arrivals.get("jupyter")
    if arrival and arrival.refused:
        host, origin = arrival.request.header("Host"), arrival.request.header("Origin")
        own = urlsplit(visit.origin).netloc
        expected, got = (f"Host: {own}", host) if host.lower() != own.lower() else (f"Origin: {visit.origin}", origin)
        return _proven("host-not-preserved", f"expected {expected}, got {got or 'none'}")
    if arrival and _lost(arrival):
        return _proven("upgrade-wrong-location", "another URL opened, and the one of notebooks arrived without Upgrade")
    summary = (
        "One WebSocket opened, and the one at a URL of notebooks did not, so a proxy treats the two URLs differently"
    )
    return _possible("The WebSocket of notebooks fails", summary, ("upgrade-wrong-location", "waf-blocks"), CONSOLE)


def _messages(visit: Visit, _neighbours: int) -> Verdict | None:
    found = visit.outcomes.get("message")
    if not found or found.good:
        return None
    arrival = visit.arrivals.get("plain")
    if found.outcome == "hung":
        got = "it arrived, and the reply did not come back" if arrival and arrival.messages else "it did not arrive"
        return _proven("response-buffered", f"expected a message to come back at once, got nothing: {got}")
    summary = "The WebSocket opened, and closed when the first message was sent"
    code = f" with code {found.code}" if found.code else ""
    names = ("extension-mangled", "waf-blocks")
    return _possible("The WebSocket breaks at the first message", f"{summary}{code}", names, CONSOLE)


def _sizes(visit: Visit, _neighbours: int) -> Verdict | None:
    sizes = visit.sizes
    wrong = next((each for each in sizes if not each.good), None)
    if not wrong:
        return None
    passed = max((each.size for each in sizes if each.size < wrong.size), default=0)
    before = f"a message of {size_of(passed)} came back, and " if passed else ""
    if wrong.outcome == "hung":
        return _proven("large-messages-stall", f"{before}one of {size_of(wrong.size)} did not")
    code = f" with close code {wrong.code}" if wrong.code else ""
    return _proven("message-size-limit", f"{before}one of {size_of(wrong.size)} closed the WebSocket{code}")


def _held(visit: Visit, _neighbours: int) -> Verdict | None:
    silent, busy = visit.outcomes.get("silent"), visit.outcomes.get("busy")
    if not silent or silent.good:
        return None
    lasted = f"{silent.seconds:.1f} s"
    if busy and busy.good:
        return _proven("idle-timeout", f"without messages it closed after {lasted}; with messages it stayed open")
    if busy and abs(busy.seconds - silent.seconds) <= max(0.5, silent.seconds / 10):
        summary = f"The WebSocket closed after {lasted}, with messages and without"
        return _possible("The WebSocket closes", summary, ("lifetime-limit", "proxy-reload"), "Run this test once more")
    summary = f"The WebSocket opened, and closed after {lasted}"
    return _possible(
        "The WebSocket closes", summary, ("idle-timeout", "lifetime-limit", "proxy-reload"), "Run this test once more"
    )


def _own(visit: Visit, _neighbours: int) -> Verdict | None:
    found = visit.outcomes.get("dss")
    if not found or found.good:
        return None
    summary = (
        "The WebSocket to the test server works, and the one of DSS itself does not open."
        " The reverse proxy treats the URLs of DSS differently, or DSS rejects the WebSocket"
    )
    names = ("upgrade-not-forwarded", "upgrade-wrong-location", "auth-on-handshake", "backend-down")
    fix = (
        "Compare the rule of the reverse proxy for DSS with its rule for this test,"
        " or point the reverse proxy to `echo` instead of DSS for a moment"
    )
    return _possible("The test works, and DSS does not", summary, names, fix, OWNERS["reverse proxy"])


def _works(visit: Visit) -> Verdict:
    plain = visit.outcomes.get("plain")
    if not plain:
        return Verdict(
            title="The test did not run",
            summary="The page opened, but the browser reported no test of the WebSocket",
            fix="Reload this page, and leave it open until the test has ended",
            owner=OWNERS["reverse proxy"],
        )
    rest = "" if visit.final else ". The test that keeps one open is still running"
    summary = f"The WebSocket opened, and messages came back{rest}"
    return Verdict(WORKS, cause(WORKS).title, summary, final=visit.final)
