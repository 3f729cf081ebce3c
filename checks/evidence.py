"""What was seen at an address, stage by stage; complete enough that every finding can be computed from it.

A field at its default means that this was not looked at. `Evidence.skipped` says why.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

FORMAT = 1
"""The format of evidence as JSON; another number when an older reader would misunderstand it."""

Variant = Literal["", "no-upgrade", "no-origin", "no-cookies", "no-extensions", "direct", "http2", "again"]
"""The one thing changed in a handshake.

Nothing; no Upgrade (a plain GET); no Origin (as from a script); no cookies; no extensions offered; no forward proxy;
over HTTP/2 (RFC 8441), where a status of 200 opens the socket; nothing once more, perhaps several times.
"""

Stage = Literal["", "name", "tcp", "proxy", "tls"]
"""Where a connection ended before it stood."""

ALIKE_FOR_ALL = {301, 302, 303, 307, 308, 401, 403, 407, 429, 500, 502, 503, 504, 505}
"""With these a server or a gate answers everybody alike, whatever he asked for: no proof of a lost header."""

NO_RESPONSE = "no response within"
"""The beginning of `error` where nothing came in time."""

NO_PONG = "no pong within"
"""The beginning of `PingResult.error` where no pong came in time."""

CLOSED = "closed the connection"
"""A part of `error` where a peer closed the connection before it responded."""

NOT_TLS = "instead of TLS"
"""The end of `Route.error` where a port responded to TLS with something else."""

CREDENTIALS = "user name and password"
"""A part of `Route.tunnel.error` where a SOCKS5 proxy requires or rejects credentials."""

NOT_REQUESTED = "not requested"
"""The reason in `Evidence.skipped` for a test that is off by default."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Response:
    """The answer to one request: an HTTP response, or the reason why there was none."""

    status: int = 0
    """The status code; 0 without a response."""
    reason: str = ""
    headers: Pairs = ()
    body: str = ""
    """The beginning of the body, at most `checks.probe.BODY_LIMIT` bytes, what is not UTF-8 replaced."""
    error: str = ""
    seconds: float = 0.0
    """From the first byte sent to the end of the response's head."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".strip() if self.status else self.error or "not tried"

    def header(self, name: str) -> str:
        """Return the values of a header, joined by commas (RFC 9110, section 5.2); empty when there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True)
class ConnectAttempt:
    """One attempt to reach one IP address."""

    address: str
    """Such as 127.0.0.1:443 or [::1]:443."""
    error: str = ""
    """Why nothing stood there; empty when the connection was accepted."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """The server's own certificate, as it was sent."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    """The DNS names and IP addresses it is for."""
    begins: str = ""
    """ISO 8601, UTC."""
    ends: str = ""
    sha256: str = ""
    """Of the whole certificate (DER), hexadecimal."""


