"""The claims of summaries, where they are about the evidence."""

import re

from checks.evidence import NO_RESPONSE

from . import GATEWAY, claims, closed, firsts, of


def sums_up(cause):
    """Add a claim about the summary of a cause."""
    return claims(f"{cause}: .*", "summary")


@sums_up("unreachable")
def _(evidence):
    return not any(response.status for response in [evidence.page, *(each.response for each in evidence.handshakes)])


@sums_up("backend-down")
def _(evidence):
    return evidence.health_check.status in GATEWAY and not any(shake.opened for shake in firsts(evidence))


@sums_up("works")
def _(evidence):
    browsers = [shake for variant in ("", "again", "http2", "firefox", "safari") for shake in of(evidence, variant)]
    dropped = any(hold.dropped for hold in evidence.holds) or any(
        ping.error for ping in evidence.pings if not ping.variant
    )
    return bool(browsers) and all(shake.opened for shake in browsers) and not dropped


@sums_up("(?:connect-denied|forward-proxy-blocks|proxy-auth)")
def _(evidence):
    return bool(evidence.route.proxy)


@sums_up("(?:cert-untrusted|endpoint-security)")
def _(evidence):
    return bool(evidence.route.tls.code)


@sums_up("handshake-unanswered")
def _(evidence):
    silent = all(shake.response.error.startswith(NO_RESPONSE) for shake in firsts(evidence))
    return silent and any(shake.response.status for shake in of(evidence, "no-upgrade"))


@sums_up("(?:upgrade-denied|waf-blocks|host-not-preserved|auth-on-handshake|redirect-on-handshake|forwarded-proto)")
def _(evidence):
    return bool(closed(evidence)) or any(shake.changed_headers for shake in evidence.handshakes)


@sums_up("(?:upgrade-wrong-location|wrong-path)")
def _(evidence):
    return bool(closed(evidence)) and any(shake.opened for shake in firsts(evidence))


@sums_up("(?:upgrade-not-forwarded|http-1-0-upstream|http2-upstream|handshake-header-mangled|header-too-large)")
def _(evidence):
    return bool(closed(evidence)) or any(shake.response.status == 101 for shake in firsts(evidence))


@sums_up("accept-mismatch")
def _(evidence):
    return any(shake.response.header("Sec-WebSocket-Accept") for shake in firsts(evidence))


@sums_up("(?:browser-refused|intermittent|connections-exhausted)")
def _(evidence):
    failed = [shake.opened for shake in evidence.handshakes] + [each.opened for each in evidence.rechecks]
    pages = [evidence.page.status, evidence.health_check.status]
    return not all(failed) or any(ping.error for ping in evidence.pings) or max(pages) >= 400


@sums_up("(?:message-size-limit|large-messages-stall)")
def _(evidence):
    passed = [size.size for size in evidence.sizes if size.passed]
    failed = [size.size for size in evidence.sizes if not size.passed]
    return bool(failed) and max(passed) < min(failed)


@sums_up("(?:idle-timeout|lifetime-limit|proxy-reload)")
def _(evidence):
    return any(hold.dropped and hold.seconds for hold in evidence.holds)


@sums_up("h2-websocket")
def _(evidence):
    return any(shake.sent and not shake.opened for shake in of(evidence, "http2"))


@sums_up("(?:response-buffered|extension-mangled)")
def _(evidence):
    return any(ping.error or ping.frame_error for ping in evidence.pings) or any(
        shake.fault for shake in firsts(evidence)
    )


@sums_up("csp-blocks")
def _(evidence):
    return evidence.page.status == 200 and not evidence.url.startswith("ws")


@sums_up("scheme-mismatch")
def _(evidence):
    bodies = [evidence.page.body, *(shake.response.body for shake in closed(evidence))]
    words = re.compile("https port|ssl-enabled server|to an https server|wrong.version.number|first record does not")
    return evidence.other_scheme.status > 0 or any(words.search(body.lower()) for body in bodies)


@sums_up("tls-interception")
def _(evidence):
    return bool(evidence.route.tls.code) or any(shake.opened for shake in of(evidence, "direct"))
