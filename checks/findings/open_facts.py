"""Questions about WebSocket connections that opened: frames, time and size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from checks.evidence import NO_PONG, Evidence, HoldResult, PingResult, SizeResult

JITTER_S = 2.0
"""Seconds by which two equal lifetimes may differ, where each connection may drop a second early or late."""

PROTOCOL_ERROR = 1002
"""The close code for a frame that must not be there (RFC 6455, section 7.4.1)."""


@dataclass(frozen=True)
class HeldPair:
    """An idle WebSocket that dropped, and one with pings, opened later."""

    idle: HoldResult
    pinged: HoldResult

    @property
    def _tolerance(self) -> float:
        """Seconds by which two equal times may differ.

        They are so few that no pair has both the same age and the same moment.
        """
        return min(JITTER_S, abs(self.pinged.after - self.idle.after) / 4)

    @property
    def both_dropped(self) -> bool:
        """Whether both were open and dropped, and it is known when."""
        return all(hold.dropped and hold.seconds > 0 and self._is_timed(hold) for hold in (self.idle, self.pinged))

    def _is_timed(self, hold: HoldResult) -> bool:
        """Tell whether it is known when this one dropped: at once, or between two pings."""
        return not hold.found_by_ping or 0 < hold.ping_every <= self._tolerance

    @property
    def at_same_moment(self) -> bool:
        """Whether both dropped at the same moment."""
        moments = [hold.after + hold.seconds for hold in (self.idle, self.pinged)]
        return self.both_dropped and abs(moments[0] - moments[1]) < self._tolerance

    @property
    def at_same_age(self) -> bool:
        """Whether both dropped at the same age."""
        return self.both_dropped and abs(self.idle.seconds - self.pinged.seconds) < self._tolerance

    @property
    def after_pings(self) -> bool:
        """Whether pings were sent well before the idle one dropped.

        Until then, both were idle.
        """
        every, life = self.pinged.ping_every, self.idle.seconds
        return 0 < every <= life / 2 or 0 < every < life - JITTER_S

    @property
    def pings_kept_it_open(self) -> bool:
        """Whether the one with pings stayed open clearly longer than the idle one."""
        return self.after_pings and not self.pinged.dropped and self.pinged.seconds >= self.idle.seconds + JITTER_S


class OpenFacts:
    """The part of `Facts` about connections that opened."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @cached_property
    def stayed_open(self) -> bool:
        """Whether every held WebSocket stayed open, and all messages and frames passed."""
        evidence = self.evidence
        readable = not any(ping.frame_error for ping in evidence.pings if not self._takes_no_parts(ping))
        return readable and all(size.passed for size in evidence.sizes) and not any(h.dropped for h in evidence.holds)

    def _takes_no_parts(self, ping: PingResult) -> bool:
        """Tell whether the server rejects a part of an uncompressed message, too."""
        bare = self.evidence.ping_on(ping.path, "no-extensions")
        return bare is not None and bool(bare.frame_error)

    @cached_property
    def held_pair(self) -> HeldPair | None:
        """The last idle WebSocket and the one with pings beside it.

        None unless every idle one dropped alike.
        """
        holds = self.evidence.holds
        if len(holds) < 2 or not self._idle_ones_dropped_alike:
            return None
        idle, pinged = holds[-2:]
        ordered = pinged.after >= idle.after and bool(pinged.ping_every) and not idle.ping_every
        return HeldPair(idle, pinged) if ordered and idle.seconds else None

    @cached_property
    def _idle_ones_dropped_alike(self) -> bool:
        idle = [hold for hold in self.evidence.holds if not hold.ping_every]
        known = [hold.seconds for hold in idle if not hold.found_by_ping]
        alike = not known or max(known) - min(known) <= JITTER_S
        return bool(idle) and all(hold.dropped for hold in idle) and alike

    @cached_property
    def idle_dropped(self) -> bool:
        """Whether a WebSocket without pings dropped after it was open."""
        return any(hold.dropped and hold.seconds for hold in self.evidence.holds if not hold.ping_every)

    @cached_property
    def all_dropped_in_time(self) -> bool:
        """Whether something dropped, and no held WebSocket lived clearly longer."""
        lives = [hold.seconds for hold in self.evidence.holds if hold.dropped and hold.seconds]
        return bool(lives) and all(hold.seconds < min(lives) + JITTER_S for hold in self.evidence.holds)

    @cached_property
    def dropped_differently(self) -> bool:
        """Whether held WebSockets dropped, and nothing shows that all do at the same age."""
        holds = self.evidence.holds
        return any(hold.dropped and hold.seconds for hold in holds) and not (
            len(holds) > 1 and all(hold.dropped for hold in holds) and self.all_dropped_in_time
        )

    @cached_property
    def lost_above(self) -> bool:
        """Whether all messages above some size, and no smaller one, were lost."""
        return self._fail_above and all(map(_is_lost, self._failed_sizes))

    @cached_property
    def ends_above(self) -> bool:
        """Whether all messages above some size, and no smaller one, ended the WebSocket."""
        return self._fail_above and not any(map(_is_lost, self._failed_sizes))

    @cached_property
    def _failed_sizes(self) -> list[SizeResult]:
        return [size for size in self.evidence.sizes if not size.passed]

    @cached_property
    def _fail_above(self) -> bool:
        passed = [size.size for size in self.evidence.sizes if size.passed]
        return bool(passed and self._failed_sizes) and max(passed) < min(size.size for size in self._failed_sizes)


def _is_lost(size: SizeResult) -> bool:
    silent = size.error.startswith(NO_PONG) and not size.close_code
    return silent or size.close_code == PROTOCOL_ERROR
