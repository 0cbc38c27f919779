# SPDX-License-Identifier: Apache-2.0
"""Packet I/O: controller metadata to header bytes and back (P4Runtime 1.5, sections 7.5.6 and 16.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from finsy.proto import p4i, p4r

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.status import StatusError, invalid


class PacketHeader:
    """The controller header of one direction: the metadata fields of the P4Info, packed without gaps."""

    def __init__(self, name: str, fields: Sequence[p4i.ControllerPacketMetadata.Metadata] = ()) -> None:
        self.name = name
        self.bits = sum(field.bitwidth for field in fields)
        self.length = (self.bits + 7) // 8
        self._names = {field.id: field.name for field in fields}
        self._optional = {field.id for field in fields if _is_padding(field.annotations)}
        # Shift and mask of each field, the first field in the highest bits.
        self._places: list[tuple[int, int, int]] = []
        self._decoders: dict[int, tuple[int, Callable[[bytes], int]]] = {}
        shift = self.length * 8
        for field in fields:
            shift -= field.bitwidth
            self._places.append((field.id, shift, (1 << field.bitwidth) - 1))
            what = f"{name}: metadata {field.name}"
            self._decoders[field.id] = (shift, bytestring.decoder(field.bitwidth, what))

    def pack(self, metadata: Iterable[p4r.PacketMetadata]) -> bytes:
        """Header bytes of a PacketOut. Raises StatusError when the metadata is not exactly what the P4Info says."""
        number = 0
        missing = dict(self._decoders)
        for item in metadata:
            place = missing.pop(item.metadata_id, None)
            if place is None:
                raise self._wrong_id(item.metadata_id)
            shift, decode = place
            number |= decode(item.value) << shift
        absent = [self._names[field_id] for field_id in missing if field_id not in self._optional]
        if absent:
            raise invalid(f"{self.name}: metadata {', '.join(absent)} is missing")
        return number.to_bytes(self.length, "big")

    def unpack(self, frame: bytes) -> p4r.PacketIn | None:
        """The PacketIn of a frame that begins with this header; None when the frame is too short for it."""
        if len(frame) < self.length:
            return None
        number = int.from_bytes(frame[: self.length], "big")
        packet = p4r.PacketIn(payload=frame[self.length :])
        for field_id, shift, mask in self._places:
            packet.metadata.add(metadata_id=field_id, value=bytestring.encode(number >> shift & mask))
        return packet

    def _wrong_id(self, metadata_id: int) -> StatusError:
        if metadata_id in self._names:
            return invalid(f"{self.name}: metadata {self._names[metadata_id]} is given more than once")
        known = ", ".join(f"{number} ({name})" for number, name in self._names.items()) or "none"
        return invalid(f"{self.name}: there is no metadata with id {metadata_id}; its fields are {known}")


def _is_padding(annotations: Iterable[str]) -> bool:
    return any(annotation.startswith("@padding") for annotation in annotations)
