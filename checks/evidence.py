"""Record what was observed at a URL, and read and write it as JSON.

Every diagnosis is computed from these records. A field at its default was not observed, and `Evidence.skipped` holds
the reason.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

FORMAT = 1
"""The version of the JSON format; it changes when an older reader would misunderstand a newer file."""

Variant = Literal[
    "",
    "no-upgrade",
    "no-origin",
    "no-cookies",
    "no-extensions",
    "direct",
    "http2",
    "again",
    "firefox",
    "safari",
    "keep-alive",
    "forwarded-https",
]
"""The one change from a browser's handshake.

The empty variant has none, and `again` is the same handshake, repeated. A handshake without Upgrade is a plain GET, and
one without Origin is what a script sends. `direct` goes around the forward proxy. Over HTTP/2 (RFC 8441), status 200
opens the WebSocket. `firefox` and `safari` are the handshakes of these browsers; all others are Chromium's.
`keep-alive` has Firefox's `Connection`. `forwarded-https` adds X-Forwarded-Proto: https.
"""

OTHER_BROWSERS: tuple[Variant, ...] = ("firefox", "safari")
"""The browsers besides Chromium whose handshakes are tried."""

ALL_MUST_OPEN: frozenset[Variant] = frozenset({"", "http2", "again", *OTHER_BROWSERS})
"""The variants that browsers send, so that WebSocket works only if each of them opens."""

Moment = Literal["alone", "together", "beside a handshake", "alone again", "held", "after", "in turn"]
"""When a request of the second look was made.

`alone`, `alone again`, `after` and `in turn`: nothing else was open. `together`: beside other plain requests.
`beside a handshake`: while a handshake had no response, beside another such request; of several in a row, the last.
`held`: while `Recheck.held` WebSocket connections were open.
"""

Stage = Literal["", "name", "tcp", "proxy", "tls"]
"""Where a connection attempt failed."""

NO_RESPONSE = "no response within"
"""The beginning of `error` where nothing came in time."""

NO_PONG = "no pong within"
"""The beginning of `error` where no pong came in time."""

OUR_LIMIT = "our own limit:"
"""The beginning of `error` where this program stopped, so that it shows nothing about the route."""

CLOSED = "closed the connection"
"""A part of `error` where a peer closed the connection before it responded."""

NOT_TLS = "instead of TLS"
"""The end of `Route.error` where a port responded to TLS with something else."""

CREDENTIALS = "user name and password"
"""A part of `Route.tunnel.error` where a SOCKS5 proxy requires or rejects credentials."""

NOT_REQUESTED = "not requested"
"""The reason in `Evidence.skipped` for a test that is off by default."""

OUT_OF_TIME = "further tests"
"""The name in `Evidence.skipped` for everything that a time limit of the whole look left out."""

MORE = "..."
"""The last name in `Handshake.arrived` where more headers arrived than `checks echo` reports."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Response:
    """The response to one request, or the reason why none came."""

    status: int = 0
    """The status code; 0 if there was no response."""
    reason: str = ""
    headers: Pairs = ()
    body: str = ""
    """The beginning of the body, decompressed, at most `checks.probe.BODY_LIMIT` bytes, what is not UTF-8 replaced."""
    error: str = ""
    seconds: float = 0.0
    """Seconds from the first byte sent to the end of the response headers."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".strip() if self.status else self.error or "not tried"

    def header(self, name: str) -> str:
        """Return the values of a header, joined by commas (RFC 9110, section 5.2)."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True)
