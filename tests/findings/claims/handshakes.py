"""The claims of proofs about handshakes and pages."""

import base64
import hashlib
import re
from urllib.parse import unquote, urljoin, urlsplit

from checks.findings.phrases import FIREWALLS, LIMITS

from . import GATEWAY, LIMITED, claims, closed, firsts, of, pages, quotes, rechecks

BROWSERS = {"": "Chrome, Edge", "firefox": "Firefox", "safari": "Safari"}


def accept(key):
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def leads(url, path, target):
    """Tell whether a target has the host and the path of the URL that was requested."""
    here = urlsplit(urljoin(re.sub("^ws", "http", url), path))
    there = urlsplit(urljoin(here.geturl(), re.sub("^ws", "http", target)))
    return (here.hostname or "").rstrip(".") == (there.hostname or "").rstrip(".") and unquote(
        here.path or "/"
    ) == unquote(there.path or "/")


def sent(shake, name):
    return dict(shake.sent).get(name, "")


@claims(r"(?:(\S*): )?expected 101 Switching Protocols, got (.+?)(, with and without Upgrade)?")
def _(evidence, path, got, alike):
    shakes = [shake for shake in closed(evidence) if path in {None, shake.path} and str(shake.response) == got]
    plain = [evidence.handshake(shake.path, "no-upgrade").response.status for shake in shakes]
    late = [each for each in rechecks(evidence, "alone", upgrade=True) if str(each.response) == got]
    return any(status == int(got[:3]) for status in plain) if alike else bool(shakes or late)


@claims(r"(\S*): expected 101 Switching Protocols, got (.+), which reports \"(.*)\"")
def _(evidence, path, got, phrase):
    shake = evidence.handshake(path)
    return not shake.opened and str(shake.response) == got and quotes(phrase, shake.response)


@claims(r"expected 101 Switching Protocols, got (.+) through (\S+), with and without Upgrade")
def _(evidence, got, proxy):
    shakes = [shake for shake in closed(evidence) if str(shake.response) == got]
    plain = {evidence.handshake(shake.path, "no-upgrade").response.status for shake in shakes}
    return evidence.route.proxy == proxy and bool(plain & {shake.response.status for shake in shakes})


@claims(r"expected 101 Switching Protocols, got (.+) to a request with HTTP/1\.1(, from Envoy itself, which .*)?")
def _(evidence, got, envoy):
    shakes = [shake for shake in closed(evidence) if str(shake.response) == got]
    return any(not envoy or "envoy" in shake.response.header("Server").lower() for shake in shakes)


@claims(r"expected 101 Switching Protocols, got (.+) to (\S*?)(, the URL that was requested)?")
def _(evidence, got, target, back):
    shakes = [shake for shake in closed(evidence) if str(shake.response) == got]
    found = [shake for shake in shakes if ("location", target) in {(k.lower(), v) for k, v in shake.response.headers}]
    return any(
        300 < each.response.status < 400 and (not back or leads(evidence.url, each.path, target)) for each in found
    )


@claims(r"expected 101 Switching Protocols, got (.+) with the Origin of the page")
def _(evidence, got):
    return any(str(shake.response) == got for shake in closed(evidence))


@claims(r"expected 101 Switching Protocols, got (.+) with WWW-Authenticate: (.*)")
def _(evidence, got, scheme):
    shakes = [shake.response for shake in closed(evidence) if str(shake.response) == got]
    return any(response.header("WWW-Authenticate") == scheme for response in shakes)


@claims(r"expected 101 Switching Protocols, got (.+) with a firewall's phrase \(['\"](.*)['\"]\)")
def _(evidence, got, phrase):
    shakes = [shake.response for shake in closed(evidence) if str(shake.response) == got]
    texts = [" ".join([each.body, *dict(each.headers).values()]).lower() for each in shakes]
    return phrase in FIREWALLS and any(phrase in text for text in texts)


