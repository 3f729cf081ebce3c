"""The claims of the rows that a report has besides responses and errors."""

from checks.report.terminal import VARIANTS
from checks.report.text import clean

from . import claims, of, rechecks


def row(pattern):
    """Add a claim about a row, as label and text with a tab between."""
    return claims(pattern, "row")


@row("page\t(.*)")
def _(evidence, got):
    return clean(evidence.page) == got


@row("health check\t(.*)")
def _(evidence, got):
    return clean(evidence.health_check) == got


@row("WebSocket\t(.*)")
def _(evidence, path):
    return path in map(clean, evidence.paths)


@row("  ((?:as|without|with|over) [\\w/ -]+|X-Forwarded-Proto)\t(.*)")
def _(evidence, label, got):
    (variant,) = (variant for variant, name in VARIANTS.items() if name == label)
    return any(clean(f"{each.response} ({each.fault})").startswith(got) for each in of(evidence, variant))


@row("  repeated\t(\\d+) of (\\d+) identical handshakes succeeded")
def _(evidence, opened, total):
    groups = [
        [shake.opened for shake in evidence.handshakes if shake.path == path and shake.variant in variants]
        for path in evidence.paths
        for variants in ({"", "again"}, {"firefox"}, {"safari"})
    ]
    return any((sum(each), len(each)) == (int(opened), int(total)) for each in groups)


@row("  arrived\tonly the request without Upgrade")
def _(evidence):
    shakes = [shake for shake in evidence.handshakes if shake.arrived_request]
    return {"no-upgrade"} in [{shake.variant for shake in shakes if shake.path == path} for path in evidence.paths]


@row("  arrived\tas (.*)")
def _(evidence, request):
    return any(clean(shake.arrived_request) == request for shake in evidence.handshakes)


@row("  arrived\twith other capitals: (.*)")
def _(evidence, names):
    return any(names == clean(", ".join(n for n, _ in shake.arrived if n in names)) for shake in evidence.handshakes)


@row("  arrived\twithout ([\\w-]+)")
def _(evidence, name):
    return any(
        not shake.arrived_header(name) and name in dict(shake.sent) for shake in evidence.handshakes if shake.arrived
    )


@row("  arrived\t(?:with )?([\\w-]+): (.*)")
def _(evidence, name, value):
    return any(clean(shake.arrived_header(name)).endswith(value) for shake in evidence.handshakes)


@row("  ping(?: uncompressed)?\tpong")
def _(evidence):
    return any(not ping.error for ping in evidence.pings)


@row("  ping(?: uncompressed)?\t(.*)")
def _(evidence, got):
    return any(ping.error and got.startswith(clean(ping.error)) for ping in evidence.pings)


@row("  (compressed frame|frame uncompressed)\t(.*)")
def _(evidence, label, got):
    return any(clean(ping.frame_error) == got and bool(ping.variant) == (label[0] == "f") for ping in evidence.pings)


@row("alone\t(?:handshake|page|\\S*): (.*)")
def _(evidence, got):
    return got in {clean(each.response) for kind in (True, False) for each in rechecks(evidence, "alone", upgrade=kind)}


@row("held\t(\\d+) open, then (.*)")
def _(evidence, count, got):
    held = [each for each in evidence.rechecks if each.moment == "held" and not each.opened]
    return (int(count), got) in {(each.held, clean(each.response)) for each in held}


@row("beside a handshake\t(\\S*): (.*)")
def _(evidence, path, got):
    beside = rechecks(evidence, "beside a handshake", upgrade=False)
    return (path, got) in {(clean(each.path), clean(each.response)) for each in beside}


@row("idle\t(no pings|a ping every .* s): (still open|closed|failed) after ([\\d.]+) s(.*)")
def _(evidence, how, what, seconds, rest):
    holds = [hold for hold in evidence.holds if bool(hold.ping_every) == (how != "no pings")]
    same = [
        hold for hold in holds if abs(hold.seconds - float(seconds)) <= 0.51 and hold.dropped == (what != "still open")
    ]
    return any(_as_told(hold, what, rest) for hold in same)


def _as_told(hold, what, rest):
    """Tell whether a row has the close code, the pong and the end of a hold."""
    if what == "still open":
        return hold.answered or "pong" not in rest
    code = f"close code {hold.close_code}" in rest if hold.close_code else "close code" not in rest
    return code and hold.found_by_ping == (what == "failed")


@row("message\t(\\d+) bytes: (passed|failed)(.*)")
def _(evidence, size, outcome, _rest):
    return (int(size), outcome == "passed") in {(each.size, each.passed) for each in evidence.sizes}


@row("proxy\t(.*): (.*); trying the next one in the PAC file")
def _(evidence, proxy, error):
    return (proxy, error) in {(clean(one), clean(other)) for one, other in evidence.route.passed_over}


@row("proxy\tDIRECT \\(from PAC file\\)")
def _(evidence):
    return not evidence.route.proxy and bool(evidence.route.passed_over)


@row("proxy\t(.*) \\(from (.*)\\)")
def _(evidence, proxy, source):
    return (clean(evidence.route.proxy), clean(evidence.route.source)) == (proxy, source)


@row("name\t(.*?): .*")
def _(evidence, host):
    return clean(evidence.route.host) == host


@row("connection\t(.*)")
def _(evidence, text):
    return text in {clean(f"{each.address}: {each.error or 'accepted'}") for each in evidence.route.attempts}


@row("tunnel\t(.*)")
def _(evidence, text):
    others = {f"to {clean(target)}: {status or 'no response'}" for target, status in evidence.tunnels}
    return text in others or text == clean(evidence.route.tunnel)


@row("TLS\t(.*), issued by (.*)")
def _(evidence, version, issuer):
    tls = evidence.route.tls
    known = (clean(tls.version or "failed"), clean(tls.certificate.issuer or "unknown"))
    return (version, issuer) == known


@row("TLS\t(.*)")
def _(evidence, error):
    return evidence.route.failed == "tls" and clean(evidence.route.error) == error


@row("\tnot trusted: (.*)")
def _(evidence, reason):
    return bool(evidence.route.tls.code) and clean(evidence.route.tls.untrusted) == reason


@row("other scheme\t(.*)")
def _(evidence, got):
    return clean(evidence.other_scheme) == got


@row("not tested\t(.*): (.*)")
def _(evidence, test, reason):
    return (test, reason) in {(clean(one), clean(other)) for one, other in evidence.skipped}