@dataclass(frozen=True)
class Tls:
    """What TLS was agreed on, and whether its certificate is trusted."""

    version: str = ""
    """Such as TLSv1.3; empty where no TLS was spoken."""
    alpn: str = ""
    certificate: Certificate = Certificate()
    untrusted: str = ""
    """Why the certificate is not trusted, in the words of OpenSSL; empty when it is."""
    code: int = 0
    """The number OpenSSL has for that, such as 10 (expired), 18 (self-signed), 20 (unknown issuer), 62 (other name)."""
    no_trust_store: bool = False
    """Whether no authority at all is known here, so that the issuer of every certificate is unknown."""
    seconds: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether the certificate was judged, and found wanting."""
        return bool(self.code) and not self.no_trust_store


@dataclass(frozen=True)
class Route:
    """How the connection was made, and how far it came."""

    proxy: str = ""
    """The forward proxy, without its password; empty for a direct connection."""
    source: str = ""
    """Who named the proxy."""
    host: str = ""
    """The name looked up: that of the proxy, if there is one."""
    addresses: tuple[str, ...] = ()
    attempts: tuple[ConnectAttempt, ...] = ()
    tunnel: Response = Response()
    """The answer to CONNECT; for SOCKS5 the words of the error."""
    tls: Tls = Tls()
    failed: Stage = ""
    error: str = ""
    seconds: float = 0.0
    """Until the connection stood, or had failed."""


@dataclass(frozen=True)
class Handshake:
    """One opening handshake (RFC 6455, section 4.1), or the same with one thing flipped."""

    path: str
    variant: Variant
    response: Response
    fault: str = ""
    """Why a browser refuses the answer; empty when the socket opened."""
    sent: Pairs = ()
    """The headers that were sent, what is secret in them masked."""
    arrived: Pairs = ()
    """The headers as the server behind all proxies got them, if that was `checks echo`, which tells."""

    @property
    def opened(self) -> bool:
        """Whether the connection was established."""
        return self.response.status == (200 if self.variant == "http2" else 101) and not self.fault

    @property
    def changed_headers(self) -> dict[str, str]:
        """What became of each header that arrived otherwise than it was sent: its new value, or nothing.

        Empty where nobody told what arrived.
        """
        there = {name.lower(): value for name, value in self.arrived}
        became = {name: there.get(name.lower(), "") for name, value in self.sent} if there else {}
        sent = dict(self.sent)
        return {name: value for name, value in became.items() if value.lower() != sent[name].lower()}


@dataclass(frozen=True)
class PingResult:
    """What came of a ping on an open socket (RFC 6455, section 5.5.2)."""

    path: str
    variant: Variant = ""
    pong: float = 0.0
    """Seconds until the pong; 0 when none came."""
    messages: int = 0
    """Frames other than the pong that came meanwhile."""
    close_code: int = 0
    """0 without a close frame (a browser then says 1006)."""
    close_reason: str = ""
    error: str = ""
    """What was wrong with a frame, or how the socket ended; empty when the pong came."""
    unreadable: bool = False
    """Whether a frame arrived that breaks RFC 6455."""


@dataclass(frozen=True)
class HoldResult:
    """An open socket on which nothing was said but pings, if any, until it dropped or the wait was over."""

    path: str
    ping_every: float
    """Seconds between two pings; 0 for silence."""
    seconds: float
    dropped: bool
    close_code: int = 0
    """The close code received; 0 when there was no close frame (a browser then says 1006)."""
    after: float = 0.0
    """Seconds by which it was opened later than the first."""


@dataclass(frozen=True)
class SizeResult:
    """One message of a size, and whether the socket survived it."""

    path: str
    size: int
    """Bytes of the message's text."""
    passed: bool
    """Whether a ping after it was answered."""
    close_code: int = 0


