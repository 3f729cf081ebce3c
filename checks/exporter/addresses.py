"""The IP addresses that a probe may connect to.

A host name that is allowed may still lead anywhere. So the address itself is checked, after each lookup, and the
connection is made to the address that was checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host (RFC 1122, section 3.2.1.3)
        "169.254.0.0/16",  # link-local (RFC 3927): the metadata of most clouds is at 169.254.169.254
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "100.100.100.200/32",  # metadata, Alibaba Cloud
        "168.63.129.16/32",  # the host of a virtual machine, Azure
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890): metadata at 192.0.0.192, Oracle Cloud
        "::/128",  # this host
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata, Amazon
        "fd20:ce::/32",  # metadata, Google Cloud
        "fd00:42::/32",  # metadata, Scaleway
    )
)
"""Networks that no option allows: metadata, and what is not the address of one other computer."""

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
"""Networks that a host name may lead to only where the module lists them."""

EMBEDDED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # NAT64 (RFC 8215)
        "::/96",  # IPv4-compatible, deprecated (RFC 4291, section 2.5.5.1)
    )
)
"""IPv6 networks whose addresses end in an IPv4 address."""


def permission(networks: tuple[Network, ...], literal: str = "") -> Callable[[str], bool]:
    """Return a function that tells whether a probe may connect to an IP address.

    `networks` are those that the module lists, if any. `literal` is the IP address in the URL, which is listed itself.
    """

    def permits(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # such as an address with a zone, fe80::1%eth0
            return False
        meant = [address, *_within(address)]
        if any(each in network for each in meant for network in NEVER):
            return False
        if text == literal:
            return len(meant) == 1
        if networks:
            return all(any(each in network for network in networks) for each in meant)
        return not any(each in network for each in meant for network in LOOPBACK)

    return permits


def network(text: str) -> Network:
    """Return a network such as 10.0.0.0/8.

    Raises ValueError, also for one that is never allowed.
    """
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"expected a network such as 10.0.0.0/8, got {text[:50]!r}") from None
    for refused in NEVER:
        if found.version == refused.version and found.subnet_of(refused):  # type: ignore[arg-type]
            raise ValueError(f"{text} is never allowed: it is part of {refused}")
    return found


def _within(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that gateways may read in an IPv6 address."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    number = int(address)
    isatap = number >> 32 & 0xFFFFFFFF in {0x00005EFE, 0x02005EFE}  # RFC 5214, section 6.1
    if isatap or (number > 1 and any(address in embedding for embedding in EMBEDDED)):
        yield ipaddress.IPv4Address(number & 0xFFFFFFFF)
