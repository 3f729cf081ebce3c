"""The claims of next steps."""

import re

from checks.evidence import CLOSED, NO_PONG, NO_RESPONSE, OUR_LIMIT
from checks.findings.phrases import CLIENT_CERTIFICATE, SECURITY_SOFTWARE
from checks.findings.responders import DEFAULT_PAGES

from . import claims, closed, firsts, of, pages, rechecks


def advises(pattern):
    """Add a claim about the evidence in one sentence of an advice."""
    return claims(pattern, "advice")


@advises("(?:Its server may be down|Some servers report in a message what they miss|The proxy must forward both).*")
@advises("A server with a list of allowed origins must have this one on it")
@advises("run diagnose again, without --gentle: it repeats each request alone, and proves whether DSS is down")
@advises("run diagnose again with --timeout 60, because a slow server may respond later")
@advises("repeat this test with a longer --timeout: a slow or busy server looks like this, too")
@advises("use the URL that the browser shows, because the proxy may know DSS by that host name only; .*")
def _(_evidence):
    return True  # of every proxy and server


@advises(r"run diagnose again, because a handshake that failed at first succeeded a moment later")
@advises(r"Requests side by side failed, and a handshake alone succeeded")
def _(evidence):
    alone = {each.path for each in rechecks(evidence, "alone", upgrade=True) if each.opened}
    return any(shake.path in alone for shake in closed(evidence))


@advises(r"find the limit on requests in the log of the proxy that sent 429")
def _(evidence):
    responses = [shake.response for shake in evidence.handshakes] + [each.response for each in evidence.rechecks]
    return 429 in {each.status for each in [*responses, *pages(evidence)]}


@advises(r"find out which program sent the response, because it is empty or tiny")
def _(evidence):
    return any(shake.response.status and len(shake.response.body.strip()) < 64 for shake in closed(evidence))


@advises(r"the 403 comes from .+ itself: look for .+")
def _(evidence):
    return 403 in {shake.response.status for shake in closed(evidence)}


@advises(r"find out why the same request without Upgrade gets a gateway error: .*")
@advises(r"check whether the server runs, because Envoy sends a gateway error to plain requests too")
def _(evidence):
    return bool({502, 503, 504} & {shake.response.status for shake in of(evidence, "no-upgrade")})


@advises(r"If pages load and the handshake still gets 403, check upgrade_configs")
@advises(r"connect to DSS directly, at its own port")
@advises(r"If the response there is a 101, check that it has the headers Upgrade and Connection: .*")
def _(_evidence):
    return True  # of what to try


@advises(r"ask for the limits of every proxy: an idle timeout and a maximum connection lifetime both look like this")
@advises(r"run this test again, for longer: if every WebSocket lasts equally long, .*")
def _(evidence):
    return any(hold.dropped for hold in evidence.holds)


@advises(r"look for an idle timeout in the server and .*, because the close frame comes from one of these")
def _(evidence):
    return any(hold.close_code for hold in evidence.holds if hold.dropped and not hold.ping_every)


@advises(r"this Python has no trusted certificates: .*")
def _(evidence):
    return evidence.route.tls.no_trust_store


@advises(r"(The WebSocket opens without the proxy\. |The server responds without the proxy\. )?[Aa]sk the team.*")
def _(evidence, direct):
    asked = evidence.route.proxy and evidence.route.tunnel.status and not 200 <= evidence.route.tunnel.status < 300
    if "WebSocket opens" in (direct or ""):
        return bool(asked) and any(shake.opened for shake in of(evidence, "direct"))
    return bool(asked) and (not direct or (bool(evidence.direct.host) and not evidence.direct.failed))


@advises(r"pass the credentials that the browser has for the proxy, if any, with --proxy(: it responded .*)?")
def _(evidence, responded):
    route = evidence.route
    return (
        bool(route.proxy)
        and route.failed == "proxy"
        and (not responded or (str(route.tunnel) in responded and route.tunnel.status > 0))
    )


@advises(r"temporarily turn off the web shield, and run diagnose again")
def _(evidence):
    return any(product in evidence.route.tls.certificate.issuer.lower() for product in SECURITY_SOFTWARE)


@advises(r"temporarily add an exception for the host name of DSS to the proxy, and run diagnose again")
def _(evidence):
    return bool(evidence.route.proxy) and any(shake.opened for shake in of(evidence, "direct"))


@advises(r"a frame could not be read: .*")
def _(evidence):
    return any(ping.unreadable or ping.close_code in {1002, 1007} for ping in evidence.pings)


