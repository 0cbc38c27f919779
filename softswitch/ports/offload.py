# SPDX-License-Identifier: Apache-2.0
"""What a NIC would have done to a frame before it went onto the wire.

The kernel hands frames to a packet socket before offloads: an 802.1Q tag is beside the frame, and a TCP or UDP
checksum may be only the pseudo-header sum. A switch has to see the frame as it would be on a cable.
"""

from __future__ import annotations

import struct

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD
_VLAN_ETHERTYPES = (0x8100, 0x88A8)
_CHECKSUM_OFFSET = {6: 16, 17: 6}
_IPV6_EXTENSIONS = (0, 43, 60)


def restore_vlan_tag(frame: bytes, tpid: int, tci: int) -> bytes:
    """Put an 802.1Q / 802.1ad tag back behind the MAC addresses."""
    return b"".join((frame[:12], struct.pack("!HH", tpid, tci), frame[12:]))


def internet_checksum(data: bytes) -> int:
    """The ones' complement checksum of RFC 1071."""
    if len(data) & 1:
        data += b"\0"
    # The sum of 16-bit words is the number modulo 2^16 - 1, with 0xffff rather than 0 for anything but all zeros.
    total = int.from_bytes(data, "big")
    folded = total % 0xFFFF
    return 0xFFFF ^ (folded or (0xFFFF if total else 0))


def complete_checksum(frame: bytes) -> bytes:
    """Compute the TCP or UDP checksum of a frame whose sender left that to the NIC; other frames are returned as is."""
    position = 12
    if len(frame) < 14:
        return frame
    ether_type = int.from_bytes(frame[position : position + 2], "big")
    while ether_type in _VLAN_ETHERTYPES and len(frame) >= position + 6:
        position += 4
        ether_type = int.from_bytes(frame[position : position + 2], "big")
    position += 2
    if ether_type == _ETHERTYPE_IPV4 and len(frame) >= position + 20:
        return _complete_ipv4(frame, position)
    if ether_type == _ETHERTYPE_IPV6 and len(frame) >= position + 40:
        return _complete_ipv6(frame, position)
    return frame


def _complete_ipv4(frame: bytes, start: int) -> bytes:
    header_length = (frame[start] & 0x0F) * 4
    end = start + int.from_bytes(frame[start + 2 : start + 4], "big")
    is_fragment = int.from_bytes(frame[start + 6 : start + 8], "big") & 0x3FFF
    if is_fragment or header_length < 20:
        return frame
    return _complete_l4(frame, start + header_length, end, frame[start + 9], frame[start + 12 : start + 20])


def _complete_ipv6(frame: bytes, start: int) -> bytes:
    end = start + 40 + int.from_bytes(frame[start + 4 : start + 6], "big")
    protocol = frame[start + 6]
    position = start + 40
    while protocol in _IPV6_EXTENSIONS and position + 8 <= len(frame):
        protocol, length = frame[position], frame[position + 1]
        position += 8 * (length + 1)
    return _complete_l4(frame, position, end, protocol, frame[start + 8 : start + 40])


def _complete_l4(frame: bytes, start: int, end: int, protocol: int, addresses: bytes) -> bytes:
    offset = _CHECKSUM_OFFSET.get(protocol)
    if offset is None or end > len(frame) or start + offset + 2 > end:
        return frame
    field = start + offset
    segment = b"".join((frame[start:field], b"\0\0", frame[field + 2 : end]))
    pseudo_header = addresses + struct.pack("!II", len(segment), protocol)
    # In UDP a computed zero is sent as 0xffff, because zero means "no checksum" (RFC 768).
    checksum = internet_checksum(pseudo_header + segment) or (0xFFFF if protocol == 17 else 0)
    return b"".join((frame[:field], checksum.to_bytes(2, "big"), frame[field + 2 :]))
