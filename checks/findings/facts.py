"""Questions about the evidence, each answered once."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from urllib.parse import urlsplit

from checks.evidence import (
    ALL_MUST_OPEN,
    NO_RESPONSE,
    OTHER_BROWSERS,
    Certificate,
    Handshake,
    PingResult,
    Response,
    Tls,
)
from checks.findings.arrival import elsewhere, missing_upgrade, over_http_1_0, over_http_2
from checks.findings.complaints import CONNECTION, EITHER, HTTP_1_0, UPGRADE, Complaint, missed
from checks.findings.open_facts import OpenFacts
from checks.findings.phrases import FIREWALLS, INSPECTORS, LIMITS, SECURITY_SOFTWARE, SERVER_DOWN, UNKNOWN_SERVER
from checks.findings.responders import bare_426, default_page, leads_back, location
from checks.findings.second_look import SecondLook

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Status codes that send the client to another URL (RFC 9110, section 15.4)."""

AUTHENTICATION = frozenset({401, 403})
"""Status codes for missing or rejected credentials (RFC 9110, sections 15.5.2 and 15.5.4)."""

GATEWAY_ERRORS = frozenset({502, 503, 504})
"""Status codes from a proxy whose server does not respond (RFC 9110, section 15.6)."""

TOO_MANY = frozenset({429, 503})
"""Status codes of limits (RFC 6585, section 4; the defaults of nginx's limit_req and limit_conn)."""

REGARDLESS = REDIRECTS | AUTHENTICATION | GATEWAY_ERRORS | TOO_MANY | {407, 500, 505}
"""Status codes sent regardless of the request, so equal responses do not prove that a header was lost."""

