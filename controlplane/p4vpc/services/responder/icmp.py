# SPDX-License-Identifier: Apache-2.0
"""ICMP messages of both families: what an error quotes, what an echo reply repeats."""

import struct
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress
from p4vpc.services.responder import ipv4, ipv6
from p4vpc.services.responder.checksum import internet_checksum, pseudo_header
from p4vpc.services.responder.packet import DEFAULT_TTL, PROTOCOL_ICMP, PROTOCOL_ICMPV6, IpPacket

ICMP_BYTES = 8
"""Type, code, checksum, and 4 octets whose meaning depends on the type."""

ECHO_REQUEST_V4, ECHO_REPLY_V4 = 8, 0
ECHO_REQUEST_V6, ECHO_REPLY_V6 = 128, 129
NEIGHBOR_ADVERTISEMENT = 136

_MAX_ERROR_BYTES_V4 = 576
"""RFC 1812 section 4.3.2.3: as much as fits a datagram that everybody can receive."""

_MAX_ERROR_BYTES_V6 = 1280
"""RFC 4443 section 2.4 (c): as much as fits the minimum IPv6 MTU."""

INTERNETWORK_CONTROL = 6 << 5
"""Precedence of errors (RFC 1812 section 4.3.2.5), and of what else a router says by itself."""


class IcmpError(Enum):
    """What a packet's sender is told; the values are (type, code) of ICMP, (type, code) of ICMPv6."""

    TIME_EXCEEDED = ((11, 0), (3, 0))
    TOO_BIG = ((3, 4), (2, 0))
    PORT_UNREACHABLE = ((3, 3), (1, 4))


def build_error(kind: IcmpError, about: IpPacket, source: IpAddress, mtu: int = 0) -> bytes:
    """Return the IP packet that tells the sender of a packet what became of it.

    It quotes the packet as it was received, as far as it may (RFC 792, RFC 1812 section 4.3.2, RFC 4443 section 3).

    Args:
        kind: what it tells.
        about: the packet.
        source: whom it comes from; of the packet's family.
        mtu: of TOO_BIG: octets of the longest packet that gets through (RFC 1191 section 4, RFC 4443 section 3.2).
    """
    (type_v4, code_v4), (type_v6, code_v6) = kind.value
    if isinstance(about.src, IPv4Address):
        quote = about.octets[: _MAX_ERROR_BYTES_V4 - ipv4.HEADER_BYTES - ICMP_BYTES]
        parameter = struct.pack("!HH", 0, mtu)
        return build_message(source, about.src, (type_v4, code_v4), parameter + quote, INTERNETWORK_CONTROL)
    quote = about.octets[: _MAX_ERROR_BYTES_V6 - ipv6.HEADER_BYTES - ICMP_BYTES]
    return build_message(source, about.src, (type_v6, code_v6), struct.pack("!I", mtu) + quote, INTERNETWORK_CONTROL)


def build_message(
    source: IpAddress,
    target: IpAddress,
    type_code: tuple[int, int],
    body: bytes,
    traffic_class: int,
    *,
    hop_limit: int = DEFAULT_TTL,
) -> bytes:
    """Return the IP packet with one ICMP message; `body` is everything behind its checksum, `hop_limit` is of IPv6.

    Raises TypeError if the addresses are not of one family.
    """
    head = struct.pack("!BB", *type_code)
    if isinstance(source, IPv4Address) and isinstance(target, IPv4Address):
        checksum = internet_checksum(head + bytes(2) + body)
        message = head + checksum.to_bytes(2) + body
        return ipv4.build_ipv4(source, target, PROTOCOL_ICMP, message, traffic_class=traffic_class)
    if isinstance(source, IPv6Address) and isinstance(target, IPv6Address):
        pseudo = pseudo_header(source, target, PROTOCOL_ICMPV6, len(head) + 2 + len(body))
        checksum = internet_checksum(pseudo + head + bytes(2) + body)
        message = head + checksum.to_bytes(2) + body
        return ipv6.build_ipv6(
            source, target, PROTOCOL_ICMPV6, message, traffic_class=traffic_class, hop_limit=hop_limit
        )
    raise TypeError(f"{source} and {target} are not of one family")


def is_icmp(packet: IpPacket) -> bool:
    """Whether a packet holds an ICMP message of its own family, with its header in full."""
    protocol = PROTOCOL_ICMP if isinstance(packet.src, IPv4Address) else PROTOCOL_ICMPV6
    return packet.protocol == protocol and len(packet.upper) >= ICMP_BYTES


def has_right_checksum(packet: IpPacket) -> bool:
    """Whether the checksum of the packet's ICMP message holds; what is broken gets no answer."""
    if isinstance(packet.src, IPv6Address) and isinstance(packet.dst, IPv6Address):
        pseudo = pseudo_header(packet.src, packet.dst, PROTOCOL_ICMPV6, len(packet.upper))
        return internet_checksum(pseudo + packet.upper) == 0
    return internet_checksum(packet.upper) == 0