class ConnectAttempt:
    """One attempt to reach one IP address."""

    address: str
    """Such as 127.0.0.1:443 or [::1]:443."""
    error: str = ""
    """Why the attempt failed; empty if the connection was accepted."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """The server certificate, as received."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    """The DNS names and IP addresses that the certificate covers."""
    begins: str = ""
    """The start of its validity: ISO 8601, UTC."""
    ends: str = ""
    """The end of its validity: ISO 8601, UTC."""
    sha256: str = ""
    """The SHA-256 of the whole certificate (DER), in hexadecimal."""


@dataclass(frozen=True)
class Tls:
    """The negotiated TLS parameters, and whether the certificate is trusted."""

    version: str = ""
    """Such as TLSv1.3; empty without TLS."""
    alpn: str = ""
    certificate: Certificate = Certificate()
    untrusted: str = ""
    """OpenSSL's reason for not trusting the certificate; empty if it is trusted."""
    code: int = 0
    """OpenSSL's code for that reason, such as 10 (expired), 18 (self-signed), 20 (unknown issuer), 62 (other name)."""
    no_trust_store: bool = False
    """Whether this computer has no trusted certificates at all, so that every issuer is unknown."""
    seconds: float = 0.0
    """Seconds for the TLS handshake."""


@dataclass(frozen=True)
class Route:
    """How the connection was made, and how far it got."""

    proxy: str = ""
    """The forward proxy, without its password; empty for a direct connection."""
    source: str = ""
    """Where the proxy was configured."""
    host: str = ""
    """The host name that was resolved: the proxy's, if there is a proxy."""
    addresses: tuple[str, ...] = ()
    attempts: tuple[ConnectAttempt, ...] = ()
    tunnel: Response = Response()
    """The response to CONNECT; with SOCKS5, only its error."""
    tls: Tls = Tls()
    failed: Stage = ""
    error: str = ""
    seconds: float = 0.0
    """Seconds until the connection was established, or had failed."""
    passed_over: Pairs = ()
    """What a PAC file returned before this proxy, and why it could not be used; `DIRECT` for a direct connection."""


@dataclass(frozen=True)
class Handshake:
    """One opening handshake (RFC 6455, section 4.1), with one change at most."""

    path: str
    variant: Variant
    response: Response
    fault: str = ""
    """Why a browser rejects the response; empty if the WebSocket opened."""
    sent: Pairs = ()
    """The request headers, with secrets masked."""
    arrived: Pairs = ()
    """The request headers that reached the server, if the server is `checks echo`, which returns them."""
    arrived_request: str = ""
    """The request line that reached it, such as GET / HTTP/1.1."""

    @property
    def opened(self) -> bool:
        """Whether the WebSocket connection was established."""
        return self.response.status == (200 if self.variant == "http2" else 101) and not self.fault

    def arrived_header(self, name: str) -> str:
        """Return the values with which a header arrived, joined by commas."""
        return ", ".join(value for key, value in self.arrived if key.lower() == name.lower())

    @cached_property
    def changed_headers(self) -> dict[str, str]:
        """The value with which each changed header arrived; empty if it was dropped.

        Empty if `arrived` is empty.
        """
        names = {name.lower() for name, _ in self.arrived}
        known = [(name, value) for name, value in self.sent if names and (name.lower() in names or MORE not in names)]
        return {name: got for name, value in known if (got := self.arrived_header(name)).lower() != value.lower()}


@dataclass(frozen=True)
class PingResult:
    """The result of a ping on an open WebSocket (RFC 6455, section 5.5.2)."""

    path: str
    variant: Variant = ""
    pong: float = 0.0
    """Seconds until the pong; 0 without a pong."""
    messages: int = 0
    """The number of other frames that arrived before the pong."""
    close_code: int = 0
    """The close code received; 0 without a close frame (browsers then report 1006)."""
    close_reason: str = ""
    error: str = ""
    """Why there was no pong; empty if there was one."""
    unreadable: bool = False
    """Whether a frame arrived that breaks RFC 6455."""
    late: float = 0.0
    """Seconds until the pong, if it arrived only after a second ping; 0 otherwise."""
    second: bool = False
    """Whether the second ping got a pong too."""
    frame_sent: bool = False
    """Whether the first frame of a message was sent after the pong, compressed where compression was agreed."""
    frame_error: str = ""
    """Why there was no pong after that frame; empty if there was one."""


