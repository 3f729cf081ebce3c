"""Evidence for and against: an idle timeout closes the WebSocket."""

from support.evidence import NO_PONG, STAYED, busy, held, idle

FASTER = {
    "closed after 1 s": (idle(1.0), idle(1.1), busy(4.0, every=0.3, dropped=False)),
    "no longer alive when a ping is sent": (
        idle(20.0, error=NO_PONG, found_by_ping=True),
        busy(15.0, error=NO_PONG, found_by_ping=True),
        idle(18.0, error=NO_PONG, found_by_ping=True),
        busy(24.0, every=5.0, dropped=False),
    ),
    "a limit that equals the first interval of pings": (
        idle(15.0),
        busy(22.0, dropped=False),
        idle(15.0),
        busy(20.0, every=5.0, dropped=False),
    ),
}
"""Connections that were held again, with faster pings."""

FIRES = {
    "the idle WebSocket drops, the other stays": held(idle(60.0), STAYED),
    **{title: held(*holds) for title, holds in FASTER.items()},
}

QUIET = {
    "closed with a close frame": held(idle(60.0, code=1001), STAYED),
    "closed at once": held(idle(0.0), STAYED),
    "dropped before the first ping": held(idle(3.0), STAYED),
    "the other one was not held clearly longer": held(idle(60.0), busy(61.0, dropped=False)),
    "the limit is near the interval of the pings": held(idle(16.0), STAYED),
    "the next idle one stays": held(idle(1.0), idle(4.0, dropped=False), busy(4.0, every=0.3, dropped=False)),
}

UNDECIDED = {
    "both drop at the same age, before the first ping": (
        held(idle(10.0), busy(10.0)),
        ["idle-timeout", "lifetime-limit"],
    ),
    "not compared with pings": (held(idle(1.0)), ["idle-timeout", "lifetime-limit", "proxy-reload"]),
    "closed with a close frame": (QUIET["closed with a close frame"], ["idle-timeout", "proxy-reload"]),
    "at different ages": (held(idle(20.0), busy(50.0)), ["idle-timeout", "proxy-reload"]),
    "the other one was not held clearly longer": (
        QUIET["the other one was not held clearly longer"],
        ["idle-timeout", "lifetime-limit", "proxy-reload"],
    ),
}