@claims(r"expected 101 Switching Protocols, got (.+) with an empty body, from Envoy itself")
def _(evidence, got):
    shakes = [shake.response for shake in closed(evidence) if str(shake.response) == got]
    return any(not each.body and "envoy" in each.header("Server").lower() for each in shakes)


@claims(r"expected 101 Switching Protocols for Sec-WebSocket-Version: 13, got (.+) with Sec-WebSocket-Version: (.*)")
def _(evidence, got, versions):
    shakes = [shake.response for shake in closed(evidence) if str(shake.response) == got]
    return any(each.header("Sec-WebSocket-Version") == versions for each in shakes)


@claims(r"expected (101 Switching Protocols|a page), got (.+) with the words '(.*)'")
def _(evidence, kind, got, phrase):
    upgrade = kind != "a page"
    again = [shake.response for variant in ("", "again") for shake in of(evidence, variant) if not shake.opened]
    late = [each.response for each in evidence.rechecks if each.upgrade == upgrade and not each.opened]
    found = [each for each in [*(again if upgrade else pages(evidence)), *late] if str(each) == got]
    return phrase in LIMITS and any(phrase in f"{each.reason} {each.body}".lower() for each in found)


@claims(r"a WebSocket opened when no other connection of this test was open")
def _(evidence):
    return any(each.opened for each in rechecks(evidence, "alone", "after", upgrade=True))


@claims(r"expected a WebSocket to open beside (\d+) WebSockets? of this test, got (.+)(, twice|, then .+)")
def _(evidence, count, first, second):
    rejected = [each for each in rechecks(evidence, "held", upgrade=True) if not each.opened]
    responses = [str(each.response) for each in rejected]
    expected = [first, first if second == ", twice" else second.removeprefix(", then ")]
    return responses == expected and {each.held for each in rejected} == {int(count)}


@claims(r"it opened each time after they were closed")
def _(evidence):
    after = [each.opened for each in evidence.rechecks if each.moment == "after"]
    return after == [True, True]


@claims(r"expected (.+) for (\S*), got (.+) beside a handshake, repeatedly")
def _(evidence, expected, path, got):
    alone = {str(each.response) for each in rechecks(evidence, "alone", upgrade=False) if each.path == path}
    beside = [
        each for each in rechecks(evidence, "beside a handshake", upgrade=False) if each.response.status in LIMITED
    ]
    return expected in alone and len(beside) > 1 and (path, got) in {(each.path, str(each.response)) for each in beside}


@claims(r"requests side by side without a handshake got no such error")
def _(evidence):
    together = rechecks(evidence, "together", upgrade=False)
    return bool(together) and not any(each.response.status in LIMITED for each in together)


@claims(r"expected each browser's handshake to open a WebSocket")
def _(evidence):
    return any(not shake.opened for variant in BROWSERS for shake in of(evidence, variant))


@claims(r"((?:Chrome|Edge|Firefox|Safari|, | and )+) opened one, but (.*)")
def _(evidence, opened, rest):
    outcomes = {}
    for path in evidence.paths:
        shakes = {variant: [each for each in of(evidence, variant) if each.path == path] for variant in BROWSERS}
        shakes[""] += [each for each in of(evidence, "again") if each.path == path]
        outcomes[path] = {BROWSERS[variant]: each for variant, each in shakes.items() if each}
    refused = re.findall(
        r"((?:Chrome|Edge|Firefox|Safari|, | and )+) got (.+?)(?= and (?:Chrome|Firefox|Safari)|$)", rest
    )
    return any(_as_printed(each, opened, refused) for each in outcomes.values())


def _as_printed(shakes, opened, refused):
    names = {name for name in shakes if name.partition(",")[0] in opened}
    got = {name: text for list_, text in refused for name in shakes if name.partition(",")[0] in list_}
    every = all(shake.opened for name in names for shake in shakes[name])
    return (
        every
        and names | got.keys() == shakes.keys()
        and all(not shakes[name][-1].opened and str(shakes[name][-1].response) == text for name, text in got.items())
    )


