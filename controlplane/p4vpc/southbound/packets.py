# SPDX-License-Identifier: Apache-2.0
"""Packets between controller and switch, with their metadata by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from finsy.proto import p4r

from p4vpc.southbound.match_codec import EncodeError, canonical, number
from p4vpc.southbound.p4info import PipelineInfo


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame and the fields of its controller header, as the P4Info names them."""

    payload: bytes
    metadata: Mapping[str, int]


def decode_packet_in(message: p4r.PacketIn, info: PipelineInfo) -> Packet:
    """What the switch sent; metadata that the P4Info does not know is left out."""
    names = {field.number: field.name for field in info.packet_in}
    return Packet(
        message.payload,
        {names[item.metadata_id]: number(item.value) for item in message.metadata if item.metadata_id in names},
    )


def encode_packet_out(packet: Packet, info: PipelineInfo) -> p4r.PacketOut:
    """The message for `packet`; fields not given (padding) are 0.

    Raises:
        EncodeError: a field is unknown or a value too wide.
    """
    unknown = packet.metadata.keys() - {field.name for field in info.packet_out}
    if unknown:
        raise EncodeError(f"packet-out has no field {', '.join(sorted(unknown))}")
    message = p4r.PacketOut(payload=packet.payload)
    for field in info.packet_out:
        value = packet.metadata.get(field.name, 0)
        if not 0 <= value < 1 << field.width:
            raise EncodeError(f"packet-out field {field.name} is {value}, beyond its {field.width} bits")
        message.metadata.add(metadata_id=field.number, value=canonical(value))
    return message