WRONG_HOST_NAME = 62
"""OpenSSL's code for a certificate that is for another host name (x509_vfy.h)."""

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The value that RFC 6455, section 1.3, appends to the key."""


class Facts(OpenFacts):
    """The facts that rules combine. No method raises, however odd the evidence."""

    @cached_property
    def second_look(self) -> SecondLook:
        """The second look, which separates requests."""
        return SecondLook(self.evidence)

    def response(self, path: str) -> Response:
        """Return the response to the first handshake on this path."""
        return self.evidence.handshake(path).response

    def plain(self, path: str) -> Response:
        """Return the response to the same request without Upgrade, a plain GET."""
        return self.evidence.handshake(path, "no-upgrade").response

    def attempts(self, path: str) -> list[Handshake]:
        """Return the identical handshakes on this path: the first, and its repetitions."""
        return [shake for shake in self.evidence.handshakes if shake.path == path and shake.variant in {"", "again"}]

    def every_attempt(self, path: str) -> list[list[Handshake]]:
        """Return the attempts on this path, and those of each other browser."""
        shakes = [shake for shake in self.evidence.handshakes if shake.path == path]
        others = [[shake for shake in shakes if shake.variant == variant] for variant in OTHER_BROWSERS]
        return [self.attempts(path), *others]

    @cached_property
    def opened_paths(self) -> list[str]:
        """The paths on which the first handshake opened a WebSocket."""
        return [path for path in self.evidence.paths if self.evidence.handshake(path).opened]

    @cached_property
    def closed_paths(self) -> list[str]:
        """The paths on which the first handshake opened none."""
        return [path for path in self.evidence.paths if path not in self.opened_paths]

    @cached_property
    def inconsistent_paths(self) -> list[str]:
        """The paths on which identical handshakes had different outcomes."""
        return [path for path in self.evidence.paths if self.inconsistent_attempts(path)]

    def inconsistent_attempts(self, path: str) -> list[Handshake]:
        """Return identical handshakes on this path with different outcomes."""
        groups = (shakes for shakes in self.every_attempt(path) if len({shake.opened for shake in shakes}) > 1)
        return next(groups, [])

    @cached_property
    def first_response(self) -> Response:
        """The response to the first handshake; to the page if there was no handshake."""
        return self.response(self.evidence.paths[0]) if self.evidence.paths else self.evidence.page

    @cached_property
    def first_outcome(self) -> str:
        """The same as a clause."""
        return f"{'the handshake' if self.evidence.paths else 'the page'}: {self.first_response}"

    def answered_like_plain_get(self, path: str) -> bool:
        """Tell whether a known server responded to the handshake as to a plain GET."""
        response = self.response(path)
        known = self.evidence.health_check.status == 200 or self.is_websocket_url
        return known and same(response, self.plain(path)) and response.status not in {0, *REGARDLESS}

    def lost_upgrade(self, path: str) -> bool:
        """Tell whether the handshake on this path arrived as a plain GET."""
        shake = self.evidence.handshake(path)
        if shake.arrived:
            return bool(missing_upgrade(shake)) and not (shake.opened or over_http_1_0(shake) or over_http_2(shake))
        if miss := self.complaint(path):
            return miss.header in {UPGRADE, CONNECTION, EITHER}
        if not self.answered_like_plain_get(path):
            return False
        response, notifications = shake.response, path.startswith("/dip/websocket")
        if response.status == 400:
            return "upgrade" in response.body.lower() or "websocket" in response.body.lower()
        if response.status == 405:  # from a server that allows GET: a hop changed the method
            return notifications and "get" not in response.header("Allow").lower()
        # Never 200: a proxy may send it without asking any server, as Caddy does for a URL that no rule covers.
        # Never 404: there may be no WebSocket, because the kernel has ended or the URL is wrong.
        return response.status == 426 and not bare_426(self.evidence.page)

    def complaint(self, path: str) -> Complaint | None:
        """Return what the server misses in this handshake, although it was sent."""
        shake = self.evidence.handshake(path)
        miss = None if firewall_phrase(shake.response) else missed(shake)
        everywhere = not self.is_websocket_url and same(shake.response, self.evidence.page)
        return None if miss and everywhere and miss.header != HTTP_1_0 else miss

    def redirected_to_itself(self, path: str) -> bool:
        """Tell whether the handshake is redirected to the URL that it requested."""
        response = self.response(path)
        return response.status in REDIRECTS and leads_back(self.evidence.url, path, location(response))

    @cached_property
    def direct_handshakes(self) -> list[Handshake]:
        """The handshakes without the forward proxy."""
        return [shake for shake in self.evidence.handshakes if shake.variant == "direct"]

    @cached_property
    def opens_without_proxy(self) -> bool:
        """Whether a WebSocket opens without the forward proxy, and not through it."""
        return any(shake.opened and shake.path in self.closed_paths for shake in self.direct_handshakes)

    def may_be_forward_proxy(self, has_symptom: Callable[[Handshake], bool]) -> bool:
        """Tell whether the forward proxy may cause a symptom.

        It may unless the handshakes without the proxy have the symptom too.
        """
        direct = self.direct_handshakes
        return bool(self.evidence.route.proxy) and not (direct and all(map(has_symptom, direct)))

    @cached_property
    def is_websocket_url(self) -> bool:
        """Whether the URL is the URL of a WebSocket, so that there must be one."""
        return self.evidence.url.startswith("ws")

    @cached_property
    def host(self) -> str:
        """The host name in the URL; empty if the URL is malformed."""
        try:
            return urlsplit(self.evidence.url).hostname or ""
        except ValueError:  # half a bracket, in evidence that was edited
            return ""

    @cached_property
    def pages(self) -> list[Response]:
        """The responses to page and health check.

        Empty for the URL of a WebSocket, whose host may have any page.
        """
        return [] if self.is_websocket_url else [self.evidence.page, self.evidence.health_check]

    @cached_property
    def reached(self) -> bool:
        """Whether page and health check responded; 401, 403 and 404 count too."""
        return all(map(loads, self.pages))

    @cached_property
    def responded(self) -> bool:
        """Whether anything responded: the page, or a handshake, in either look."""
        return self.second_look.responded

    @cached_property
    def works(self) -> bool:
        """Whether each WebSocket opened and lasted, and a browser can load the page."""
        evidence = self.evidence
        opened = all(shake.opened for shake in evidence.handshakes if shake.variant in ALL_MUST_OPEN)
        answered = not any(ping.error for ping in evidence.pings if not ping.variant)
        unspoiled = not evidence.route.tls.code and not self.rewritten
        every = bool(evidence.paths) and opened and not self.closed_paths
        return every and answered and self.stayed_open and self.reached and unspoiled

    @cached_property
    def rewritten(self) -> bool:
        """Whether a handshake reached `checks echo` with another method or URL."""
        return any(map(elsewhere, self.evidence.handshakes))

    @cached_property
    def may_not_be_dss(self) -> bool:
        """Whether the health check of DSS is missing, or as empty as the page."""
        health, page = self.evidence.health_check, self.evidence.page
        return health.status == 404 or (health.status == 200 and health.body == page.body == "")

    @cached_property
    def refused_everywhere(self) -> bool:
        """Whether the page is refused like every WebSocket."""
        statuses = {self.response(path).status for path in self.closed_paths}
        pages = {page.status for page in (self.evidence.page, *self.pages)}
        return len(statuses) == 1 and statuses <= AUTHENTICATION and pages == statuses

    @cached_property
    def default_page(self) -> str:
        """The program whose default page is the response to everything, if any."""
        programs = [default_page(each) for each in (*self.pages, *map(self.response, self.evidence.paths))]
        return programs[0] if len(set(programs)) == 1 else ""

    @cached_property
    def moved_to(self) -> str:
        """Where the page redirects, if the WebSockets redirect too: another origin.

        Empty otherwise, and for a sign-in, which is on another host and not at its root.
        """
        responses = [self.evidence.page, *map(self.response, self.evidence.paths)]
        if not all(response.status in REDIRECTS for response in responses):
            return ""
        if leads_back(self.evidence.url, "/", location(self.evidence.page)):
            return ""
        try:
            here, there = urlsplit(self.evidence.url), urlsplit(self.evidence.page.header("Location"))
        except ValueError:  # half a bracket, from a hostile server
            return ""
        if not re.fullmatch(r"[\w.:\[\]-]*", there.netloc, re.ASCII):
            return ""  # not safe to copy
        elsewhere = there.netloc and (there.scheme, there.netloc) != (here.scheme, here.netloc)
        same_site = there.hostname == here.hostname or not (there.path.strip("/") or there.query)
        # The host of a WebSocket URL may have any page, so only the WebSocket can be tested there.
        path = "".join(self.evidence.paths[:1]).partition("?")[0] if self.is_websocket_url else ""
        scheme = there.scheme.replace("http", "ws") if path else there.scheme
        return f"{scheme}://{there.netloc}{path}" if elsewhere and same_site else ""

    @cached_property
    def tls(self) -> Tls:
        """The TLS of the route."""
        return self.evidence.route.tls

    @cached_property
    def direct_certificate(self) -> Certificate:
        """The certificate without the forward proxy."""
        return self.evidence.direct.tls.certificate

    @cached_property
    def certificate_rejected(self) -> bool:
        """Whether the certificate is not trusted, on a computer that trusts others."""
        return bool(self.tls.code) and not self.tls.no_trust_store

    @cached_property
    def certificate_may_be_proxys(self) -> bool:
        """Whether the forward proxy may have made the certificate.

        It may unless a direct connection gets the same certificate.
        """
        return bool(self.evidence.route.proxy) and self.direct_certificate != self.tls.certificate

    @cached_property
    def certificate_inspected(self) -> bool:
        """Whether a hop replaced the certificate.

        The proof is a copy of the certificate that a direct connection gets, or a TLS inspection product as its issuer.
        """
        here, direct = self.tls.certificate, self.direct_certificate
        # The same vendors sell reverse proxies, which come with a certificate for their own host name.
        covered = self.tls.code != WRONG_HOST_NAME and self._is_for_host(here)
        # Two servers behind one host name have two certificates as well, but a copy has the same names and dates.
        copied = (here.names, here.ends) == (direct.names, direct.ends) and here.issuer != direct.issuer
        by_proxy = self.evidence.route.proxy and here.sha256 and direct.sha256 and copied
        return bool((_mentions(INSPECTORS, here.issuer) and covered) or by_proxy)

    @cached_property
    def certificate_from_this_computer(self) -> bool:
        """Whether security software issued the certificate for the computer it runs on."""
        return _mentions(SECURITY_SOFTWARE, self.tls.certificate.issuer)

    def _is_for_host(self, certificate: Certificate) -> bool:
        wildcard = "*." + self.host.partition(".")[2]
        return bool({self.host.lower(), wildcard.lower()} & {name.lower() for name in certificate.names})


def _mentions(products: tuple[str, ...], issuer: str) -> bool:
    """Tell whether an issuer's name contains one of the products, as a word."""
    return bool(re.search(rf"(?i)\b({'|'.join(map(re.escape, products))})\b", issuer))


