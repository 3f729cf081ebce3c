"""Questions about the second look, which separates requests."""

from __future__ import annotations

from functools import cached_property

from checks.evidence import NO_RESPONSE, Evidence, Moment, Recheck, Response

HEALTH_CHECK = "/dip/api/ping"

LIMITED = frozenset({429, 502, 503, 504})
"""Status codes of a limit, or of a server that does not respond (RFC 6585, section 4; RFC 9110, section 15.6)."""


class SecondLook:
    """The second look; without one, nothing is confirmed or refuted."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def at(self, *moments: Moment) -> list[Recheck]:
        """Return the requests that were made at these moments, in order."""
        return [recheck for recheck in self.evidence.rechecks if recheck.moment in moments]

    def alone(self, path: str, *, upgrade: bool = False) -> list[Response]:
        """Return the responses to one request alone; empty if it was not repeated."""
        rechecks = self.at("alone")
        return [each.response for each in rechecks if (each.path, each.upgrade) == (path, upgrade)]

    @cached_property
    def page(self) -> list[Response]:
        """The responses to the page request alone."""
        return self.alone("/")

    @cached_property
    def health_check(self) -> list[Response]:
        """The responses to the health check alone."""
        return self.alone(HEALTH_CHECK)

    @cached_property
    def plain(self) -> list[Response]:
        """The responses to a plain GET for the WebSocket URL alone."""
        return [each.response for each in self.at("alone") if each.path not in {"/", HEALTH_CHECK} and not each.upgrade]

    @cached_property
    def handshake(self) -> Recheck | None:
        """The last handshake alone."""
        return next((each for each in reversed(self.at("alone")) if each.upgrade), None)

    @cached_property
    def same_status_alone(self) -> int:
        """The status code of every response alone; 0 if they differ, or without one."""
        statuses = {each.response.status for each in self.at("alone")}
        return statuses.pop() if self.handshake and len(statuses) == 1 else 0

    @cached_property
    def recovered(self) -> bool:
        """Whether the WebSocket opened alone, after none had opened."""
        shake = self.handshake
        tried = shake is not None and shake.path in self.evidence.paths
        return bool(tried and shake and shake.opened and not self.evidence.handshake(shake.path).opened)

    @cached_property
    def slow(self) -> bool:
        """Whether it opened later than the first look had waited for it."""
        shake = self.handshake
        if not (shake and self.recovered):
            return False
        first = self.evidence.handshake(shake.path).response
        return first.error.startswith(NO_RESPONSE) and shake.response.seconds > first.seconds

    @cached_property
    def responded(self) -> bool:
        """Whether anything responded, in this look or the first."""
        first = [self.evidence.page, *(shake.response for shake in self.evidence.handshakes)]
        return any(response.status for response in [*first, *(each.response for each in self.evidence.rechecks)])

    @cached_property
    def stopped(self) -> bool:
        """Whether the page responded at first, and nothing in the second look."""
        rechecks = self.evidence.rechecks
        responded = self.evidence.page.status and self.page
        return bool(responded) and not any(each.response.status for each in rechecks)

    @cached_property
    def only_handshake_fails(self) -> bool:
        """Whether alone, only the handshake failed, as if the server were down."""
        shake, plain = self.handshake, [*self.page[-1:], *self.health_check[-1:], *self.plain[-1:]]
        return bool(shake and limited(shake.response) and plain) and not any(map(limited, plain))

    @cached_property
    def ends_others(self) -> Recheck | None:
        """A plain request that failed beside a handshake.

        None unless such requests fail there repeatedly, and only there.
        """
        beside, apart = self.at("beside a handshake"), self.at("together", "alone again")
        if not self.only_handshake_fails or not self.at("together"):
            return None
        handshakes_failed = all(limited(each.response) for each in beside if each.upgrade)
        failed = [each for one in _rounds(beside) for each in one if not each.upgrade and limited(each.response)][:1]
        failed = [each for each in failed if self.alone(each.path)]
        rounds = sum(any(not each.upgrade and limited(each.response) for each in one) for one in _rounds(beside))
        proven = rounds > 1 and handshakes_failed and not any(limited(each.response) for each in apart)
        return failed[0] if proven and failed else None

    @cached_property
    def limit(self) -> Recheck | None:
        """The handshake that was rejected because others were held, or None.

        It must be rejected twice at the same number. Handshakes in turn, and after the others were closed, must open.
        """
        rejected = [each for each in self.at("held") if not each.opened]
        others = self.at("after", "in turn")
        counts = [each.held for each in rejected]
        repeated = len(counts) == 2 and counts[0] == counts[1] > 0 and len(self.at("after")) == 2
        return rejected[0] if repeated and self.at("in turn") and all(each.opened for each in others) else None


def limited(response: Response) -> bool:
    """Tell whether a limit, or a server that is down, may have caused this response."""
    return response.status in LIMITED or not response.status


def _rounds(beside: list[Recheck]) -> list[list[Recheck]]:
    """Return the requests of each round, which has one handshake."""
    handshakes = sum(each.upgrade for each in beside)
    size = len(beside) // handshakes if handshakes else 1
    return [beside[start : start + size] for start in range(0, len(beside), size)]
