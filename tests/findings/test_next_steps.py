"""What to do next if no cause is proven and none is suspected."""

from dataclasses import replace

import pytest
from findings.cases import auth_on_handshake, extension_mangled, handshake_header_mangled, scheme_mismatch, wrong_path
from support.evidence import (
    CLOSED,
    HEALTHY,
    KERNEL,
    NOT_FOUND,
    OPEN,
    PAGE,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    WSS,
    alone,
    at_websocket,
    everywhere,
    handshakes,
    observed,
    over_http2,
    ping,
    pinged,
    redirect,
    response,
    without_rechecks,
)

from checks.evidence import Response
from checks.findings import diagnose
from checks.probe import NOTIFICATIONS

APACHE_ERROR = response(500, "<p>The server encountered an internal error or\nmisconfiguration")
"""The error page of Apache httpd."""

REPEATED = ("page", "health_check", "plain", "handshake")
"""The requests of the second look."""

STEPS = {
    "400 with Upgrade only": (
        observed(handshakes(response(400), response(426))),
        "the handshake gets another response",
    ),
    "a closed connection with Upgrade only": (
        observed(handshakes(CLOSED, response(426))),
        "the connection is closed for the handshake only",
    ),
    "500 for everything": (everywhere(response(500)), "open the page in a browser"),
    "500 for everything side by side": (without_rechecks(everywhere(response(500))), "connect to DSS directly"),
    "500 for everything side by side, and 200 for the page alone": (
        alone(everywhere(response(500)), page=PAGE),
        "connect to DSS directly",
    ),
    "a handshake that takes 12 s": (
        alone(observed(handshakes(TIMED_OUT)), handshake=replace(OPEN, seconds=12.0)),
        "the WebSocket opened, but its handshake took 12 s",
    ),
    "everything takes 12 s": (
        alone(
            everywhere(TIMED_OUT),
            page=replace(PAGE, seconds=12.0),
            health_check=HEALTHY,
            plain=UPGRADE_REQUIRED,
            handshake=replace(OPEN, seconds=12.0),
        ),
        "the WebSocket opened, but its handshake took 12 s",
    ),
    "no response at first, and then one at once": (
        alone(observed(handshakes(TIMED_OUT)), handshake=OPEN),
        "run diagnose again, because a handshake that failed at first succeeded a moment later",
    ),
    "400 for everything, and then nothing": (
        alone(
            observed(handshakes(response(400), response(400)), page=response(400)), **dict.fromkeys(REPEATED, CLOSED)
        ),
        "the server stopped responding during this test",
    ),
    "400 for the page only": (
        observed(handshakes(OPEN), page=response(400), health_check=response(400)),
        "look for a proxy that requests an upgrade",
    ),
    "426 for the page only": (
        observed(handshakes(OPEN), page=response(426), health_check=response(426)),
        "pages get the response of a WebSocket server",
    ),
    "no client certificate, in TLS 1.3": (
        everywhere(Response(error="TLS failed: tlsv13 alert certificate required")),
        "the server requires a client certificate",
    ),
    "no client certificate, on nginx": (
        everywhere(response(400, "No required SSL certificate was sent")),
        "the server requires a client certificate",
    ),
    "no common TLS version": (
        scheme_mismatch.QUIET["another TLS version, and a redirect with http"],
        "the TLS handshake fails",
    ),
    "502 for the page only": (
        observed(handshakes(OPEN), page=response(502)),
        "the WebSocket opens and the page does not load",
    ),
    "opened and dropped": (
        extension_mangled.QUIET["the first WebSocket dropped, the next did not"],
        "the WebSocket opens and then closes",
    ),
    "HTTP/2 negotiated and not supported": (over_http2(CLOSED, sent=()), "the server negotiates HTTP/2"),
    "403 for everything": (everywhere(response(403)), "sign in with a browser and pass its cookies"),
    "401 for everything": (
        everywhere(response(401, WWW_Authenticate='Basic realm="x"')),
        "pass the credentials that the browser asks for",
    ),
    "403 of RBAC in Envoy": (
        observed(handshakes(response(403, "RBAC: access denied", Server="envoy"))),
        "the 403 comes from Envoy (RBAC, in Istio an AuthorizationPolicy) itself",
    ),
    "403 of Squid for everything": (
        everywhere(response(403, "<html>", X_Squid_Error="ERR_ACCESS_DENIED 0")),
        "the 403 comes from Squid (http_access) itself",
    ),
    "403 of HAProxy, also without Upgrade": (
        observed(handshakes(*[response(403, "Request forbidden by administrative rules.")] * 2)),
        "the 403 comes from HAProxy (http-request deny) itself",
    ),
    "403 of Envoy itself for everything": (
        everywhere(response(403, Server="envoy")),
        "the 403 comes from Envoy (ext_authz, or another HTTP filter) itself",
    ),
    "403 of a server behind Envoy for everything": (
        everywhere(response(403, Server="envoy", x_envoy_upstream_service_time="3")),
        "sign in with a browser and pass its cookies",
    ),
    "403 of nginx, with Upgrade only": (
        observed(handshakes(response(403, "<hr><center>nginx</center>"), response(426))),
        "the error page is that of nginx",
    ),
    "no response with Origin only": (
        observed(handshakes(TIMED_OUT, no_origin=OPEN)),
        "the WebSocket opens without Origin",
    ),
    "500 with Upgrade only": (observed(handshakes(response(500), response(426))), "check the error logs"),
    "a redirect to the URL that was requested": (
        observed(handshakes(redirect(NOTIFICATIONS, 302), redirect(NOTIFICATIONS, 302))),
        "find the program that redirects",
    ),
    "the same with a cookie": (
        observed(handshakes(redirect(NOTIFICATIONS, 302, Set_Cookie="seen"), redirect(NOTIFICATIONS, 302))),
        "find the program that redirects",
    ),
    "the default page of nginx for everything": (
        everywhere(response(200, "<title>Welcome to nginx!</title>")),
        "every URL gets the default page of nginx",
    ),
    "the 404 of Traefik for everything": (
        everywhere(response(404, "404 page not found")),
        "every URL gets the default page of Traefik",
    ),
    "400 for everything": (everywhere(response(400)), "open the page in a browser"),
    "404 with Upgrade only": (
        wrong_path.QUIET["404 with Upgrade, 426 without"],
        "look in the proxy config for a rule that only upgrade requests match",
    ),
    "the page of / with Upgrade only": (
        observed(handshakes(PAGE, response(426))),
        "look in the proxy config for a rule that only upgrade requests match",
    ),
    "the page of / with Upgrade, where / is the WebSocket": (
        observed(handshakes(PAGE, response(426), path="/"), url=WSS),
        "the handshake gets another response",
    ),
    "another page with Upgrade only": (
        observed(handshakes(response(200, "<html>another page"), response(426))),
        "the handshake gets another response",
    ),
    "500 of Apache httpd at one URL": (
        observed(handshakes(APACHE_ERROR, APACHE_ERROR)),
        "find the reason for this error page in the error log of Apache httpd",
    ),
    "a frame, and a close": (
        pinged(ping("the server closed the WebSocket with code 1011", close_code=1011, messages=2)),
        "look in the developer tools of a browser",
    ),
    "only a close": (
        pinged(ping("the server closed the WebSocket with code 1011", close_code=1011, messages=1)),
        "the WebSocket opens and then closes",
    ),
    "101 that browsers reject": (
        handshake_header_mangled.QUIET["Upgrade to another protocol, twice"],
        "connect to DSS directly, at its own port: if the response differs",
    ),
    "403 for everything, although cookies were sent": (
        observed(
            tuple(replace(shake, sent=(("Cookie", "sso=old"),)) for shake in handshakes(response(403), response(403))),
            page=response(403),
            health_check=response(403),
        ),
        "open the page in a browser. If it loads there, pass its cookies again",
    ),
    "502 for notebooks only": (
        observed(handshakes(OPEN), handshakes(response(502), response(502), path=KERNEL)),
        f"find the request for {KERNEL} in the proxy log",
    ),
    "426 for both, with different bodies": (
        observed(handshakes(response(426, "a"), response(426, "b"))),
        "the handshake gets another response",
    ),
}
"""Evidence, and the first words of the advice."""