@claims(r"the reason is Connection: keep-alive, Upgrade, which many versions of Firefox send: (.*) fails too")
def _(evidence, _handshake):
    return any(not shake.opened for shake in of(evidence, "keep-alive"))


@claims(r"the same request without Upgrade (?:also )?returned (.*)")
def _(evidence, got):
    return any(str(shake.response) == got and shake.response.status for shake in of(evidence, "no-upgrade"))


@claims(r"with X-Forwarded-Proto: https, the same handshake returned (.*)")
def _(evidence, got):
    return any(str(shake.response) == got and shake.response.status for shake in of(evidence, "forwarded-https"))


@claims(r"((?:A )?[\w-]+(?: or Connection| header)?) was sent, and the response reports \"(.*)\"")
def _(evidence, name, phrase):
    shakes = [shake for shake in closed(evidence) if quotes(phrase, shake.response)]
    return any(not shake.sent or not re.fullmatch(r"[\w-]+", name) or sent(shake, name) for shake in shakes)


@claims(r"the response reports \"(.*)\"")
def _(evidence, phrase):
    return any(quotes(phrase, shake.response) for shake in closed(evidence))


@claims(r"got (.+)")
def _(evidence, got):
    shakes = [shake for shake in closed(evidence) if shake.arrived]
    return any(got in {str(each.response), f"{each.response} ({each.fault})"} for each in shakes)


@claims(r"([\w-]+) was sent and did not arrive")
def _(evidence, name):
    arrived = [{key.lower(): value for key, value in shake.arrived} for shake in firsts(evidence) if sent(shake, name)]
    return any(names and not names.get(name.lower()) for names in arrived)


@claims(r"([\w-]+) was sent as ('.*'|\".*\") and arrived as ('.*'|\".*\")")
def _(evidence, name, was, became):
    shakes = [shake for shake in firsts(evidence) if repr(sent(shake, name)) == was]
    return was != became and any(repr(shake.arrived_header(name)) == became for shake in shakes)


@claims(r"expected HTTP/1\.1 at the server, as it was sent, got HTTP/1\.0")
def _(evidence):
    return any(shake.arrived_request.endswith(" HTTP/1.0") for shake in firsts(evidence))


@claims(r"expected (Host|Origin): (\S*) at the server, got (.*)")
def _(evidence, name, expected, got):
    shakes = [shake for shake in firsts(evidence) if sent(shake, name) == expected != got and shake.arrived]
    return any((shake.arrived_header(name) or "no Host header") == got for shake in shakes)


@claims(r"expected Host: (\S*) at the server, got (.+), which reports Host (\S+)")
def _(evidence, expected, got, arrived):
    shakes = [shake for shake in closed(evidence) if (sent(shake, "Host"), str(shake.response)) == (expected, got)]
    return any(arrived != expected and arrived in shake.response.body.lower() for shake in shakes)


@claims(r"without (Origin|the proxy), the handshake succeeded")
def _(evidence, change):
    return any(shake.opened for shake in of(evidence, {"Origin": "no-origin"}.get(change, "direct")))


@claims(r"without cookies, it returned (.*)")
def _(evidence, got):
    return any(str(shake.response) == got and shake.response.status for shake in of(evidence, "no-cookies"))


@claims(r"over HTTP/2, expected 200, got (.*)")
def _(evidence, got):
    shakes = [shake for shake in of(evidence, "http2") if not shake.opened]
    return any(
        got == f"{shake.response}{f' ({shake.fault})' if shake.response.status == 200 else ''}" for shake in shakes
    )


@claims(r"over HTTP/1\.1, the handshake succeeded")
def _(evidence):
    return any(shake.opened for shake in firsts(evidence))


@claims(r"(\S*) opened")
def _(evidence, path):
    return evidence.handshake(path).opened


