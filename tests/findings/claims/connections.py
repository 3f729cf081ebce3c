"""The claims of proofs about routes and open connections."""

import re

from checks.evidence import NO_PONG
from checks.findings.rules.cert_untrusted import REASONS

from . import claims, closed, firsts, near


def held(evidence, *, pings, dropped):
    """Return the held WebSockets of a kind."""
    return [hold for hold in evidence.holds if (bool(hold.ping_every), hold.dropped) == (pings, dropped)]


@claims(r"with permessage-deflate offered, expected a pong, got: (.*)")
def _(evidence, got):
    return got in {ping.error for ping in evidence.pings} | {shake.fault for shake in firsts(evidence)}


@claims(r"without the offer, the pong arrived")
def _(evidence):
    return any(not ping.error for ping in evidence.pings if ping.variant == "no-extensions")


@claims(r"with permessage-deflate agreed on, expected a pong after a compressed frame, got: (.+)")
def _(evidence, got):
    return any(ping.frame_error == got for ping in evidence.pings if not ping.variant)


@claims(r"without the offer, the pong arrived after the same frame, uncompressed")
def _(evidence):
    bare = [ping for ping in evidence.pings if ping.variant == "no-extensions" and ping.frame_sent]
    return any(not (ping.error or ping.frame_error) for ping in bare)


@claims(r"after 101 Switching Protocols, expected a pong \(RFC 6455\), got (no pong within.*?)( and no other byte)?")
def _(evidence, got, silent):
    pings = [
        ping for ping in evidence.pings if evidence.handshake(ping.path, ping.variant).opened and ping.error == got
    ]
    quiet = [ping for ping in pings if not (ping.messages or ping.close_code or ping.late or ping.unreadable)]
    return bool(quiet if silent else pings)


@claims(r"it arrived only after a second ping, whose own pong did not")
def _(evidence):
    return any(ping.late and not ping.second for ping in evidence.pings)


@claims(r"expected a pong, got the close code (\d+) with the words '(.*)'")
def _(evidence, code, reason):
    return any((str(ping.close_code), ping.close_reason) == (code, reason) and ping.error for ping in evidence.pings)


@claims(r"the certificate was issued by (.*?)(?: and is not trusted here \((.*)\))?")
def _(evidence, issuer, reason):
    tls = evidence.route.tls
    issued = issuer == (tls.certificate.issuer or "an unnamed issuer")
    return issued and (reason is None or (bool(tls.code) and reason == tls.untrusted))


@claims(r"without the proxy, it was issued by (.*)")
def _(evidence, issuer):
    certificate = evidence.direct.tls.certificate
    return bool(certificate.sha256) and issuer == (certificate.issuer or "an unnamed issuer")


@claims(r"it was issued by (.*)")
def _(evidence, text):
    certificate = evidence.route.tls.certificate
    named = text.startswith(certificate.issuer or "an unnamed issuer")
    return named and all(name in text for name in certificate.names[:5])


@claims(r"(.+)")
def _(evidence, reason):
    tls = evidence.route.tls
    known = REASONS.get(tls.code)
    return (
        bool(tls.code)
        and not tls.no_trust_store
        and reason == (known or tls.untrusted or "the certificate is not trusted")
    )


@claims(r"expected 200 for CONNECT from (\S+), got (.*)")
def _(evidence, proxy, got):
    tunnel = evidence.route.tunnel
    asks = tunnel.header("Proxy-Authenticate")
    rest = got.removeprefix(str(tunnel)).removeprefix(f" with Proxy-Authenticate: {asks}")
    same = evidence.route.proxy == proxy and got.startswith(str(tunnel)) and not 200 <= tunnel.status < 300
    return same and (not rest or rest.startswith(" (it sent: "))


@claims(r"it does not refuse a tunnel to (.*) \((\d+)\)(, so it refuses the port)?")
def _(evidence, target, status, port):
    host = re.escape(target.rpartition(":")[0])
    return (target, int(status)) in evidence.tunnels and (
        not port or bool(host and re.search(rf"//{host}\b", evidence.url) and f"{target}/" not in f"{evidence.url}/")
    )


@claims(r"it refuses the page too, so the cause is not limited to WebSocket")
def _(evidence):
    return evidence.page.status == evidence.route.tunnel.status >= 400


@claims(r"the page, which needs no tunnel, returned (.*)")
def _(evidence, got):
    return str(evidence.page) == got and evidence.page.status > 0 and not evidence.url.startswith("https:")


@claims(r"expected a page with (https?), got: (.*)")
def _(evidence, scheme, got):
    return (scheme == "https") == evidence.url.startswith(("https:", "wss:")) and got == str(evidence.page)


@claims(r"expected a response from the server, got (.*) with the words '(.*)'")
def _(evidence, got, words):
    responses = [evidence.page, *(shake.response for shake in closed(evidence))]
    return any(str(each) == got and words in each.body.lower() for each in responses)


@claims(r"the port of the URL itself does not send them")
def _(evidence):
    secure = evidence.url.startswith(("https:", "wss:"))
    return secure or 0 < evidence.page.status < 400 or "plain HTTP" in evidence.other_scheme.error


