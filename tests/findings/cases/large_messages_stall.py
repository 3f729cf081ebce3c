"""Evidence for and against: large messages do not get through."""

from support.evidence import DROPPED, NO_PONG, OPEN, handshakes, observed

from checks.evidence import SizeResult
from checks.probe import NOTIFICATIONS


def sent(*sizes):
    """Return evidence of messages, each with the values of its result."""
    return observed(handshakes(OPEN), sizes=tuple(SizeResult(NOTIFICATIONS, *size) for size in sizes))


def passed(size, seconds=0.01):
    return size, True, 0, "", seconds


def lost(size, seconds=10.0):
    return size, False, 0, NO_PONG, seconds


def failed(size, code=0):
    return size, False, code, DROPPED, 0.1


FIRES = {
    "no pong above 1 KiB": sent(passed(1024), lost(2048), lost(2048, 30.0), passed(1024), lost(1536)),
    "no pong above 64 KiB": sent(passed(65536, 0.1), lost(131072), lost(131072, 30.0), passed(65536)),
    "a frame vanishes": sent(passed(65536), failed(131072, 1002), failed(131072, 1002), passed(65536)),
    "nothing passes but what is small": sent(lost(1024), lost(1024, 30.0), lost(512), passed(256)),
}

QUIET = {
    "not repeated": sent(passed(1024), lost(2048)),
    "nothing passes afterwards": sent(passed(1024), lost(2048), lost(2048, 30.0), lost(1024, 30.0)),
    "no size passes": sent(lost(1024), lost(1024), lost(512)),
    "the same size passes later": sent(passed(1024), lost(2048), passed(2048), passed(1024)),
    "so slow that it may need longer": sent(passed(65536, 5.0), lost(131072), lost(131072, 30.0), passed(65536)),
    "a drop at once": sent(passed(1024), failed(2048), failed(2048), passed(1024)),
    "one drop, one without a pong": sent(passed(1024), failed(2048), lost(2048), passed(1024)),
}

UNDECIDED = {
    "a slow server": (QUIET["so slow that it may need longer"], ["large-messages-stall"]),
    "not repeated": (QUIET["not repeated"], ["large-messages-stall"]),
    "a drop at once": (QUIET["a drop at once"], ["large-messages-stall", "message-size-limit"]),
}
