"""Held connections are held again while it is undecided what ended them."""

from checks.evidence import HoldResult
from checks.probe.holds import FASTER, _faster

IDLE = HoldResult("/", 0.0, 31.0, dropped=True)
PINGED = HoldResult("/", 15.0, 31.0, dropped=True, after=8.0)
PING_MET_THE_DROP = HoldResult("/", 15.0, 31.0, dropped=True, after=8.0, found_by_ping=True)


def test_two_drops_between_pings_need_no_other_round():
    assert _faster([IDLE, PINGED]) == 0


def test_a_ping_that_met_the_drop_needs_faster_pings():
    assert _faster([IDLE, PING_MET_THE_DROP]) == 31.0 / FASTER
