"""Evidence for and against: a proxy reload closes the WebSocket."""

from support.evidence import STAYED, busy, held, idle

FIRES = {
    "both drop at the same moment": held(idle(40.0), busy(36.1)),
    "both drop at the same moment, with a close frame": held(idle(40.0, code=1012), busy(36.0, code=1012)),
    "before the first ping": held(idle(7.0, code=1001), busy(3.0, code=1001)),
}

QUIET = {
    "only the idle WebSocket drops": held(idle(10.0), STAYED),
    "opened at the same moment": held(idle(60.0, code=1001), busy(60.0, code=1001, after=0.0)),
    "one closed at once": held(idle(60.0), busy(0.0)),
}