@advises(r"test the URL that the page redirects to: diagnose (\S+)")
def _(evidence, url):
    origin, target = re.match(r"\w+://[^/]*", url)[0], evidence.page.header("Location")
    return target.startswith((re.sub("^ws", "http", origin), origin))


@advises(r"look for the request in the log of the server, because this URL gets the same page as /")
def _(evidence):
    return any(shake.response.body == evidence.page.body != "" for shake in closed(evidence))


@advises(r"If it is missing there, the proxy has one page for every URL \(try_files, a sign-in\), or knows .*")
@advises(r"The rule for \S* may have a scheme that no module handles .*")
def _(_evidence, *_):
    return True  # of what may be


@advises(r"find the reason for this error page in the error log of Apache httpd")
def _(evidence):
    return 500 in {shake.response.status for shake in closed(evidence)}


@advises(r"The handshake gets 404 or the page of /, but the same request without Upgrade gets 400 or 426, the .*")
def _(evidence):
    page = evidence.page.body
    strays = [shake.path for shake in closed(evidence) if shake.response.status == 404 or shake.response.body == page]
    return any(evidence.handshake(path, "no-upgrade").response.status in {400, 426} for path in strays)


@advises(
    r"look in the developer tools of a browser .*, because the server sends a frame before it closes the WebSocket"
)
def _(evidence):
    return any(ping.error and ping.close_code and ping.messages for ping in evidence.pings)


@advises(r"The response reports that HTTP arrived at a port for HTTPS")
def _(evidence):
    bodies = [each.body.lower() for each in [evidence.page, *(shake.response for shake in closed(evidence))]]
    return any("https" in body or "ssl" in body for body in bodies)


@advises(r"the health check of DSS is missing, so this may not be DSS, or .*")
def _(evidence):
    return evidence.health_check.status == 404 or (
        evidence.health_check.status == 200 and not evidence.health_check.body
    )


@advises(r"every URL gets the default page of (.+), so this is not DSS, or .*")
def _(evidence, program):
    phrases = [phrase for phrase, name in DEFAULT_PAGES.items() if name == program]
    bodies = [response.body.lower() for response in [*pages(evidence), *(shake.response for shake in firsts(evidence))]]
    return bool(bodies) and all(any(phrase in body for phrase in phrases) for body in bodies)


@advises(r"the request reached the server over HTTP/2, which DSS does not support: .*")
def _(evidence):
    return any(shake.arrived_request.endswith(" HTTP/2") for shake in evidence.handshakes)


@advises(r"the request reached the server with another URL or method, as shown above: .*")
def _(evidence):
    arrived = [(shake.path, shake.arrived_request) for shake in evidence.handshakes if shake.arrived_request]
    return any(not request.startswith(f"GET {path} ") for path, request in arrived)


@advises(r"the server requires a client certificate: .*")
def _(evidence):
    responses = [evidence.page, *(shake.response for shake in closed(evidence))]
    return any(phrase in f"{each.error} {each.body}".lower() for each in responses for phrase in CLIENT_CERTIFICATE)


@advises(r"the TLS handshake fails, so .*")
def _(evidence):
    return evidence.route.failed == "tls"


@advises(r"pages get the response of a WebSocket server: .*")
def _(evidence):
    return 426 in {page.status for page in pages(evidence)} and not closed(evidence)


@advises(r"the WebSocket opens and (the page does not load|the health check of DSS fails): .*")
def _(evidence, what):
    response = evidence.page if "page" in what else evidence.health_check
    bad = not response.status or (response.status >= 400 and response.status not in {401, 403, 404})
    return bad and _opens(evidence)


def _opens(evidence):
    """Tell whether each first handshake opened a WebSocket, of at least one."""
    return bool(firsts(evidence)) and not closed(evidence)


@advises(r"the WebSocket opens and stays open, but the pong to a ping did not arrive in time: .*")
def _(evidence):
    late = [ping for ping in evidence.pings if ping.error.startswith(NO_PONG) and not ping.close_code]
    return _opens(evidence) and bool(late)


@advises(r"the WebSocket opens and carries more data than this test receives: .*")
def _(evidence):
    return _opens(evidence) and any(ping.error.startswith(OUR_LIMIT) for ping in evidence.pings)


@advises(r"the WebSocket opens and then closes: .*")
def _(evidence):
    return _opens(evidence) and any("closed" in ping.error or ping.close_code for ping in evidence.pings if ping.error)


@advises(r"the WebSocket opens and a ping gets no pong: .*")
def _(evidence):
    return _opens(evidence) and any(ping.error for ping in evidence.pings)