@claims(r"with (https?), the same port sent (.*)")
def _(evidence, scheme, got):
    other = (scheme == "http") == evidence.url.startswith(("https:", "wss:"))
    return other and got == str(evidence.other_scheme) and evidence.other_scheme.status > 0


@claims(r"expected a connection through (.+), got: (.*)")
def _(evidence, proxy, got):
    return evidence.route.proxy == proxy and evidence.route.tunnel.error == got


@claims(r"no (IP address for|connection to) (the forward proxy )?(.*)")
def _(evidence, what, proxy, text):
    route = evidence.route
    stage = {"IP address for": "name", "connection to": "tcp"}[what]
    silent = not evidence.page.status and not any(shake.response.status for shake in evidence.handshakes)
    named = bool(proxy) == bool(route.proxy) and text.startswith(route.host) and text.endswith(route.error)
    return named and route.failed == stage and silent


@claims(r"(.*), which the PAC file returned before: (.*)")
def _(evidence, proxy, error):
    return (proxy, error) in evidence.route.passed_over


@claims(r"(an idle one|one with pings) stayed open for (\d+) s( and still answered a ping)?")
def _(evidence, which, seconds, answered):
    stayed = held(evidence, pings=which == "one with pings", dropped=False)
    return near(seconds, [hold.seconds for hold in stayed if hold.answered or not answered])


@claims(r"messages up to (\d+) bytes passed")
def _(evidence, size):
    passed = {each.size for each in evidence.sizes if each.passed}
    return int(size) == max(passed) and all(each.passed for each in evidence.sizes)


@claims(r"a message of (\d+) bytes passed, but one of (\d+) bytes got close code 1009 \(message too big\)")
def _(evidence, passed, failed):
    sizes = {(each.size, each.passed, each.close_code == 1009) for each in evidence.sizes}
    return (int(failed), False, True) in sizes and any(each[:2] == (int(passed), True) for each in sizes)


@claims(r"expected a pong after a message of (\d+) bytes, got (.+?)(, twice|, then .+)?")
def _(evidence, size, got, then):
    failed = [each for each in evidence.sizes if each.size == int(size) and not each.passed]
    outcomes = [
        f"close code {each.close_code}, as if its first frame had not arrived"
        if each.close_code
        else f"{each.error} and no close frame"
        for each in failed
    ]
    second = got if then == ", twice" else (then or "").removeprefix(", then ")
    return outcomes[:1] == [got] and second in outcomes[1:]


@claims(r"the smallest that failed has (\d+) bytes, and one of (\d+) bytes passed afterwards")
def _(evidence, smallest, passed):
    failed = [place for place, each in enumerate(evidence.sizes) if not each.passed]
    later = {each.size for each in evidence.sizes[failed[1] :] if each.passed}
    return int(smallest) == min(evidence.sizes[place].size for place in failed) and int(passed) in later


@claims(r"expected an idle WebSocket to stay open, but it dropped without a close frame after ([\d.]+) s")
def _(evidence, seconds):
    return near(seconds, [hold.seconds for hold in held(evidence, pings=False, dropped=True) if not hold.close_code])


@claims(
    r"expected an idle WebSocket to stay open, but after ([\d.]+) s one"
    r" (?:no longer worked|stopped responding, although it was not closed) \((.*)\)"
)
def _(evidence, seconds, error):
    found = [hold for hold in held(evidence, pings=False, dropped=True) if hold.error == error]
    return near(seconds, [hold.seconds for hold in found if hold.found_by_ping or error.startswith(NO_PONG)])


@claims(r"with a ping every ([\d.]+) s, another stayed open for (\d+) s")
def _(evidence, every, seconds):
    stayed = held(evidence, pings=True, dropped=False)
    return near(seconds, [hold.seconds for hold in stayed]) and near(every, [hold.ping_every for hold in stayed])


@claims(r"(\d+) s is the default of .*")
def _(evidence, seconds):
    return any(-0.5 < hold.seconds - int(seconds) < 1.5 for hold in evidence.holds if hold.dropped)


@claims(r"expected two WebSockets to stay open, but an idle one dropped after ([\d.]+) s")
def _(evidence, seconds):
    return near(seconds, [hold.seconds for hold in held(evidence, pings=False, dropped=True)])


@claims(r"one with a ping every ([\d.]+) s, opened ([\d.]+) s later, dropped after ([\d.]+) s")
def _(evidence, every, later, seconds):
    pinged = held(evidence, pings=True, dropped=True)
    apart = [hold.after - idle.after for hold in pinged for idle in held(evidence, pings=False, dropped=True)]
    known = near(seconds, [hold.seconds for hold in pinged]) and near(every, [hold.ping_every for hold in pinged])
    return known and near(later, apart)


@claims(
    r"expected two WebSockets to stay open, but an idle one and one with pings, opened ([\d.]+) s apart,"
    r" dropped at the same moment, ([\d.]+) s after the first opened"
)
def _(evidence, apart, moment):
    pinged = held(evidence, pings=True, dropped=True)
    pairs = [(idle, hold) for idle in held(evidence, pings=False, dropped=True) for hold in pinged]
    same = [(a, b) for a, b in pairs if abs(a.after + a.seconds - b.after - b.seconds) <= 1]
    return any(near(apart, [b.after - a.after]) and near(moment, [a.after + a.seconds]) for a, b in same)
