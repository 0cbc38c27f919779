# SPDX-License-Identifier: Apache-2.0
"""LLDP data units (IEEE 802.1AB-2016 clause 8), as far as switches of ours need them to tell each other who they are.

Chassis id and port id are locally assigned (subtype 7): the switch's name, and the number of the switch port.
"""

import struct
from typing import NamedTuple

from p4vpc.compiler.access import LLDP_ETHER_TYPE, LLDP_MAC

_HEADER = struct.Struct("!6s6sH")
_HEAD = struct.Struct("!H")
_TYPE_SHIFT = 9
_LENGTH_MASK = 0x1FF
_END, _CHASSIS_ID, _PORT_ID, _TTL = range(4)
_LOCALLY_ASSIGNED = b"\x07"
_MOST_SECONDS = 0xFFFF
_LEAST_FRAME_BYTES = 60
_LEAST_VALUE_BYTES = 2


class Sender(NamedTuple):
    """Who has sent a frame, in its own words: for a switch of ours its name, and the number of the port."""

    chassis: str
    port: str

    def __str__(self) -> str:
        return f"port {self.port} of {self.chassis}"


def encode_frame(sender: Sender, src_mac: int, ttl_seconds: int) -> bytes:
    """Return the frame that tells the far end who is here, for so many seconds."""
    ttl = min(ttl_seconds, _MOST_SECONDS).to_bytes(2)
    values = (
        (_CHASSIS_ID, _LOCALLY_ASSIGNED + sender.chassis.encode()),
        (_PORT_ID, _LOCALLY_ASSIGNED + sender.port.encode()),
        (_TTL, ttl),
        (_END, b""),
    )
    unit = b"".join(struct.pack("!H", kind << _TYPE_SHIFT | len(value)) + value for kind, value in values)
    frame = _HEADER.pack(LLDP_MAC.to_bytes(6), src_mac.to_bytes(6), LLDP_ETHER_TYPE) + unit
    return frame.ljust(_LEAST_FRAME_BYTES, b"\0")


def decode_frame(frame: bytes) -> Sender | None:
    """Return who has sent the frame; None if it is no right LLDP.

    The first three values are chassis id, port id and TTL, in this order (clause 8.2); what follows is not looked at.
    Ids of other subtypes than ours are shown in hexadecimal: whoever sends them is none of ours.
    """
    if len(frame) < _HEADER.size or _HEADER.unpack_from(frame)[2] != LLDP_ETHER_TYPE:
        return None
    values = []
    at = _HEADER.size
    for expected in (_CHASSIS_ID, _PORT_ID, _TTL):
        if len(frame) < at + _HEAD.size:
            return None
        (head,) = _HEAD.unpack_from(frame, at)
        length = head & _LENGTH_MASK
        value = frame[at + _HEAD.size : at + _HEAD.size + length]
        if head >> _TYPE_SHIFT != expected or len(value) != length or length < _LEAST_VALUE_BYTES:
            return None
        values.append(value)
        at += _HEAD.size + length
    return Sender(_text(values[0]), _text(values[1]))


def _text(value: bytes) -> str:
    if value[:1] == _LOCALLY_ASSIGNED:
        text = value[1:].decode("utf-8", "replace")
        if text.isprintable():
            return text
    return value[1:].hex(":")
