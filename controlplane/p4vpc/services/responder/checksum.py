# SPDX-License-Identifier: Apache-2.0
"""The Internet checksum."""

import struct
from ipaddress import IPv6Address


def internet_checksum(data: bytes) -> int:
    """Return the checksum of `data` (RFC 1071 section 1). Over data that contains its checksum it is 0."""
    padded = data + b"\0" if len(data) % 2 else data
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(src: IPv6Address, dst: IPv6Address, protocol: int, length: int) -> bytes:
    """Return what an upper-layer checksum over IPv6 begins with (RFC 8200 section 8.1)."""
    return src.packed + dst.packed + struct.pack("!II", length, protocol)
