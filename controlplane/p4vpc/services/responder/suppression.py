# SPDX-License-Identifier: Apache-2.0
"""About which packets nobody is told, so that no storm comes of it (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e)."""

from collections.abc import Set
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from p4vpc.intent import IpAddress
from p4vpc.services.responder.packet import PROTOCOL_ICMP, PROTOCOL_ICMPV6, IpPacket

_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_RESERVED = IPv4Network("240.0.0.0/4")
"""Class E with the limited broadcast address."""

_QUERIES_V4 = frozenset({0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43})
"""ICMP messages that are no errors (IANA ICMP parameters); whatever we do not know may be one."""

_FIRST_QUERY_V6 = 128
"""ICMPv6 types below are errors (RFC 4443 section 2.1)."""

_REDIRECT_V6 = 137


def is_single_host(address: IpAddress, broadcasts: Set[IPv4Address]) -> bool:
    """Whether an address is that of one host on a network.

    Args:
        address: of either family.
        broadcasts: broadcast addresses of the subnets that we know.
    """
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        return False
    if isinstance(address, IPv6Address):
        return True
    return address not in broadcasts and address not in _THIS_NETWORK and address not in _RESERVED


def may_be_told(packet: IpPacket, broadcasts: Set[IPv4Address]) -> bool:
    """Whether the sender of a packet may get an ICMP error about it.

    RFC 4443 would allow Packet Too Big about multicast; we route none.
    """
    if packet.is_later_fragment:
        return False
    if not (is_single_host(packet.src, broadcasts) and is_single_host(packet.dst, broadcasts)):
        return False
    if isinstance(packet.src, IPv4Address):
        return packet.protocol != PROTOCOL_ICMP or _type(packet) in _QUERIES_V4
    return packet.protocol != PROTOCOL_ICMPV6 or _FIRST_QUERY_V6 <= _type(packet) != _REDIRECT_V6


def _type(packet: IpPacket) -> int:
    """The ICMP type; -1, which is no query, if there is none."""
    return packet.upper[0] if packet.upper else -1
