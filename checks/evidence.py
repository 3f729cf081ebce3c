"""What was seen at an address, stage by stage; complete enough that every finding can be computed from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Flip = Literal["", "no-upgrade", "no-origin", "no-cookies"]
"""The one thing changed in a handshake: nothing; no Upgrade (a plain GET); no Origin (as from a script); no cookies."""

ALIKE_FOR_ALL = {301, 302, 303, 307, 308, 401, 403, 407, 429, 500, 502, 503, 504, 505}
"""With these a server or a gate answers everybody alike, whatever he asked for: no proof of a lost header."""


@dataclass(frozen=True)
class Answer:
    """The answer to one request: an HTTP response, or the reason why there was none."""

    status: int = 0
    """The status code; 0 without a response."""
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    """The beginning of the body, at most probe.BODY_LIMIT bytes, what is not UTF-8 replaced."""
    error: str = ""
    seconds: float = 0.0
    """From the first byte sent to the end of the response's head."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".strip() if self.status else self.error


@dataclass(frozen=True)
class Handshake:
    """One opening handshake (RFC 6455, section 4.1), or the same with one thing flipped."""

    path: str
    flip: Flip
    answer: Answer
    fault: str = ""
    """Why a browser refuses the answer; empty when the socket opened."""

    @property
    def opened(self) -> bool:
        """Whether the connection was established."""
        return self.answer.status == 101 and not self.fault


@dataclass(frozen=True)
class Hold:
    """An open socket on which nothing was said but pings, if any, until it dropped or the wait was over."""

    path: str
    ping_every: float
    """Seconds between two pings; 0 for silence."""
    seconds: float
    dropped: bool
    close_code: int = 0
    """The close code received; 0 when there was no close frame (a browser then says 1006)."""


@dataclass(frozen=True)
class Evidence:
    """All that was seen at one address."""

    url: str
    page: Answer
    ping: Answer
    """The answer to GET /dip/api/ping, the health check of DSS."""
    handshakes: tuple[Handshake, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def paths(self) -> list[str]:
        """The paths on which a handshake was tried, in that order."""
        return list(dict.fromkeys(shake.path for shake in self.handshakes))

    def handshake(self, path: str, flip: Flip = "") -> Handshake:
        """Return what came of the handshake on this path with this flip; an empty answer when not tried."""
        for shake in self.handshakes:
            if (shake.path, shake.flip) == (path, flip):
                return shake
        return Handshake(path, flip, Answer(error="not tried"))

    def taken_for_page(self, path: str) -> bool:
        """Tell whether the handshake was answered exactly as a plain request for the same address is."""
        asked, plain = self.handshake(path).answer, self.handshake(path, "no-upgrade").answer
        alike = (asked.status, asked.body) == (plain.status, plain.body)
        return self.ping.status == 200 and alike and asked.status not in {0, *ALIKE_FOR_ALL}

    def hold(self, *, pings: bool) -> Hold | None:
        """Return the socket that was held with pings, or the silent one; None when there was none."""
        return next((hold for hold in self.holds if bool(hold.ping_every) == pings), None)

    def to_json(self) -> str:
        """Return the evidence as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Evidence:
        """Return the evidence that `to_json` wrote.

        Raises ValueError when the text is something else.
        """
        try:
            data = json.loads(text)
            shakes = [{**shake, "answer": _answer(shake["answer"])} for shake in data["handshakes"]]
            return cls(
                data["url"],
                _answer(data["page"]),
                _answer(data["ping"]),
                tuple(Handshake(**shake) for shake in shakes),
                tuple(Hold(**hold) for hold in data["holds"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no evidence: {error!r}") from error


def _answer(data: dict[str, Any]) -> Answer:
    headers = tuple((str(name), str(value)) for name, value in data["headers"])
    return Answer(**{**data, "headers": headers})
