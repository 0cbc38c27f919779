# SPDX-License-Identifier: Apache-2.0
"""Ethernet frames, with one 802.1Q tag or none."""

import struct
from dataclasses import dataclass

from p4vpc.intent import Mac

ETHER_TYPE_IPV4 = 0x0800
ETHER_TYPE_ARP = 0x0806
ETHER_TYPE_RARP = 0x8035
ETHER_TYPE_VLAN = 0x8100
ETHER_TYPE_IPV6 = 0x86DD

_MAC_BYTES = 6
_ADDRESSES_BYTES = 2 * _MAC_BYTES
_VLAN_ID_MASK = 0xFFF


@dataclass(frozen=True, slots=True)
class EthernetFrame:
    """A frame taken apart.

    Attributes:
        tci: tag control information (priority and VLAN) of its 802.1Q tag; None if it has none.
        ether_type: of the payload, behind the tag.
    """

    dst: Mac
    src: Mac
    tci: int | None
    ether_type: int
    payload: bytes

    @property
    def vlan_id(self) -> int:
        """The VLAN; 0 if untagged or only priority-tagged, as in `access_ports`."""
        return 0 if self.tci is None else self.tci & _VLAN_ID_MASK


def parse_frame(data: bytes) -> EthernetFrame | None:
    """Take a frame apart; None if it ends before its payload begins."""
    tag_bytes = 4 if data[_ADDRESSES_BYTES : _ADDRESSES_BYTES + 2] == ETHER_TYPE_VLAN.to_bytes(2) else 0
    header_bytes = _ADDRESSES_BYTES + tag_bytes + 2
    if len(data) < header_bytes:
        return None
    tci = int.from_bytes(data[_ADDRESSES_BYTES + 2 : _ADDRESSES_BYTES + 4]) if tag_bytes else None
    (ether_type,) = struct.unpack_from("!H", data, header_bytes - 2)
    dst, src = (Mac(int.from_bytes(data[at : at + _MAC_BYTES])) for at in (0, _MAC_BYTES))
    return EthernetFrame(dst, src, tci, ether_type, data[header_bytes:])


def build_frame(frame: EthernetFrame) -> bytes:
    """Return the octets of a frame, without padding and FCS: both are the port's."""
    tag = b"" if frame.tci is None else struct.pack("!HH", ETHER_TYPE_VLAN, frame.tci)
    addresses = frame.dst.value.to_bytes(_MAC_BYTES) + frame.src.value.to_bytes(_MAC_BYTES)
    return addresses + tag + struct.pack("!H", frame.ether_type) + frame.payload
