"""Evidence for and against: a maximum connection lifetime closes the WebSocket."""

from support.evidence import busy, held, idle

FIRES = {
    "both drop at the same age": held(idle(60.0), busy(60.1)),
    "both drop at the same age, found with faster pings": held(idle(1.0), idle(1.0), busy(1.1, every=0.3, after=4.0)),
    "both drop at the same age, with a close frame": held(idle(60.0, code=1001), busy(60.0, code=1001)),
}

QUIET = {
    "before the first ping, so it may be an idle timeout": held(idle(10.0), busy(10.0)),
    "at different ages": held(idle(20.0), busy(50.0)),
    "opened at the same moment": held(idle(60.0), busy(60.0, after=0.0)),
}
