"""Answer what a pasted text means, the most important reading first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from checks.symptoms import sockets
from checks.symptoms.data import MOST_CAUSES, Symptom, symptoms
from checks.symptoms.match import ABOUT, Entry, Match, allowed, as_pasted, entry, find
from checks.symptoms.prefilter import possible
from checks.symptoms.regex import compiled
from checks.symptoms.sockets import Pages, Socket
from checks.symptoms.text import LIMIT, paragraphs, shortened

SECRETS = compiled("((?:wss?|https?)://)(?:[^/ @'\"]*@)?([^ ?#'\"]*)([?#][^ '\"]*)?")
"""A URL, with a password before its host or a token after its path."""

ARGUMENTS = compiled(
    "([?&;][A-Za-z0-9_.%-]{1,60}=|^[A-Za-z0-9_.%-]{0,60}=|"
    "[a-z0-9_.-]{0,40}(?:sess|token|auth|secret|passw|jwt)[a-z0-9_.-]{0,40}=|"
    "(?:cookie|authorization|api-?key|token|password)['\"]{0,2}: ?['\"]?)[^ '\"&][^ '\"]*(?: [^ '\":]{8,})?"
)
"""The value of an argument or of a header, which may be a secret."""

QUESTIONS = (
    (
        "Does DSS work on another network, such as a phone hotspot?",
        "If it does, a proxy or firewall of the first network is the likeliest cause: ask your network team.",
    ),
    (
        "Does DSS work in another browser, or on another computer?",
        "If it does, check the extensions of the browser and the security software of the computer.",
    ),
    (
        "How long did the connection last?",
        (
            "If it failed at once, the reverse proxy in front of DSS is the likeliest cause. "
            "If it always lasts the same time, a proxy limits it: `diagnose --idle 75` tests for an idle timeout."
        ),
    ),
)
"""What to find out where a text is not understood, and what the reply means."""

REPLIES = (("It works there", "It fails there, too"),) * 2 + (
    ("It fails at once", "It always lasts the same time", "It breaks at random"),
)
"""What people may reply to each question."""

SHOWN = 400
"""Characters of a line that are shown, at most."""

MOST_LINES = 5
"""Lines of a text that is not understood which a ticket shows."""

LOG = 100
"""The weight of what a proxy or server logs: it knows more than its client."""

RARE = 3
"""A symptom that occurs so many times less often than another one of its WebSocket is less important."""


@dataclass(frozen=True)
class Reading:
    """What one thing in the text means."""

    symptom: Symptom
    line: str
    """The line, as pasted."""
    count: int
    """How often it occurs."""
    socket: Socket | None
    """The WebSocket that it is about, if the text shows one."""
    named: bool
    """Whether the line or one before it names the WebSocket."""
    causes: tuple[str, ...]
    """Ids, likeliest first."""

    @property
    def masked(self) -> str:
        """The line as pasted, without passwords and queries in its URLs."""
        return without_secrets(self.line)

    @property
    def shown(self) -> str:
        """The masked line, cut if it is long."""
        line = self.masked
        return line if len(line) <= SHOWN else line[:SHOWN] + "..."


@dataclass(frozen=True)
class Answer:
    """What a text means."""

    readings: tuple[Reading, ...]
    """The most important first."""
    cut: bool
    """Whether the text was too long and only its first part was read."""
    about_websocket: bool
    """Whether the text mentions a WebSocket at all."""


def without_secrets(line: str) -> str:
    """Return a line as pasted, without passwords and queries in its URLs."""
    line = SECRETS.sub(lambda found: found[1] + found[2] + ("?..." if found[3] else ""), line)
    return ARGUMENTS.sub(r"\1...", line)


def quoted(text: str) -> list[str]:
    """Return the first lines of a text that is not understood, without secrets."""
    lines = [line.pasted.strip() for lines in paragraphs(shortened(text)) for line in lines]
    return [without_secrets(line)[:SHOWN] for line in lines[:MOST_LINES]]


def socket_in(text: str) -> Socket | None:
    """Return the first WebSocket whose URL is in a text."""
    lines = (entry(lines).joined[-1].text for lines in paragraphs(shortened(text)))
    found = (socket for line in lines for _, socket in sockets.sockets_in(line))
    return next(found, None)


def read(text: str) -> Answer:
    """Return what a text means."""
    entries = [entry(lines) for lines in paragraphs(shortened(text))]
    lowered = "\n".join(each.joined[-1].text.lower() for each in entries)
    about = bool(ABOUT.search(lowered))
    known = allowed(sum(len(each.lines) for each in entries), about=about)
    pages = sockets.pages_in(lowered)
    found = [reading for each in entries for reading in _readings(each, known, pages)]
    return Answer(tuple(_ranked(_counted(found), pages)), len(text) > LIMIT, about)


def _readings(each: Entry, known: frozenset[int], pages: Pages) -> Iterable[Reading]:
    known &= frozenset().union(*(possible(joined.text.lower()) for joined in each.joined))
    if not known or each.foreign:
        return
    places = sockets.sockets_in(each.joined[-1].text)
    shown = {name for _, socket in places for name in sockets.evidence(socket, pages)}
    for match in find(each, frozenset(number for number in known if symptoms()[number].when in {"", *shown})):
        pasted = as_pasted(each, match.first, match.last)
        socket = _socket(each, match, places)
        yield Reading(match.symptom, pasted, 1, socket, socket is not None, match.symptom.causes)


def _socket(each: Entry, match: Match, places: list[tuple[int, Socket]]) -> Socket | None:
    """Return the WebSocket in the lines of the match, or the last one before."""
    ends = each.joined[-1].ends
    start, end = ends[match.first - 1] if match.first else 0, ends[match.last]
    inside = [socket for place, socket in places if start <= place < end]
    before = [socket for place, socket in places if place < start]
    return inside[0] if inside else before[-1] if before else None


def _counted(found: list[Reading]) -> list[Reading]:
    """Return one reading for each symptom of each WebSocket, and count them."""
    counted: dict[object, Reading] = {}
    for reading in found:
        key = (reading.symptom, reading.socket and reading.socket.key)
        known = counted.get(key)
        counted[key] = replace(known, count=known.count + reading.count) if known else reading
    return list(counted.values())


def _ranked(found: list[Reading], pages: Pages) -> Iterable[Reading]:
    """Return the readings of each WebSocket in turn, that of the page first."""
    if any(not reading.symptom.harmless for reading in found):
        found = [reading for reading in found if not reading.symptom.harmless]
    named: dict[tuple[str, str, str], tuple[Socket, int]] = {}
    for reading in found:
        if reading.socket:
            socket, count = named.get(reading.socket.key, (reading.socket, 0))
            better = sockets.DSS_PATH.search(reading.socket.path) and not sockets.DSS_PATH.search(socket.path)
            named[reading.socket.key] = (reading.socket if better else socket, count + reading.count)
    order = sockets.in_order(named.values(), pages)
    main = order[0] if order and not order[0].loopback else None
    alone = [replace(reading, socket=main) for reading in found if not reading.socket]
    if not main:
        yield from _of_one(alone)
    of_socket: dict[tuple[str, str, str], list[Reading]] = {}
    for reading in found:
        if reading.socket:
            of_socket.setdefault(reading.socket.key, []).append(reading)
    for socket in order:
        own = of_socket[socket.key]
        yield from _of_one(_counted(own + alone) if socket == main else own)


def _of_one(found: list[Reading]) -> Iterable[Reading]:
    """Return the readings of one WebSocket, without general ones if any is specific."""
    best = max((reading.symptom.weight for reading in found), default=0)
    kept = [reading for reading in found if reading.symptom.weight >= min(best, 0)]
    most = max((reading.count for reading in kept if reading.named), default=0)

    def rank(reading: Reading) -> tuple[bool, bool, bool, int, int, str]:
        causes = len(reading.causes)
        rare = reading.named and reading.count * RARE <= most
        log = reading.symptom.weight >= LOG
        return (rare, not causes, not log, causes, -reading.count, reading.symptom.pattern)

    for reading in sorted(kept, key=rank):
        allowed = sockets.possible(reading.causes, reading.socket) if reading.socket else reading.causes
        yield replace(reading, causes=allowed[:MOST_CAUSES])
