"""Evidence for and against: a message size limit closes the WebSocket."""

from support.evidence import sized

FIRES = {
    "1009 above 64 KiB": sized((1024, None), (65536, None), (131072, 1009), (98304, 1009), (66000, 1009)),
    "1009 above the smallest size": sized((1024, None), (2048, 1009)),
}

QUIET = {
    "close code 1008": sized((1024, None), (65536, 1008)),
    "no close code": sized((1024, None), (65536, 0)),
    "a larger one passes": sized((1024, None), (2048, 1009), (4096, None)),
    "no size passes": sized((1024, 1009)),
}

UNDECIDED = {
    "close code 1008": (QUIET["close code 1008"], ["message-size-limit"]),
}
