"""Evidence for and against: the response does not match the handshake key."""

from dataclasses import replace

from support.evidence import KEY, OPEN, keyed, observed, response

from checks.evidence import Handshake
from checks.findings.facts import expected_accept
from checks.probe import NOTIFICATIONS

FIRES = {
    "the answer to another key": observed(keyed(expected_accept("AAAAAAAAAAAAAAAAAAAAAA=="))),
    "one character": observed(keyed(expected_accept(KEY).replace("s", "S"))),
}

QUIET = {
    "no key is known": observed([Handshake(NOTIFICATIONS, "", OPEN, "invalid Sec-WebSocket-Accept header: y")]),
    "no 101": observed([replace(keyed("x")[0], response=response(403, Sec_WebSocket_Accept="x"))]),
}
