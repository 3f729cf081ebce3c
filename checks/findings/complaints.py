"""Read what servers report about a handshake that arrived changed.

A browser sends every header of the handshake over HTTP/1.1, and so does the probe. A server that misses one of them, or
that names HTTP/1.0, proves that a hop dropped or changed it.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from checks.evidence import Handshake, Response

HTTP_1_0 = "HTTP/1.0"
"""Stands for the protocol version in place of a header."""

CONNECTION, UPGRADE = "Connection", "Upgrade"
EITHER = "Upgrade or Connection"
"""Stands for both where a server does not distinguish them."""

KEY, VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version"

ANY = "A Sec-WebSocket header"
"""Stands for the key or the version where a server does not distinguish them."""


_NAMES = {
    "upgrade": UPGRADE,
    "connection": CONNECTION,
    "either": EITHER,
    "key": KEY,
    "version": VERSION,
    "http_1_0": HTTP_1_0,
    "any": ANY,
}


class Phrase(NamedTuple):
    """One phrase of one server, in lower case and with single quotes."""

    header: str
    text: str
    server: str
    source: str
    """The repository and file that holds the phrase."""


def _phrases(server: str, source: str, **texts: str) -> list[Phrase]:
    return [Phrase(_NAMES[name], text, server, source) for name, text in texts.items()]


PHRASES: tuple[Phrase, ...] = (
    *_phrases(
        "Tornado, Jupyter",
        "tornadoweb/tornado tornado/websocket.py",
        upgrade="can 'upgrade' only to 'websocket'",
        connection="'connection' must be 'upgrade'",
        any="missing/invalid websocket headers",
    ),
    *_phrases(
        "Spring",
        "spring-projects/spring-framework AbstractHandshakeHandler.java",
        upgrade="can 'upgrade' only to 'websocket'",
        connection="'connection' must be 'upgrade'",
    ),
    *_phrases(
        "SockJS",
        "sockjs/sockjs-node src/trans-websocket.coffee",
        upgrade="can 'upgrade' only to 'websocket'",
        connection="'connection' must be 'upgrade'",
    ),
    *_phrases(
        "aiohttp",
        "aio-libs/aiohttp aiohttp/web_ws.py",
        upgrade="no websocket upgrade hdr",
        connection="no connection upgrade hdr",
    ),
    *_phrases(
        "websockets for Python",
        "python-websockets/websockets src/websockets/exceptions.py",
        upgrade="missing upgrade header",
        connection="missing connection header",
        key="missing sec-websocket-key header",
        version="missing sec-websocket-version header",
    ),
    *_phrases(
        "websockets for Python, with the value that arrived",
        "python-websockets/websockets src/websockets/exceptions.py",
        upgrade="invalid upgrade header",
        connection="invalid connection header",
        key="invalid sec-websocket-key header",
        version="invalid sec-websocket-version header",
    ),
    *_phrases(
        "Autobahn, Daphne and Django Channels",
        "crossbario/autobahn-python autobahn/websocket/protocol.py",
        upgrade="http upgrade header missing",
        connection="http connection header missing",
        key="http sec-websocket-key header missing",
        version="http sec-websocket-version header missing",
    ),
    *_phrases(
        "Autobahn, with another value",
        "crossbario/autobahn-python autobahn/websocket/protocol.py",
        upgrade="http upgrade header different from 'websocket'",
        connection="http connection header does not include 'upgrade' value",
        http_1_0="bad http version",
    ),
    *_phrases(
        "ws for Node.js",
        "websockets/ws lib/websocket-server.js",
        upgrade="invalid upgrade header",
        key="missing or invalid sec-websocket-key header",
        version="missing or invalid sec-websocket-version header",
    ),
    *_phrases(
        "gorilla/websocket",
        "gorilla/websocket server.go",
        upgrade="'websocket' token not found in 'upgrade' header",
        connection="'upgrade' token not found in 'connection' header",
        key="'sec-websocket-key' header is missing or blank",
        version="13 not found in 'sec-websocket-version' header",
    ),
    *_phrases(
        "coder/websocket, formerly nhooyr",
        "coder/websocket accept.go",
        upgrade="upgrade header '' does not contain websocket",
        connection="connection header '' does not contain upgrade",
        key="missing sec-websocket-key",
        http_1_0="handshake request must be at least http/1.1",
    ),
    *_phrases(
        "gobwas/ws",
        "gobwas/ws errors.go",
        upgrade="bad 'upgrade' header",
        connection="bad 'connection' header",
        key="bad 'sec-websocket-key' header",
        version="bad 'sec-websocket-version' header",
        http_1_0="handshake error: bad http protocol version",
    ),
    *_phrases(
        "actix-web",
        "actix/actix-web actix-http/src/ws/mod.rs",
        upgrade="no websocket upgrade header found",
        connection="no connection upgrade",
        version="websocket version header is required",
    ),
    *_phrases(
        "actix-web, as text",
        "actix/actix-web actix-http/src/ws/mod.rs",
        upgrade="websocket upgrade is expected",
        connection="connection upgrade is expected",
        key="unknown websocket key",
    ),
    *_phrases(
        "axum",
        "tokio-rs/axum axum/src/extract/ws.rs",
        upgrade="'upgrade' header did not include 'websocket'",
        connection="connection header did not include 'upgrade'",
        key="'sec-websocket-key' header missing",
        version="'sec-websocket-version' header did not include '13'",
    ),
    *_phrases(
        "tungstenite",
        "snapview/tungstenite-rs src/error.rs",
        upgrade="no 'upgrade: websocket' header",
        connection="no 'connection: upgrade' header",
        key="no 'sec-websocket-key' header",
        version="no 'sec-websocket-version: 13' header",
        http_1_0="http version must be 1.1 or higher",
    ),
    *_phrases(
        "Netty",
        "netty/netty WebSocketServerHandshaker00.java, WebSocketServerHandshaker13.java",
        either="not a websocket handshake request: missing upgrade",
        key="not a websocket request: missing key",
    ),
    *_phrases(
        "Deno",
        "denoland/deno ext/http/00_serve.ts",
        upgrade="'upgrade' header must contain 'websocket'",
        connection="'connection' header must contain 'upgrade'",
        key="'sec-websocket-key' header must be set",
    ),
    *_phrases(
        "Bandit and Phoenix",
        "phoenixframework/websock_adapter lib/websock_adapter/upgrade_validation.ex",
        upgrade="'upgrade' header must contain 'websocket'",
        connection="'connection' header must contain 'upgrade'",
        key="'sec-websocket-key' header is absent",
        version="'sec-websocket-version' header must equal '13'",
    ),
    *_phrases(
        "mummy for Nim",
        "guzba/mummy src/mummy.nim",
        upgrade="missing 'upgrade: websocket' header",
        connection="missing 'connection: upgrade' header",
    ),
    *_phrases(
        "Cloudflare Workers",
        "cloudflare/cloudflare-docs content/durable-objects/examples",
        upgrade="expected upgrade: websocket",
    ),
    *_phrases(
        "Seastar",
        "scylladb/seastar src/websocket/server.cc",
        upgrade="upgrade header missing",
    ),
)
"""The exact phrases; `_GRAMMAR` below covers other servers, which word the same in another way."""

_NAME = r"(?P<header>connection|upgrade|sec-websocket-(?:key|version))"
_HEADER = r"'? *(?:request +|http +)?(?:headers?|hdr|field)\b"
_LACKS = (
    r"(?:missing|invalid|bad(?! request)|no|without|lacks?|absent|wrong|incorrect|empty|malformed|expect(?:s|ed)"
    r"|requires?)"
)
_IS_LACKING = (
    r"(?:missing|invalid|absent|empty|required|expected|incorrect|wrong|malformed"
    r"|not +(?:found|present|set|include|contain|specified|provided|match|equal)"
    r"|must +(?:be|contain|include|have|equal)|should +(?:be|contain|include|have|equal)"
    r"|n['o]t +(?:contain|include|match|have|equal))"
)

_PAIR = r"(?P<header>connection(?= *[:=] *'?(?:keep-alive, )?upgrade)|upgrade(?= *[:=] *'?websocket))"

_GRAMMAR = (
    rf"\b{_LACKS}\b(?:[ ':,]+[a-z/-]+){{0,3}}?[ ':]+{_NAME}{_HEADER}",
    rf"\b{_LACKS} (?:[a-z]+ )?(?:headers?|hdr|field)[ ':]+{_NAME}\b",
    rf"(?<![\w-]){_NAME}{_HEADER}[^.;\n]{{0,60}}?\b{_IS_LACKING}\b",
    rf"\b(?:header|hdr|field)[ ':]+{_NAME}'?[^.;\n]{{0,30}}?\b{_IS_LACKING}\b",
    rf"'{_NAME}' +(?:is +)?{_IS_LACKING}\b",
    rf"\b{_LACKS}\b[^.;\n]{{0,30}}?[ ']{_PAIR}",
    rf"\b(?:{_LACKS}|unsupported) +'?(?P<header>sec-websocket-(?:key|version))\b",
    rf"(?P<header>sec-websocket-(?:key|version))'?[^.;\n]{{0,30}}?\b(?:{_IS_LACKING}|unsupported)\b",
)
"""A missing or another value, beside the name of a header. `not allowed` and `not supported` have another meaning."""

_VERSIONS = (
    r"http/1\.0"
    r"|\b(?:at least|requires?|expected|must (?:be|use)|needs?|only|upgrade to|use)\b[^.;]{0,30}?http/1\.1"
    r"|\b(?:http|protocol) version must be (?:at least )?1\.1"
    r"|\b(?:bad|unsupported|invalid|wrong) http (?:protocol )?version"
)
"""A complaint about the version of a request with HTTP/1.1."""

_LEAST_STATUS = 400
"""Pages with a lower status code may quote such a phrase: documentation, and scripts of an application."""


class Complaint(NamedTuple):
    """What a server misses: a header, or HTTP/1.1."""

    header: str
    phrase: str
    """The words of the server, as it sent them."""


def complaint(response: Response) -> Complaint | None:
    """Return what the server misses in a request; None if it names nothing."""
    if response.status < _LEAST_STATUS:
        return None
    text = readable(f"{response.reason}\n{response.body}")
    folded = text.lower()
    versions, *grammar = _compiled()
    if found := versions.search(folded):
        return Complaint(HTTP_1_0, _sentence(text, found.start()))
    places = {folded.find(each.text): each.header for each in reversed(PHRASES) if each.text in folded}
    for pattern in grammar:
        if found := pattern.search(folded):
            places.setdefault(found.start("header"), found["header"].title().replace("Websocket", "WebSocket"))
    if not places:
        return None
    return Complaint(places[min(places)], _sentence(text, min(places)))


@functools.cache
def _compiled() -> tuple[re.Pattern[str], ...]:
    """Compile the patterns at their first use: a healthy site needs none."""
    return tuple(map(re.compile, (_VERSIONS, *_GRAMMAR)))


def missed(shake: Handshake) -> Complaint | None:
    """Return what the server misses although the handshake had it, or None."""
    found = None if shake.opened or shake.arrived else complaint(shake.response)
    if found and found.header not in {HTTP_1_0, EITHER, ANY} and shake.sent:
        sent = {name.lower() for name, _ in shake.sent}
        return found if found.header.lower() in sent else None
    return found


def readable(text: str) -> str:
    """Return text without tags, entities and curly quotes, with single spaces."""
    import html  # noqa: PLC0415  # its table of entities is large, and a healthy site needs none

    text = html.unescape(re.sub(r"<[^>]{0,200}>", "\n", text)).replace("\\", "")
    text = re.sub(r"[\"`\u2018\u2019\u201c\u201d\u00b4]", "'", text)
    return re.sub(r"[^\S\n]+", " ", text)


def _sentence(text: str, place: int) -> str:
    """Return the line around a place, at most 120 characters of it."""
    start = text.rfind("\n", 0, place) + 1
    line = text[start:].partition("\n")[0].strip()
    return line[:120]
