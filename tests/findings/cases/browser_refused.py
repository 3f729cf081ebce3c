"""Evidence for and against: A proxy accepts the handshake of some browsers only."""

from support.evidence import CLOSED, NOTIFICATIONS, OPEN, TIMED_OUT, handshake, observed, repeated, response

BAD_REQUEST = response(400)


def tried(chromium, firefox=(OPEN,), safari=(OPEN,), keep_alive=()):
    """Return the evidence of a site with these responses to each browser."""
    variants = {"firefox": firefox, "safari": safari, "keep-alive": keep_alive}
    others = [handshake(NOTIFICATIONS, variant, answer) for variant, answers in variants.items() for answer in answers]
    return observed(repeated(*chromium), others)


FIRES = {
    "Firefox, by its Connection": tried([OPEN] * 6, [BAD_REQUEST] * 3, keep_alive=[BAD_REQUEST]),
    "Firefox, by its User-Agent": tried([OPEN] * 6, [response(403)] * 3, keep_alive=[OPEN]),
    "Safari": tried([OPEN] * 6, safari=[response(403)] * 3),
    "Firefox and Safari": tried([OPEN] * 6, [response(403)] * 3, [response(403)] * 3, keep_alive=[OPEN]),
    "a closed connection": tried([OPEN] * 6, [CLOSED] * 3, keep_alive=[OPEN]),
    "Chrome, where Firefox opens": tried([response(403)] * 6, [OPEN] * 3, [response(403)], keep_alive=[response(403)]),
}

QUIET = {
    "two handshakes alone": tried([OPEN] * 6, [BAD_REQUEST] * 2),
    "a limit": tried([OPEN] * 6, [response(503)] * 3, keep_alive=[OPEN]),
    "a time limit of ours": tried([OPEN] * 6, [TIMED_OUT] * 3, keep_alive=[OPEN]),
    "every browser is refused": tried([response(403)] * 6, [response(403)], [response(403)]),
}
