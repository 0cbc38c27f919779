# SPDX-License-Identifier: Apache-2.0
"""IPv4 headers (RFC 791 section 3.1)."""

import struct
from ipaddress import IPv4Address

from p4vpc.services.responder.checksum import internet_checksum
from p4vpc.services.responder.packet import DEFAULT_TTL, IpPacket

HEADER_BYTES = 20
_HEADER = struct.Struct("!BBHHHBBH4s4s")
_VERSION_IHL = 0x45
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_OFFSET_MASK = 0x1FFF


def parse_ipv4(data: bytes) -> IpPacket | None:
    """Take a packet apart; None if a length or the header checksum is wrong (RFC 1812 section 5.2.2)."""
    if len(data) < HEADER_BYTES:
        return None
    version_ihl, tos, total_bytes, _, flags_offset, ttl, protocol, _, src, dst = _HEADER.unpack_from(data)
    header_bytes = (version_ihl & 0xF) * 4
    if version_ihl >> 4 != 4 or not HEADER_BYTES <= header_bytes <= total_bytes <= len(data):
        return None
    if internet_checksum(data[:header_bytes]) != 0:
        return None
    offset = flags_offset & _OFFSET_MASK
    return IpPacket(
        src=IPv4Address(src),
        dst=IPv4Address(dst),
        traffic_class=tos,
        hop_limit=ttl,
        protocol=protocol,
        upper=data[header_bytes:total_bytes],
        is_fragment=bool(offset or flags_offset & _MORE_FRAGMENTS),
        is_later_fragment=bool(offset),
        is_unfragmentable=bool(flags_offset & _DONT_FRAGMENT),
        is_source_routed=False,
        octets=data[:total_bytes],
    )


def build_ipv4(
    src: IPv4Address, dst: IPv4Address, protocol: int, upper: bytes, *, traffic_class: int = 0, ttl: int = DEFAULT_TTL
) -> bytes:
    """Return a packet with DF, for which identification 0 is right (RFC 6864 section 4.1: it is atomic)."""

    def header(checksum: int) -> bytes:
        return _HEADER.pack(
            *(_VERSION_IHL, traffic_class, HEADER_BYTES + len(upper), 0, _DONT_FRAGMENT),
            *(ttl, protocol, checksum, src.packed, dst.packed),
        )

    return header(internet_checksum(header(0))) + upper
