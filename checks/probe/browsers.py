"""The headers that browsers send, in order, as in checks/browsers.json.

A server, a firewall or a proxy may decide by any of them, so `diagnose` sends what a browser sends. The values differ
from the record in three places. The User-Agent does not contain Headless. Accept-Encoding lists only what Python can
decompress. And Firefox's `Connection` is that of older versions.
"""

from __future__ import annotations

import functools
from typing import Literal, get_args

from checks.evidence import Pairs

from .target import Target

Family = Literal["", "firefox", "safari"]
"""A family of browsers whose handshakes are alike: by default Chromium's, so that of Chrome and Edge."""

FAMILIES: tuple[Family, ...] = get_args(Family)

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0"
    " Safari/605.1.15"
)
BRANDS = '"Not:A-Brand";v="8", "Chromium";v="156", "Google Chrome";v="156"'

ENCODINGS = "gzip, deflate"
"""What Python can decompress. Browsers also accept br and zstd over https."""

LANGUAGES = "en-US,en;q=0.9"

ACCEPT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)

SECURE_ONLY = ("sec-fetch-", "sec-ch-ua")
"""The beginnings of names of headers that browsers send to https only."""

PLACE = "{cookie}"
"""The value that marks the place of Cookie, and of headers that the user adds."""

PAGE: Pairs = (
    ("Host", "{authority}"),
    ("Connection", "keep-alive"),
    ("sec-ch-ua", BRANDS),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", CHROMIUM),
    ("Accept", ACCEPT),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Accept-Encoding", ENCODINGS),
    ("Accept-Language", LANGUAGES),
    ("Cookie", PLACE),
)
"""Chromium's request for a page."""

FETCH: Pairs = (
    ("Host", "{authority}"),
    ("Connection", "keep-alive"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("User-Agent", CHROMIUM),
    ("sec-ch-ua", BRANDS),
    ("sec-ch-ua-mobile", "?0"),
    ("Accept", "*/*"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Dest", "empty"),
    ("Referer", "{origin}/"),
    ("Accept-Encoding", ENCODINGS),
    ("Accept-Language", LANGUAGES),
    ("Cookie", PLACE),
)
"""Chromium's request by a script of the page."""

HANDSHAKES: dict[Family, Pairs] = {
    "": (
        ("Host", "{authority}"),
        ("Connection", "Upgrade"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("User-Agent", CHROMIUM),
        ("Upgrade", "websocket"),
        ("Origin", "{origin}"),
        ("Sec-WebSocket-Version", "13"),
        ("Accept-Encoding", ENCODINGS),
        ("Accept-Language", LANGUAGES),
        ("Cookie", PLACE),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Protocol", "{protocols}"),
    ),
    "firefox": (
        ("Host", "{authority}"),
        ("User-Agent", FIREFOX),
        ("Accept", "*/*"),
        ("Accept-Language", LANGUAGES),
        ("Accept-Encoding", ENCODINGS),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "{origin}"),
        ("Sec-WebSocket-Protocol", "{protocols}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Sec-WebSocket-Key", "{key}"),
        # Public reports have both tokens until 2025. Firefox 140 and 153 send `Upgrade` alone, as Chromium does.
        ("Connection", "keep-alive, Upgrade"),
        ("Cookie", PLACE),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "websocket"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("Upgrade", "websocket"),
    ),
    "safari": (
        ("User-Agent", SAFARI),
        ("Origin", "{origin}"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "{protocols}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Accept-Encoding", ENCODINGS),
        ("Accept-Language", "en-US"),
        ("Host", "{authority}"),
        ("Cookie", PLACE),
        ("Sec-Fetch-Dest", "websocket"),
        ("Sec-Fetch-Mode", "websocket"),
        ("Sec-Fetch-Site", "same-origin"),
    ),
}
"""The handshake of each family over HTTP/1.1; Safari's is WebKitGTK's, with the User-Agent of Safari on macOS."""

HTTP2: Pairs = (
    (":method", "CONNECT"),
    (":authority", "{authority}"),
    (":scheme", "https"),
    (":path", "{path}"),
    (":protocol", "websocket"),
    ("pragma", "no-cache"),
    ("cache-control", "no-cache"),
    ("user-agent", CHROMIUM),
    ("origin", "{origin}"),
    ("sec-websocket-version", "13"),
    ("accept-encoding", ENCODINGS),
    ("accept-language", LANGUAGES),
    ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
    ("sec-websocket-protocol", "{protocols}"),
    ("cookie", PLACE),
)
"""Chromium's handshake over HTTP/2."""


def filled(template: Pairs, target: Target, user: Pairs, **values: str) -> list[tuple[str, str]]:
    """Return the headers of a request, in a browser's order.

    `user` has headers that replace those of the browser, or are added where a browser puts cookies. `values` fill the
    placeholders of the template; a header without a value is left out.
    """
    known = {"authority": target.authority, "origin": target.origin, "cookie": "", "protocols": "", **values}
    given = {name.lower(): value for name, value in user}
    found = []
    for name, value in template:
        lower = name.lower()
        if value == PLACE:
            found += [pair for pair in user if pair[0].lower() not in _names(template)]
        elif lower in given:
            found.append((name, given[lower]))
        elif (text := value.format_map(known) if "{" in value else value) and (
            target.secure or not lower.startswith(SECURE_ONLY)
        ):
            found.append((name, text))
    return found


@functools.cache
def _names(template: Pairs) -> frozenset[str]:
    """Return the names of the headers that a browser sets, in lower case."""
    return frozenset(name.lower() for name, value in template if value != PLACE)


def user_agent(target: Target) -> str:
    """Return the User-Agent: the user's, or Chromium's."""
    return next((value for name, value in target.headers.items() if name.lower() == "user-agent"), CHROMIUM)