@claims(r"the page returned (.*)")
def _(evidence, got):
    return str(evidence.page) == got and evidence.page.status > 0


@claims(r"expected 200 OK from the health check of DSS, got (.*?), also when no other connection was open")
def _(evidence, got):
    alone = [
        each.response.status for each in rechecks(evidence, "alone", upgrade=False) if each.path == "/dip/api/ping"
    ]
    return str(evidence.health_check) == got and bool(alone) and {evidence.health_check.status, *alone} <= GATEWAY


@claims(r"expected Sec-WebSocket-Accept: (\S+) for the key (\S+), got (.*)")
def _(evidence, expected, key, got):
    headers = {
        shake.response.header("Sec-WebSocket-Accept") for shake in firsts(evidence) if key in dict(shake.sent).values()
    }
    return expected == accept(key) != got and got in headers


@claims(r"expected Upgrade, Connection, Sec-WebSocket-Accept, got (101.*) without (.*)")
def _(evidence, got, missing):
    responses = [shake.response for shake in firsts(evidence) if str(shake.response) == got]
    return any(not any(response.header(name) for name in missing.split(" and ")) for response in responses)


@claims(r"expected ([\w-]+): (\S*) and nothing else, got (101.*) with [\w-]+: (.*)")
def _(evidence, name, expected, got, value):
    headers = {shake.response.header(name) for shake in firsts(evidence) if str(shake.response) == got}
    return value != expected and value.replace(", ", ",") in {each.replace(", ", ",") for each in headers}


@claims(r"expected 'self' in the connect-src of the page, got (.*)")
def _(evidence, sources):
    text = f"{evidence.page.header('Content-Security-Policy')} {evidence.page.body}"
    return "'self'" not in sources.split() and (
        sources == "'none'" or all(source in text for source in sources.split())
    )


@claims(r"expected no upgrade-insecure-requests in the policy of a page over HTTP: with it, browsers open wss:// here")
def _(evidence):
    text = f"{evidence.page.header('Content-Security-Policy')} {evidence.page.body}".lower()
    return "upgrade-insecure-requests" in text and not evidence.url.startswith(("https", "wss"))


@claims(r"the (handshake|page): (.*)")
def _(evidence, what, got):
    return str(evidence.handshakes[0].response if what == "handshake" else evidence.page) == got or (
        what == "handshake" and str(firsts(evidence)[0].response) == got
    )


@claims(r"expected the same response each time, but (\d+) of (\d+) handshakes opened")
def _(evidence, opened, total):
    groups = [
        [shake.opened for shake in evidence.handshakes if shake.path == path and shake.variant in variants]
        for path in evidence.paths
        for variants in ({"", "again"}, {"firefox"}, {"safari"})
    ]
    return any(0 < sum(each) == int(opened) < len(each) == int(total) for each in groups)


@claims(r"others: (.*)")
def _(evidence, text):
    failed = [str(shake.response) for shake in evidence.handshakes if not shake.opened]
    found = re.findall(r"(\d+) x (.*?)(?=, \d+ x |$)", text)
    return bool(found) and all(failed.count(response) >= int(count) for count, response in found)


@claims(
    r"(\d+) WebSockets? opened(?:, the first one)? (?:once|(\d+) times)(,? and (?:(\d+) of them )?answered a ping)?"
)
def _(evidence, count, times, pings, answered):
    opened = [shake for shake in firsts(evidence) if shake.opened]
    pinged = {ping.path for ping in evidence.pings if not (ping.variant or ping.error)} & set(evidence.paths)
    variants = {"", "again", "firefox", "safari"}
    first = [each.opened for each in evidence.handshakes if each.path == evidence.paths[0] and each.variant in variants]
    every = len(pinged) == int(answered or (count if pings else 0))
    return len(opened) == len(evidence.paths) == int(count) and every and all(first) and len(first) == int(times or 1)
