"""Servers that send a hostile or broken response to the opening handshake."""

import pytest
from support.hostile import Case
from support.server import accept, always, endlessly, fake_dss, response, silent, slowly, then

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"

ECHO = {"X-WebSocket-Doctor": "echo"}
"""The header of `checks echo`."""


def with_header(name, value):
    """Return a DSS whose 101 has one header changed, or removed if the value is None."""

    def change(headers):
        if name in headers:
            del headers[name]
        if value is not None:
            headers[name] = value

    return fake_dss(handshake=accept(change=change))


def with_window(parameter):
    return with_header("Sec-WebSocket-Extensions", f"permessage-deflate; {parameter}")


def add_200_headers(headers):
    for number in range(200):
        headers[f"X-{number}"] = "y"


def arrived(body):
    """Return a DSS that claims to be `checks echo`, with this body."""
    return fake_dss(handshake=response("400 No", body, "X-WebSocket-Doctor: echo"))


CASES = {
    "the Accept of another handshake": Case(
        with_header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), ("accept-mismatch",)
    ),
    "no Accept": Case(with_header("Sec-WebSocket-Accept", None), ("handshake-header-mangled",)),
    "an Accept of 60 KB": Case(with_header("Sec-WebSocket-Accept", "x" * 60000), ("accept-mismatch",)),
    "escapes in the subprotocol": Case(with_header("Sec-WebSocket-Protocol", "d\x9b2J")),
    "an extension that was not offered": Case(with_header("Sec-WebSocket-Extensions", "x-\x9bbomb; a=1")),
    "a window of 8 bits": Case(with_window("server_max_window_bits=8"), ("works",), 0),
    "a window that was not offered": Case(with_window("client_max_window_bits=8")),
    "a window of a googol bits": Case(with_window(f"client_max_window_bits={10**100}")),
    "200 more headers": Case(fake_dss(handshake=accept(change=add_200_headers)), ("works",), 0),
    "deep nesting in what arrived, in the head": Case(
        fake_dss(handshake=accept(change=lambda headers: headers.update(ECHO | {"X-Arrived": "[" * 8000}))),
        ("works",),
        0,
    ),
    "deep nesting in what arrived, in the body": Case(arrived(b"[" * 9000)),
    "nonsense in what arrived": Case(
        arrived(b'{"headers": [["Host", {"a": 1}], [1, 2]]}'), ("host-not-preserved", "upgrade-not-forwarded")
    ),
    "nothing but 101": Case(fake_dss(handshake=SWITCHING + b"\r\n"), ("handshake-header-mangled",)),
    "101 to everything": Case(always(SWITCHING + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")),
    "endless headers after 101": Case(fake_dss(handshake=then(SWITCHING, endlessly(b"X: y\r\n" * 500)))),
    "no response": Case(fake_dss(handshake=silent), ("handshake-unanswered",)),
    "a byte a second": Case(fake_dss(handshake=slowly(SWITCHING)), ("handshake-unanswered",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_hostile_handshake_is_survived_and_reported(case, survives):
    survives(case)