@dataclass(frozen=True)
class HoldResult:
    """An open WebSocket, held idle or with pings until it dropped or time was up."""

    path: str
    ping_every: float
    """Seconds between two pings; 0 for an idle connection."""
    seconds: float
    """Seconds that the connection stayed open."""
    dropped: bool
    close_code: int = 0
    """The close code received; 0 without a close frame (browsers then report 1006)."""
    after: float = 0.0
    """Seconds between the opening of the first of two held WebSockets and of this one."""
    error: str = ""
    """How it dropped; empty if it stayed open."""
    found_by_ping: bool = False
    """Whether the drop showed while a pong was awaited, so it may have dropped before the ping."""
    answered: bool = False
    """Whether a ping at the end got its pong."""


@dataclass(frozen=True)
class SizeResult:
    """One message of a given size, and whether the WebSocket survived it."""

    path: str
    size: int
    """The size of the text, in bytes."""
    passed: bool
    """Whether a ping after the message got its pong."""
    close_code: int = 0
    error: str = ""
    """Why it failed; empty if it passed."""
    seconds: float = 0.0
    """Seconds until the pong, or until the test gave up."""


@dataclass(frozen=True)
class Recheck:
    """One request of the second look, which shows whether requests affect each other."""

    moment: Moment
    path: str
    upgrade: bool
    """Whether the request is a handshake; otherwise it is a plain GET."""
    response: Response
    opened: bool = False
    """Whether the WebSocket opened."""
    held: int = 0
    """The number of WebSocket connections that the test held open at that time."""


@dataclass(frozen=True)
class Evidence:
    """Everything that was observed at one URL."""

    url: str
    page: Response
    health_check: Response
    """The response to GET /dip/api/ping, the health check of DSS; not requested for a ws:// or wss:// URL."""
    handshakes: tuple[Handshake, ...] = ()
    holds: tuple[HoldResult, ...] = ()
    route: Route = Route()
    direct: Route = Route()
    """The route without the forward proxy; tried if there is a forward proxy and something failed through it."""
    tunnels: tuple[tuple[str, int], ...] = ()
    """Other tunnels requested from the forward proxy: host:port, and the status code of its response."""
    other_scheme: Response = Response()
    """The response to the page request on the same port with https instead of http, or the reverse."""
    pings: tuple[PingResult, ...] = ()
    sizes: tuple[SizeResult, ...] = ()
    skipped: Pairs = ()
    """What was not tried, and the reason."""
    recorded_at: str = ""
    """The time of the observation: ISO 8601, UTC."""
    format: int = FORMAT
    rechecks: tuple[Recheck, ...] = ()
    """The second look, in order; made where a first response may have come from a limit or from other requests."""

    @property
    def paths(self) -> list[str]:
        """The paths of the handshakes, each once, in order."""
        return list(dict.fromkeys(shake.path for shake in self.handshakes))

    def handshake(self, path: str, variant: Variant = "") -> Handshake:
        """Return the first such handshake, or one without a response."""
        for shake in self.handshakes:
            if (shake.path, shake.variant) == (path, variant):
                return shake
        return Handshake(path, variant, Response())

    def hold(self, *, pings: bool) -> HoldResult | None:
        """Return the held WebSocket with pings, or the idle one, or None."""
        return next((hold for hold in self.holds if bool(hold.ping_every) == pings), None)

    def ping_on(self, path: str, variant: Variant = "") -> PingResult | None:
        """Return the result of the ping on this path; None if no ping was sent."""
        return next((each for each in self.pings if (each.path, each.variant) == (path, variant)), None)

    def to_json(self) -> str:
        """Return the evidence as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Evidence:
        """Parse the output of `to_json`.

        Raises ValueError if the text is anything else.
        """
        from checks.records import built  # noqa: PLC0415  # only --evidence reads a file

        try:
            data = json.loads(text)
            if isinstance(data, dict) and (saved_as := data.get("format", FORMAT)) != FORMAT:
                age = "an older" if isinstance(saved_as, int) and saved_as < FORMAT else "a newer"
                raise ValueError(f"saved by {age} version (format {saved_as!r}, not {FORMAT}): save it again")
            evidence: Evidence = built(cls, data)
        except (TypeError, RecursionError, OverflowError) as error:
            another = ", or saved by another version: save it again" if '"health_check"' in text else ""
            raise ValueError(f"not evidence: {error}{another}") from error
        return evidence
