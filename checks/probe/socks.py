"""Ask a SOCKS5 proxy for a connection (RFC 1928, RFC 1929), as browsers do: it looks up the name."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from .target import Target

if TYPE_CHECKING:
    from .channel import Channel

NO_LOGIN, PASSWORD, NONE_OF_THESE = 0, 2, 255
IPV4, NAME, IPV6 = 1, 3, 4

REPLIES = {
    1: "has failed",
    2: "does not allow it",
    3: "cannot reach the network",
    4: "cannot reach the host",
    5: "was refused there",
    6: "ran out of hops",
    7: "does not know the command CONNECT",
    8: "does not know this kind of address",
}
"""What a proxy says in its reply (RFC 1928, section 6)."""


class _Exactly:
    """Bytes of a channel by number."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.waiting = channel, b""

    async def take(self, count: int) -> bytes:
        while len(self.waiting) < count:
            data = await self.channel.read()
            if not data:
                raise ValueError("the proxy closed the connection instead of answering in SOCKS5")
            self.waiting += data
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


async def socks5(channel: Channel, target: Target) -> None:
    """Let the proxy connect `channel` to the target.

    Raises ValueError with the reason when it does not.
    """
    proxy, answer = target.proxy, _Exactly(channel)
    assert proxy
    methods = bytes([NO_LOGIN, PASSWORD] if proxy.username else [NO_LOGIN])
    await channel.write(b"\x05" + bytes([len(methods)]) + methods)
    version, method = await answer.take(2)
    if version != 5:
        raise ValueError("the proxy does not answer in SOCKS5")
    if method == PASSWORD and proxy.username:
        await channel.write(b"\x01" + _counted(proxy.username) + _counted(proxy.password))
        if (await answer.take(2))[1]:
            raise ValueError("the proxy refuses this user name and password")
    elif method == NONE_OF_THESE and not proxy.username:
        raise ValueError("the proxy wants a user name and password")
    elif method != NO_LOGIN:
        raise ValueError("the proxy wants another kind of login than a user name and password")
    await channel.write(b"\x05\x01\x00" + _address(target.host) + target.port.to_bytes(2, "big"))
    _, reply, _, kind = await answer.take(4)
    if reply:
        raise ValueError(f"the proxy {REPLIES.get(reply, f'gave the unknown answer {reply}')}")
    lengths = {IPV4: 4, IPV6: 16}
    await answer.take((lengths[kind] if kind in lengths else (await answer.take(1))[0]) + 2)
    channel.unread(answer.waiting)


def _counted(text: str) -> bytes:
    """Return the text with its length before it.

    Raises ValueError when it is longer than SOCKS5 can say.
    """
    data = text.encode()
    if len(data) > 255:
        raise ValueError("SOCKS5 allows 255 bytes for a name or password, and this one is longer")
    return bytes([len(data)]) + data


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([NAME]) + _counted(host)
    return bytes([IPV4 if address.version == 4 else IPV6]) + address.packed