@dataclass(frozen=True)
class Evidence:
    """All that was seen at one address."""

    url: str
    page: Response
    health_check: Response
    """The answer to GET /dip/api/ping, the health check of DSS; not asked of an address that begins with ws."""
    handshakes: tuple[Handshake, ...] = ()
    holds: tuple[HoldResult, ...] = ()
    route: Route = Route()
    direct: Route = Route()
    """The same without the forward proxy, looked at when there is one and something failed through it."""
    tunnels: tuple[tuple[str, int], ...] = ()
    """Other tunnels the forward proxy was asked for: host:port, and the status of its answer."""
    other_scheme: Response = Response()
    """The answer of the same port to the page asked with https instead of http, or the reverse."""
    pings: tuple[PingResult, ...] = ()
    sizes: tuple[SizeResult, ...] = ()
    skipped: Pairs = ()
    """What was not tried, and why."""
    recorded_at: str = ""
    """When, ISO 8601, UTC."""
    format: int = FORMAT

    @property
    def paths(self) -> list[str]:
        """The paths on which a handshake was tried, in that order."""
        return list(dict.fromkeys(shake.path for shake in self.handshakes))

    @property
    def named_a_socket(self) -> bool:
        """Whether the address that was given is one of a socket, so that there must be one."""
        return self.url.startswith("ws")

    def handshake(self, path: str, variant: Variant = "") -> Handshake:
        """Return what came of the handshake on this path with this flip; an empty answer when not tried."""
        for shake in self.handshakes:
            if (shake.path, shake.variant) == (path, variant):
                return shake
        return Handshake(path, variant, Response())

    def tries(self, path: str) -> list[Handshake]:
        """Return all handshakes on this path that are the same: the first, and those made again."""
        return [shake for shake in self.handshakes if shake.path == path and shake.variant in {"", "again"}]

    @property
    def inconsistent_paths(self) -> list[str]:
        """The paths on which the same handshake opened a socket one time and not another."""
        return [path for path in self.paths if len({shake.opened for shake in self.tries(path)}) > 1]

    def answered_like_plain_get(self, path: str) -> bool:
        """Tell whether the handshake was answered exactly as a plain request for the same address is."""
        asked, plain = self.handshake(path).response, self.handshake(path, "no-upgrade").response
        alike = (asked.status, asked.body) == (plain.status, plain.body)
        known = self.health_check.status == 200 or self.named_a_socket
        return known and alike and asked.status not in {0, *ALIKE_FOR_ALL}

    @property
    def moved_to(self) -> str:
        """Where the page redirects to, if that is itself elsewhere, and the sockets are redirected too; else empty.

        A login is on another host, and not at its root.
        """
        answers = [self.page, *(self.handshake(path).response for path in self.paths)]
        if not all(answer.status in {301, 302, 303, 307, 308} for answer in answers):
            return ""
        try:
            here, there = urlsplit(self.url), urlsplit(self.page.header("Location"))
        except ValueError:  # half a bracket, from a server that is no friend
            return ""
        if not re.fullmatch(r"[\w.:\[\]-]*", there.netloc, re.ASCII):
            return ""  # nothing that a reader should copy
        other = there.netloc and (there.scheme, there.netloc) != (here.scheme, here.netloc)
        itself = there.hostname == here.hostname or not (there.path.strip("/") or there.query)
        return f"{there.scheme}://{there.netloc}" if other and itself else ""

    def hold(self, *, pings: bool) -> HoldResult | None:
        """Return the socket that was held with pings, or the silent one; None when there was none."""
        return next((hold for hold in self.holds if bool(hold.ping_every) == pings), None)

    def ping_on(self, path: str, variant: Variant = "") -> PingResult | None:
        """Return what came of a ping on this path; None when none was sent."""
        return next((each for each in self.pings if (each.path, each.variant) == (path, variant)), None)

    @property
    def reached(self) -> bool:
        """Whether the page and the health check were answered as what is there is, or is behind a login.

        The page of a socket's host may be nobody's.
        """
        pages = () if self.named_a_socket else (self.page, self.health_check)
        return all(0 < each.status < 400 or each.status in {401, 403, 404} for each in pages)

    @property
    def works(self) -> bool:
        """Whether every socket that was tried opened, answered and stayed, and a browser gets as far as that."""
        opened = all(shake.opened for shake in self.handshakes if shake.variant in {"", "http2", "again"})
        sound = not any(each.error for each in self.pings if not each.variant) and all(
            each.passed for each in self.sizes
        )
        lasting = not any(hold.dropped for hold in self.holds)
        return bool(self.paths) and opened and sound and lasting and self.reached and not self.route.tls.code

    def to_json(self) -> str:
        """Return the evidence as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Evidence:
        """Return the evidence that `to_json` wrote.

        Raises ValueError when the text is something else.
        """
        try:
            data = json.loads(text)
            if isinstance(data, dict) and data.get("format", FORMAT) != FORMAT:
                raise ValueError(f"this is evidence of format {data['format']!r}; expected {FORMAT}")
            evidence: Evidence = _built(cls, data)
        except (TypeError, RecursionError, OverflowError) as error:
            raise ValueError(f"this is no evidence: {error}") from error
        return evidence


def _built(kind: Any, data: Any) -> Any:
    """Return `data`, as it came from JSON, as what the type says.

    Raises TypeError where it does not fit.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record(kind, data)
    if origin is tuple and isinstance(data, list):
        kinds = inner[:1] * len(data) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(data):
            return tuple(_built(each, value) for each, value in zip(kinds, data))
    elif origin is Literal and data in inner:
        return data
    elif kind is float and type(data) in {int, float}:
        return float(data)
    elif origin is None and type(data) is kind:
        return data
    raise TypeError(f"{str(data)[:40]!r} is not {getattr(kind, '__name__', kind)}")


def _record(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{str(data)[:40]!r} is not {kind.__name__}")
    hints: dict[str, Any] = get_type_hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise TypeError(f"{kind.__name__} has no {unknown[0][:40]!r}")
    return kind(**{name: _built(hints[name], value) for name, value in data.items()})
