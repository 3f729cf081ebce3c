"""Find the next step if no cause is proven and no suspected cause has advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from checks.evidence import CLOSED, NO_PONG, OTHER_BROWSERS, OUR_LIMIT
from checks.findings.advice import COOKIES, CREDENTIALS, DIRECT, LIMIT, MOMENT, RESTART
from checks.findings.arrival import over_http_2
from checks.findings.facts import TOO_MANY, Facts, loads, same, timed_out
from checks.findings.phrases import CLIENT_CERTIFICATE
from checks.findings.responders import access_rule, own_page
from checks.findings.strays import only_handshake_strays

CLOSED_BY_SERVER = "the server closed the "
"""The beginning of the error of a ping on a WebSocket that the server closed."""


class Step(NamedTuple):
    """One row of a table."""

    applies: Callable[[Facts], bool]
    advice: str
    """What to do, without a full stop.

    {path} is the path of the first WebSocket that was redirected to itself, or did not open. {seconds} is how long its
    handshake took alone, and {program} the proxy that rejected it.
    """


def next_step(facts: Facts) -> str:
    """Return the advice of the first row that applies, or ""."""
    tried = SOME_CLOSED if facts.closed_paths else ALL_OPENED
    rows = (*ALWAYS, *(tried if facts.evidence.paths else NONE_TRIED))
    advice = next((row.advice for row in rows if row.applies(facts)), "")
    shake = facts.second_look.handshake
    seconds = f"{shake.response.seconds:.0f}" if shake else ""
    if not facts.closed_paths:
        return advice
    program = _access_rule(facts) or own_page(facts.response(facts.closed_paths[0]))
    return advice.format(path=_path(facts), seconds=seconds, program=program)


def _path(facts: Facts) -> str:
    """Return the path that an advice is about."""
    return next(filter(facts.redirected_to_itself, facts.closed_paths), facts.closed_paths[0])


def _access_rule(facts: Facts) -> str:
    """Return the proxy whose own access rules reject the handshake, if any."""
    path = facts.closed_paths[0]
    return access_rule(facts.response(path), facts.plain(path))


def _wants_client_certificate(facts: Facts) -> bool:
    responses = [facts.evidence.page, *map(facts.response, facts.closed_paths)]
    text = " ".join(f"{response.error} {response.body}" for response in responses).lower()
    return any(phrase in text for phrase in CLIENT_CERTIFICATE)


def _page_statuses(facts: Facts) -> set[int]:
    return {page.status for page in facts.pages}


def _http2_fails(facts: Facts) -> bool:
    """Tell whether HTTP/2 was negotiated, and failed before anything was sent."""
    shakes = [shake for shake in facts.evidence.handshakes if shake.variant == "http2"]
    return any(shake.response.error and not shake.sent for shake in shakes)


def _ping_error(facts: Facts) -> str:
    """Return the error of the first ping that failed, or ""."""
    return next((ping.error for ping in facts.evidence.pings if ping.error and not ping.variant), "")


def _status(facts: Facts) -> int:
    return facts.response(facts.closed_paths[0]).status


def _same_error_everywhere(facts: Facts) -> bool:
    status = _status(facts)
    same = status >= 400 and not facts.opened_paths and _page_statuses(facts) == {status}
    return same and facts.second_look.same_status_alone == status


def _asks_for_credentials(facts: Facts) -> bool:
    return facts.refused_everywhere and bool(facts.evidence.page.header("WWW-Authenticate"))


def _opens_without_origin(facts: Facts) -> bool:
    return any(facts.evidence.handshake(path, "no-origin").opened for path in facts.closed_paths)


def _differs_from_plain_get(facts: Facts) -> bool:
    path = facts.closed_paths[0]
    response = facts.response(path)
    return facts.plain(path).status > 0 and not same(response, facts.plain(path)) and not timed_out(response)


def _only_handshake_unanswered(facts: Facts) -> bool:
    path = facts.closed_paths[0]
    return facts.plain(path).status > 0 and timed_out(facts.response(path))


def _only_handshake_closed(facts: Facts) -> bool:
    return _differs_from_plain_get(facts) and CLOSED in facts.response(facts.closed_paths[0]).error


def _sent_cookies(facts: Facts) -> bool:
    shake = facts.evidence.handshake(facts.closed_paths[0])
    return any(name.lower() == "cookie" for name, _ in shake.sent)


def _only_handshake_answered(facts: Facts) -> bool:
    return _differs_from_plain_get(facts) and _status(facts) > 0


ALWAYS = (
    Step(
        lambda facts: any(map(over_http_2, facts.evidence.handshakes)),
        "the request reached the server over HTTP/2, which DSS does not support: make the proxy in front of DSS use"
        " HTTP/1.1 for its connections to DSS",
    ),
    Step(
        lambda facts: facts.rewritten,
        "the request reached the server with another URL or method, as shown above: make the proxy forward both"
        " unchanged",
    ),
    Step(
        _wants_client_certificate,
        "the server requires a client certificate: pass yours with --cert",
    ),
    Step(
        lambda facts: facts.evidence.route.failed == "tls",
        "the TLS handshake fails, so the cause is not related to WebSocket: open the page in a browser, and compare its"
        " URL with this one",
    ),
)

ALL_OPENED = (
    Step(
        lambda facts: 400 in _page_statuses(facts),
        "look for a proxy that requests an upgrade for every request, even for pages",
    ),
    Step(
        lambda facts: 426 in _page_statuses(facts),
        "pages get the response of a WebSocket server: look for a proxy that rewrites URLs, or sends everything to one"
        " server",
    ),
    Step(
        lambda facts: bool(TOO_MANY & _page_statuses(facts)),
        LIMIT,
    ),
    Step(
        lambda facts: not facts.is_websocket_url and not loads(facts.evidence.page),
        "the WebSocket opens and the page does not load: find the page request in the proxy log, and see which server"
        " it was sent to",
    ),
    Step(
        lambda facts: not facts.reached,
        "the WebSocket opens and the health check of DSS fails: find the request for /dip/api/ping in the proxy log,"
        " and see which server it was sent to",
    ),
    Step(
        lambda facts: (
            _ping_error(facts).startswith(NO_PONG) and not any(ping.close_code for ping in facts.evidence.pings)
        ),
        "the WebSocket opens and stays open, but the pong to a ping did not arrive in time: open the same WebSocket on"
        " the server itself, without a proxy, and compare",
    ),
    Step(
        lambda facts: _ping_error(facts).startswith(OUR_LIMIT),
        "the WebSocket opens and carries more data than this test receives: test another WebSocket with --socket",
    ),
    Step(
        lambda facts: any(ping.close_code and ping.messages > 1 for ping in facts.evidence.pings if ping.error),
        "look in the developer tools of a browser (Network, the WebSocket, Messages), because the server sends a frame"
        " before it closes the WebSocket. Some servers report in a message what they miss, such as the page's Host",
    ),
    Step(
        lambda facts: _ping_error(facts).startswith(CLOSED_BY_SERVER),
        "the WebSocket opens and then closes: check the DSS log, then the proxy logs, at the time of this test",
    ),
    Step(
        lambda facts: bool(_ping_error(facts)),
        "the WebSocket opens and a ping gets no pong: check the DSS log, then the proxy logs, at the time of this test",
    ),
    Step(
        lambda facts: any(not shake.opened for shake in facts.evidence.handshakes if shake.variant in OTHER_BROWSERS),
        "a handshake with the headers of Firefox or Safari failed: look for it in the proxy log, at the time of this"
        " test, and open DSS in that browser",
    ),
    Step(
        lambda facts: any(ping.frame_error for ping in facts.evidence.pings if not ping.variant),
        "a ping gets its pong, but none arrives after a compressed frame: run diagnose again, on another network too",
    ),
    Step(
        lambda facts: bool(facts.evidence.sizes) and not any(size.passed for size in facts.evidence.sizes),
        "no message of this test got through, whatever its size: to find a size limit, point the proxy to `echo`"
        " instead of the server",
    ),
    Step(
        lambda facts: not all(size.passed for size in facts.evidence.sizes),
        "messages failed in different ways, or not only the largest did: run the same command again, with a longer"
        " --timeout",
    ),
    Step(
        _http2_fails,
        "the server negotiates HTTP/2 (ALPN) but does not support it, so browsers load no page: remove h2 from its ALPN"
        " protocols",
    ),
    Step(
        lambda facts: any(not shake.opened for shake in facts.evidence.handshakes if shake.variant == "http2"),
        "a handshake over HTTP/2 failed: look for it in the proxy log, at the time of this test",
    ),
    Step(
        lambda facts: any(hold.dropped for hold in facts.evidence.holds),
        RESTART,
    ),
    Step(
        lambda _: True,
        "run diagnose again, on another network too, and compare the steps above",
    ),
)
"""The rows if each WebSocket opened."""

NONE_TRIED = (
    Step(
        lambda _: True,
        "no handshake was sent: run diagnose again, with the URL that the browser shows",
    ),
)
"""The row if the test ended before the first handshake."""

SOME_CLOSED = (
    Step(
        lambda facts: facts.second_look.stopped,
        "the server stopped responding during this test: look in its firewall, and in a guard such as fail2ban, for a"
        " ban of this IP address. When it has ended, test with diagnose --gentle, which sends few requests",
    ),
    Step(
        lambda facts: facts.second_look.slow,
        "the WebSocket opened, but its handshake took {seconds} s: test DSS directly, at its own port, without the"
        " proxy. If the handshake is as slow there, look at the load of DSS, otherwise at the proxies in between. For"
        " the rest of this test, pass --timeout 60",
    ),
    Step(
        lambda facts: facts.second_look.recovered,
        MOMENT,
    ),
    Step(
        lambda facts: any(map(facts.redirected_to_itself, facts.closed_paths)),
        "find the program that redirects {path} to the URL that was requested, and the condition of that redirect: the"
        " scheme, the host name or a cookie that it expects",
    ),
    Step(
        lambda facts: bool(_access_rule(facts)),
        "the 403 comes from {program} itself: look for {path} in its log, and find the access rule that rejects it",
    ),
    Step(
        _asks_for_credentials,
        CREDENTIALS,
    ),
    Step(
        lambda facts: facts.refused_everywhere and _sent_cookies(facts),
        "open the page in a browser. If it loads there, pass its cookies again: those of this test may have expired."
        " If the browser gets the same error, the cause is not related to WebSocket",
    ),
    Step(
        lambda facts: facts.refused_everywhere,
        f"{COOKIES}, because the page is rejected like the WebSocket; if the browser gets the same error, the cause is"
        " not related to WebSocket",
    ),
    Step(
        _same_error_everywhere,
        "open the page in a browser: it gets the same error as the WebSocket, so the cause is not related to WebSocket",
    ),
    Step(
        lambda facts: _status(facts) == 101,
        "connect to DSS directly, at its own port: if the response differs there, look for a proxy that changes"
        " response headers",
    ),
    Step(
        _opens_without_origin,
        "the WebSocket opens without Origin: look for a list of allowed origins (CORS), in the proxy and behind it",
    ),
    Step(
        lambda facts: _status(facts) in TOO_MANY,
        LIMIT,
    ),
    Step(
        lambda facts: _status(facts) in {502, 504},
        "find the request for {path} in the proxy log, and see which server it was sent to",
    ),
    Step(
        _only_handshake_unanswered,
        "the handshake gets no response, and the same request without Upgrade gets one: run diagnose again with"
        " --timeout 60, then look for {path} in the logs, from the proxy to DSS",
    ),
    Step(
        _only_handshake_closed,
        "the connection is closed for the handshake only: look for {path} in the logs, from the proxy to DSS",
    ),
    Step(
        lambda facts: only_handshake_strays(facts, facts.closed_paths[0]),
        "look in the proxy config for a rule that only upgrade requests match (Apache httpd: RewriteRule with ws://),"
        " and correct where it sends {path}. The handshake gets 404 or the page of /, but the same request without"
        " Upgrade gets 400 or 426, the status codes of a WebSocket server. If the config has no such rule, compare the"
        " URL with the one that the developer tools of a browser show",
    ),
    Step(
        lambda facts: _status(facts) == 500 and own_page(facts.response(facts.closed_paths[0])) == "Apache httpd",
        "find the reason for this error page in the error log of Apache httpd. The rule for {path} may have a scheme"
        " that no module handles (wss:// needs SSLProxyEngine), or one that does not fit the port of the server",
    ),
    Step(
        lambda facts: _status(facts) == 500 and _only_handshake_answered(facts),
        "check the error logs, from the proxy to DSS, at the time of this test. If the proxy asks a sign-in service"
        " first (auth_request, forward_auth), it must not send Upgrade to that service",
    ),
    Step(
        lambda facts: _only_handshake_answered(facts) and bool(own_page(facts.response(facts.closed_paths[0]))),
        "the error page is that of {program}, and the same request without Upgrade gets another response: look in its"
        " config for a rule about {path}, Upgrade or Connection",
    ),
    Step(
        _only_handshake_answered,
        "the handshake gets another response than the same request without Upgrade: look for both in the logs, from the"
        " proxy to DSS",
    ),
    Step(
        lambda _: True,
        DIRECT,
    ),
)
"""The rows if at least one WebSocket did not open."""