def same(one: Response, other: Response) -> bool:
    """Tell whether two responses have the same status code and body."""
    return (one.status, one.body) == (other.status, other.body)


def loads(page: Response) -> bool:
    """Tell whether a page responded; 401, 403 and 404 count too."""
    return 0 < page.status < 400 or page.status in {*AUTHENTICATION, 404}


def timed_out(response: Response) -> bool:
    """Tell whether no response came in time."""
    return response.error.startswith(NO_RESPONSE)


def gateway_error(response: Response) -> bool:
    """Tell whether a proxy reports that the server behind it does not respond."""
    if response.status != 503:
        return response.status in GATEWAY_ERRORS
    # With other words, 503 is a limit, a circuit breaker or planned maintenance.
    if limit_phrase(response):
        return False
    text = f"{response.reason} {response.body} {response.header('Server')}".lower()
    return any(phrase in text for phrase in (*UNKNOWN_SERVER, *SERVER_DOWN)) or bool(response.header("X-Squid-Error"))


def firewall_phrase(response: Response) -> str:
    """Return the phrase of a firewall in a response, or an empty string."""
    text = " ".join([response.body, *(value for _, value in response.headers)]).lower()
    return next((phrase for phrase in FIREWALLS if phrase in text), "")


def limit_phrase(response: Response) -> str:
    """Return the phrase that mentions a limit in a rejection, or an empty string."""
    if response.status not in {*GATEWAY_ERRORS, *TOO_MANY, 403, 509}:
        return ""
    text = f"{response.reason} {response.body}".lower()
    return next((phrase for phrase in LIMITS if phrase in text), "")


def expected_accept(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455, section 4.2.2)."""
    digest = hashlib.sha1((key + GUID).encode()).digest()  # noqa: S324  # required by the RFC
    return base64.b64encode(digest).decode()


def unreadable(ping: PingResult) -> bool:
    """Tell whether either end could not read a frame (1002 or 1007)."""
    return bool(ping.error) and (ping.unreadable or ping.close_code in {1002, 1007})
