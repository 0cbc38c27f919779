# SPDX-License-Identifier: Apache-2.0
"""IPv6 headers and the chain of extension headers (RFC 8200 sections 3 and 4)."""

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address

from p4vpc.services.responder.packet import DEFAULT_TTL, IpPacket

HEADER_BYTES = 40
_HEADER = struct.Struct("!IHBB16s16s")
_EXTENSION_BYTES = 8
"""The shortest extension header, and the unit of their lengths."""

_HOP_BY_HOP = 0
_ROUTING = 43
_FRAGMENT = 44
_AUTHENTICATION = 51
_DESTINATION_OPTIONS = 60
_EXTENSIONS = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION_OPTIONS})


@dataclass(slots=True)
class _Chain:
    """What walking the extension headers has come to."""

    protocol: int
    rest: bytes
    is_fragment: bool = False
    is_later_fragment: bool = False
    is_source_routed: bool = False


def parse_ipv6(data: bytes) -> IpPacket | None:
    """Take a packet apart; None if a length is wrong or the chain of headers does not end in it.

    Jumbograms (RFC 2675) have no length here and so no upper layer; they are longer than any MTU of ours.
    """
    if len(data) < HEADER_BYTES:
        return None
    first, payload_bytes, next_header, hop_limit, src, dst = _HEADER.unpack_from(data)
    if first >> 28 != 6 or HEADER_BYTES + payload_bytes > len(data):
        return None
    octets = data[: HEADER_BYTES + payload_bytes]
    chain = _Chain(next_header, octets[HEADER_BYTES:])
    while chain.protocol in _EXTENSIONS and not chain.is_later_fragment:
        if not _step(chain):
            return None
    return IpPacket(
        src=IPv6Address(src),
        dst=IPv6Address(dst),
        traffic_class=first >> 20 & 0xFF,
        hop_limit=hop_limit,
        protocol=chain.protocol,
        upper=chain.rest,
        is_fragment=chain.is_fragment,
        is_later_fragment=chain.is_later_fragment,
        is_unfragmentable=True,
        is_source_routed=chain.is_source_routed,
        octets=octets,
    )


def _step(chain: _Chain) -> bool:
    """Walk over one extension header; False if it is not there in full."""
    rest = chain.rest
    if len(rest) < _EXTENSION_BYTES:
        return False
    header_bytes = (rest[1] + 1) * _EXTENSION_BYTES
    if chain.protocol == _FRAGMENT:
        header_bytes = _EXTENSION_BYTES
        (offset_and_more,) = struct.unpack_from("!H", rest, 2)
        chain.is_later_fragment = bool(offset_and_more & 0xFFF8)
        # An atomic fragment (RFC 6946), with neither offset nor more to come, is a whole packet.
        chain.is_fragment |= bool(offset_and_more & 0xFFF9)
    elif chain.protocol == _AUTHENTICATION:
        header_bytes = (rest[1] + 2) * 4  # RFC 4302 section 2.2 counts words of 4 octets
    elif chain.protocol == _ROUTING:
        chain.is_source_routed |= rest[3] != 0
    if len(rest) < header_bytes:
        return False
    chain.protocol, chain.rest = rest[0], rest[header_bytes:]
    return True


def build_ipv6(
    src: IPv6Address,
    dst: IPv6Address,
    protocol: int,
    upper: bytes,
    *,
    traffic_class: int = 0,
    flow_label: int = 0,
    hop_limit: int = DEFAULT_TTL,
) -> bytes:
    """Return a packet without extension headers."""
    first = 6 << 28 | traffic_class << 20 | flow_label
    return _HEADER.pack(first, len(upper), protocol, hop_limit, src.packed, dst.packed) + upper