STEPS_OF = pytest.mark.parametrize(("evidence", "advice"), STEPS.values(), ids=STEPS)


@STEPS_OF
def test_the_advice_fits_the_evidence(evidence, advice):
    assert diagnose(evidence).next_step.startswith(advice)


@STEPS_OF
def test_the_evidence_proves_nothing(evidence, advice):
    assert diagnose(evidence).findings == (), advice


@STEPS_OF
def test_the_evidence_has_no_candidates(evidence, advice):
    assert diagnose(evidence).candidates == (), advice


def test_credentials_may_be_in_a_query_that_a_proxy_drops():
    evidence = auth_on_handshake.UNDECIDED["401 at a WebSocket URL with a query"][0]
    assert "check in the log of the server that the query arrives" in diagnose(evidence).next_step


def test_a_websocket_url_that_moved_keeps_its_path():
    moved = redirect("https://dss.example.com/live")
    evidence = at_websocket(moved, moved, page=redirect("https://dss.example.com/"))
    step = diagnose(replace(evidence, url="ws://dss.example.com/live")).next_step
    assert step == "test the URL that the page redirects to: diagnose wss://dss.example.com/live"


MOVED = everywhere(redirect("https://other.example.com/"))


def test_a_site_that_moved_gives_its_new_url():
    assert diagnose(MOVED).next_step == "test the URL that the page redirects to: diagnose https://other.example.com"


def test_a_site_that_moved_has_no_candidates():
    assert diagnose(MOVED).candidates == ()


@pytest.mark.parametrize("answer", [NOT_FOUND, response(200)], ids=["404", "200 without a body, as Caddy sends"])
def test_a_site_that_may_not_be_dss_needs_another_url(answer):
    assert "Compare the URL with the one in your browser" in diagnose(everywhere(answer)).next_step
