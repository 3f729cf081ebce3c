"""Ask a SOCKS proxy for a connection: version 5 (RFC 1928, RFC 1929), or 4.

Like browsers, leave the name lookup to the proxy in version 5 only.
"""

from __future__ import annotations

import ipaddress

from checks.evidence import CLOSED, CREDENTIALS

from .stream import Stream
from .target import Target

NO_AUTHENTICATION, PASSWORD, NO_ACCEPTABLE_METHOD = 0, 2, 255
IPV4, NAME, IPV6 = 1, 3, 4

REPLIES = {
    1: "reported a general failure",
    2: "does not allow this connection",
    3: "cannot reach the network",
    4: "cannot reach the host",
    5: "reported that the server refused the connection",
    6: "reported that the TTL expired",
    7: "does not support CONNECT",
    8: "does not support this type of IP address",
}
"""The meaning of each reply code (RFC 1928, section 6)."""


GRANTED_4 = 90
"""The reply of SOCKS4 for a connection."""

SOCKS4_UNREACHABLE = "cannot reach its identd"
"""A part of the error for reply 92 of SOCKS4, after which browsers try no other proxy."""

REPLIES_4 = {91: "rejected the connection, or it failed", 92: SOCKS4_UNREACHABLE, 93: "rejected the user"}
"""The meaning of each other reply code of SOCKS4."""


class _ExactReader:
    """Read a stream in pieces of known length."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.buffer = stream, b""

    async def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            data = await self.stream.read()
            if not data:
                raise ValueError(f"the proxy {CLOSED} before it sent a SOCKS response")
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


async def socks5(stream: Stream, target: Target) -> None:
    """Have the proxy connect `stream` to the target.

    Raises ValueError with the reason when it does not.
    """
    reader = _ExactReader(stream)
    await _authenticate(stream, reader, target)
    await stream.write(b"\x05\x01\x00" + _address(target.host) + target.port.to_bytes(2, "big"))
    _, reply, _, kind = await reader.take(4)
    if reply:
        raise ValueError(f"the proxy {REPLIES.get(reply, f'sent the unknown reply {reply}')}")
    lengths = {IPV4: 4, IPV6: 16}
    await reader.take((lengths[kind] if kind in lengths else (await reader.take(1))[0]) + 2)
    stream.push_back(reader.buffer)


async def socks4(stream: Stream, port: int, address: str) -> None:
    """Have the proxy connect `stream` to an IPv4 address.

    Raises ValueError with the reason when it does not.
    """
    reader = _ExactReader(stream)
    await stream.write(b"\x04\x01" + port.to_bytes(2, "big") + ipaddress.IPv4Address(address).packed + b"\x00")
    version, reply, *_ = await reader.take(8)
    if version:
        raise ValueError("the proxy did not respond with SOCKS4")
    if reply != GRANTED_4:
        raise ValueError(f"the proxy {REPLIES_4.get(reply, f'sent the unknown reply {reply}')}")
    stream.push_back(reader.buffer)


async def _authenticate(stream: Stream, reader: _ExactReader, target: Target) -> None:
    """Negotiate an authentication method, and send the credentials if needed."""
    proxy = target.proxy
    assert proxy
    methods = bytes([NO_AUTHENTICATION, PASSWORD] if proxy.username else [NO_AUTHENTICATION])
    await stream.write(b"\x05" + bytes([len(methods)]) + methods)
    version, method = await reader.take(2)
    if version != 5:
        raise ValueError("the proxy did not respond with SOCKS5")
    if method == PASSWORD and proxy.username:
        await stream.write(b"\x01" + _prefixed(proxy.username) + _prefixed(proxy.password))
        if (await reader.take(2))[1]:
            raise ValueError(f"the proxy rejected this {CREDENTIALS}")
    elif method == NO_ACCEPTABLE_METHOD and not proxy.username:
        raise ValueError(f"the proxy requires a {CREDENTIALS}")
    elif method != NO_AUTHENTICATION:
        raise ValueError(f"the proxy requires authentication by something other than {CREDENTIALS}")


def _prefixed(text: str) -> bytes:
    """Return the text with its length in one byte before it.

    Raises ValueError when it is longer than that byte allows.
    """
    data = text.encode()
    if len(data) > 255:
        raise ValueError(f"a host name, user name or password has {len(data)} bytes; SOCKS5 allows 255")
    return bytes([len(data)]) + data


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([NAME]) + _prefixed(host)
    return bytes([IPV4 if address.version == 4 else IPV6]) + address.packed
