"""Evidence for and against: an idle timeout closes the WebSocket."""

from support.evidence import STAYED, busy, held, idle

FIRES = {
    "the idle WebSocket drops, the other stays": held(idle(60.0), STAYED),
}

QUIET = {
    "closed with a close frame": held(idle(60.0, code=1001), STAYED),
    "closed at once": held(idle(0.0), STAYED),
    "dropped before the first ping": held(idle(3.0), STAYED),
}

UNDECIDED = {
    "both drop at the same age, before the first ping": (
        held(idle(10.0), busy(10.0)),
        ["idle-timeout", "lifetime-limit"],
    ),
}
