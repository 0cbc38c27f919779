# SPDX-License-Identifier: Apache-2.0
"""A frame's headers as far as they can be read: much of what is dropped is malformed.

What counts as ports is what the pipeline looks up (docs/pipeline.md, parser): none in a later fragment, behind IPv4
options, or behind IPv6 extension headers other than fragment.
"""

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress, Mac
from p4vpc.services.responder.ethernet import (
    ETHER_TYPE_ARP,
    ETHER_TYPE_IPV4,
    ETHER_TYPE_IPV6,
    EthernetFrame,
    parse_frame,
)

_IPV4 = struct.Struct("!B5xHxB2x4s4s")
_IPV6 = struct.Struct("!6xBx16s16s")
_IPV6_FRAGMENT = struct.Struct("!BxH4x")
_ARP = struct.Struct("!14x4s6x4s")
_PORTS = struct.Struct("!HH")
_PROTOCOL_FRAGMENT = 44
_WITH_PORTS = (6, 17)
_ICMP = (1, 58)


@dataclass(frozen=True, slots=True)
class Headers:
    """What could be read; None where a frame has no such field or ends before it.

    Attributes:
        src, dst: of IP; of ARP sender and target.
        l4_src_port: TCP and UDP.
        l4_dst_port: TCP and UDP; of ICMP and ICMPv6 `type << 8 | code`, as in the pipeline's tables.
    """

    ethernet: EthernetFrame
    src: IpAddress | None = None
    dst: IpAddress | None = None
    protocol: int | None = None
    l4_src_port: int | None = None
    l4_dst_port: int | None = None

    @property
    def has_l4(self) -> bool:
        """Whether there is an L4 header to look into."""
        return self.l4_dst_port is not None


def read_headers(frame: bytes) -> Headers:
    """Return the headers of a frame; one that is too short for Ethernet has MACs of zeros."""
    ethernet = parse_frame(frame) or EthernetFrame(Mac(0), Mac(0), None, 0, b"")
    headers, data = Headers(ethernet), ethernet.payload
    if ethernet.ether_type == ETHER_TYPE_IPV4 and len(data) >= _IPV4.size:
        return _read_ipv4(headers, data)
    if ethernet.ether_type == ETHER_TYPE_IPV6 and len(data) >= _IPV6.size:
        return _read_ipv6(headers, data)
    if ethernet.ether_type == ETHER_TYPE_ARP and len(data) >= _ARP.size:
        sender, target = _ARP.unpack_from(data)
        return replace(headers, src=IPv4Address(sender), dst=IPv4Address(target))
    return headers


def _read_ipv4(headers: Headers, data: bytes) -> Headers:
    version_ihl, flags_offset, protocol, src, dst = _IPV4.unpack_from(data)
    headers = replace(headers, src=IPv4Address(src), dst=IPv4Address(dst), protocol=protocol)
    is_later_fragment = flags_offset & 0x1FFF
    return headers if is_later_fragment or version_ihl != 0x45 else _read_l4(headers, data[_IPV4.size :])


def _read_ipv6(headers: Headers, data: bytes) -> Headers:
    protocol, src, dst = _IPV6.unpack_from(data)
    rest, is_later_fragment = data[_IPV6.size :], False
    if protocol == _PROTOCOL_FRAGMENT and len(rest) >= _IPV6_FRAGMENT.size:
        protocol, offset_and_more = _IPV6_FRAGMENT.unpack_from(rest)
        rest, is_later_fragment = rest[_IPV6_FRAGMENT.size :], offset_and_more >> 3 != 0
    headers = replace(headers, src=IPv6Address(src), dst=IPv6Address(dst), protocol=protocol)
    return headers if is_later_fragment else _read_l4(headers, rest)


def _read_l4(headers: Headers, data: bytes) -> Headers:
    if headers.protocol in _WITH_PORTS and len(data) >= _PORTS.size:
        src_port, dst_port = _PORTS.unpack_from(data)
        return replace(headers, l4_src_port=src_port, l4_dst_port=dst_port)
    if headers.protocol in _ICMP and len(data) >= 2:
        return replace(headers, l4_dst_port=data[0] << 8 | data[1])
    return headers