@advises(r"a handshake with the headers of Firefox or Safari failed: .*")
def _(evidence):
    return any(not shake.opened for shake in evidence.handshakes if shake.variant in {"firefox", "safari"})


@advises(r"a handshake over HTTP/2 failed: .*")
def _(evidence):
    return any(not shake.opened for shake in of(evidence, "http2"))


@advises(r"a ping gets its pong, but none arrives after a compressed frame: .*")
def _(evidence):
    return any(ping.frame_error and not (ping.error or ping.variant) for ping in evidence.pings)


@advises(r"no message of this test got through, whatever its size: .*")
def _(evidence):
    return bool(evidence.sizes) and not any(size.passed for size in evidence.sizes)


@advises(r"messages failed in different ways, or not only the largest did: .*")
def _(evidence):
    failed = [size for size in evidence.sizes if not size.passed]
    passed = [size.size for size in evidence.sizes if size.passed]
    ways = {(size.error, size.close_code) for size in failed}
    return bool(failed) and (len(ways) > 1 or min(size.size for size in failed) <= max(passed, default=0))


@advises(r"the server negotiates HTTP/2 \(ALPN\) but does not support it, so browsers load no page: .*")
def _(evidence):
    return any(shake.response.error and not shake.sent for shake in of(evidence, "http2"))


@advises(r"no handshake was sent: .*")
def _(evidence):
    return not evidence.handshakes


@advises(r"the server stopped responding during this test: .*")
def _(evidence):
    return evidence.page.status > 0 and not any(each.response.status for each in evidence.rechecks)


@advises(r"the WebSocket opened, but its handshake took (\d+) s: .*")
def _(evidence, seconds):
    opened = [each.response for each in rechecks(evidence, "alone", upgrade=True) if each.opened]
    return any(f"{each.seconds:.0f}" == seconds for each in opened)


@advises(r"look for the handshake in the log of the server, because a proxy got no response to it in time")
def _(evidence):
    statuses = {each.response.status for each in rechecks(evidence, "alone", upgrade=True)}
    return 504 in statuses and any(shake.response.status for shake in of(evidence, "no-upgrade"))


@advises(r"find the program that redirects (\S*) to the URL that was requested, .*")
def _(evidence, path):
    return 300 < evidence.handshake(path).response.status < 400


@advises(r"pass the credentials that the browser asks for with --header 'Authorization: \.\.\.'")
def _(evidence):
    return bool(evidence.page.header("WWW-Authenticate"))


@advises(r"(?:sign in with a browser and pass its cookies with --cookies FILE), because the page is rejected like .*")
def _(evidence):
    return evidence.page.status in {401, 403} & {shake.response.status for shake in closed(evidence)}


@advises(r"open the page in a browser: it gets the same error as the WebSocket, so .*")
def _(evidence):
    statuses = {response.status for response in [*pages(evidence), *(shake.response for shake in closed(evidence)[:1])]}
    return len(statuses) == 1 and min(statuses) >= 400


@advises(r"the WebSocket opens without Origin: .*")
def _(evidence):
    return any(shake.opened for shake in of(evidence, "no-origin"))


@advises(r"the handshake gets no response, and the same request without Upgrade gets one: .*")
def _(evidence):
    silent = [shake for shake in closed(evidence) if shake.response.error.startswith(NO_RESPONSE)]
    return any(evidence.handshake(shake.path, "no-upgrade").response.status for shake in silent)


@advises(r"the connection is closed for the handshake only: .*")
def _(evidence):
    ended = [shake for shake in closed(evidence) if CLOSED in shake.response.error]
    return any(evidence.handshake(shake.path, "no-upgrade").response.status for shake in ended)


@advises(r"the error page is that of .+, and the same request without Upgrade gets another response: .*")
@advises(r"the handshake gets another response than the same request without Upgrade: .*")
def _(evidence):
    pairs = [(shake.response, evidence.handshake(shake.path, "no-upgrade").response) for shake in closed(evidence)]
    return any(one.status and other.status and one != other for one, other in pairs)


@advises(r"look for a proxy that requests an upgrade for every request, even for pages")
def _(evidence):
    return 400 in {page.status for page in pages(evidence)} and not closed(evidence)


@advises(r"check whether upgrade_configs in Envoy applies to this URL too, and whether a filter of Envoy refuses it")
def _(evidence):
    refused = [shake.response for shake in closed(evidence) if shake.response.status == 403]
    return any("envoy" in re.sub(r"\s", "", each.header("Server")).lower() for each in refused)
