# SPDX-License-Identifier: Apache-2.0
"""Indexed externs: counters, meters and registers (P4Runtime 1.5, sections 9.3.2, 9.4.2 and 9.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from finsy.proto import p4d, p4i, p4r

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.entities import EntityHandler, Undo, UpdateType, check_index, look_up, require_modify, select
from softswitch.p4runtime.meter_config import decode_meter_config, encode_meter_config
from softswitch.p4runtime.status import invalid, unimplemented
from softswitch.runtime.externs import Counter, Meter, Register


def _indexes(message: p4r.CounterEntry | p4r.MeterEntry | p4r.RegisterEntry, size: int, what: str) -> range:
    """The cells that a message means: one, or all when it has no index."""
    if not message.HasField("index"):
        return range(size)
    index = message.index.index
    check_index(index, size, what)
    return range(index, index + 1)


class Counters(EntityHandler):
    """`counter_entry`."""

    def __init__(self, counters: Mapping[int, Counter]) -> None:
        self._counters = counters
        self._ids = {id(counter): number for number, counter in counters.items()}

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.counter_entry
        counter = look_up(self._counters, message.counter_id, "counter_id")
        what = f"counter {counter.name}"
        require_modify(kind, what)
        indexes = _indexes(message, counter.size, what)
        before = [(index, *counter.read(index)) for index in indexes]
        if message.HasField("data"):
            for index in indexes:
                counter.write(index, message.data.packet_count, message.data.byte_count)

        def undo() -> None:
            for index, packets, octets in before:
                counter.write(index, packets, octets)

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.counter_entry
        for counter in select(self._counters, wanted.counter_id, "counter_id"):
            counter_id = self._ids[id(counter)]
            for index in _indexes(wanted, counter.size, f"counter {counter.name}"):
                packets, octets = counter.read(index)
                yield p4r.Entity(
                    counter_entry=p4r.CounterEntry(
                        counter_id=counter_id,
                        index=p4r.Index(index=index),
                        data=p4r.CounterData(byte_count=octets, packet_count=packets),
                    )
                )


@dataclass(frozen=True)
class MeterCodec:
    """One indexed meter with its P4Info."""

    info: p4i.Meter
    meter: Meter


class Meters(EntityHandler):
    """`meter_entry`."""

    def __init__(self, meters: Mapping[int, MeterCodec]) -> None:
        self._meters = meters

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.meter_entry
        codec = look_up(self._meters, message.meter_id, "meter_id")
        meter = codec.meter
        what = f"meter {meter.name}"
        require_modify(kind, what)
        if message.HasField("counter_data"):
            raise unimplemented(f"{what}: counter_data of meters is not supported by this target")
        indexes = _indexes(message, meter.size, what)
        config = None
        if message.HasField("config"):
            config = decode_meter_config(message.config, codec.info.spec, what)
            config.check(what)
        before = [(index, meter.read(index)) for index in indexes]
        for index in indexes:
            meter.configure(index, config)

        def undo() -> None:
            for index, old in before:
                meter.configure(index, old)

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.meter_entry
        if wanted.HasField("counter_data"):
            raise unimplemented("counter_data of meters is not supported by this target")
        for codec in select(self._meters, wanted.meter_id, "meter_id"):
            for index in _indexes(wanted, codec.meter.size, f"meter {codec.meter.name}"):
                message = p4r.MeterEntry(meter_id=codec.info.preamble.id, index=p4r.Index(index=index))
                config = codec.meter.read(index)
                if config is not None:
                    message.config.CopyFrom(encode_meter_config(config))
                yield p4r.Entity(meter_entry=message)


@dataclass(frozen=True)
class RegisterCodec:
    """One register array; its cells are bit<width> or int<width>."""

    register_id: int
    register: Register
    is_signed: bool

    def decode(self, data: p4d.P4Data, what: str) -> int:
        """The cell value, as the unsigned number that the engine keeps."""
        if data.WhichOneof("data") != "bitstring":
            raise invalid(f"{what}: data must be a bitstring, not {data.WhichOneof('data') or 'unset'}")
        if self.is_signed:
            value = bytestring.decode_signed(data.bitstring, self.register.width, f"{what}: data")
            return value & ((1 << self.register.width) - 1)
        return bytestring.decode(data.bitstring, self.register.width, f"{what}: data")

    def encode(self, value: int) -> p4d.P4Data:
        """The canonical message of a cell value."""
        if self.is_signed:
            sign = 1 << (self.register.width - 1)
            return p4d.P4Data(bitstring=bytestring.encode_signed((value ^ sign) - sign))
        return p4d.P4Data(bitstring=bytestring.encode(value))


class Registers(EntityHandler):
    """`register_entry`."""

    def __init__(self, registers: Mapping[int, RegisterCodec]) -> None:
        self._registers = registers

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.register_entry
        codec = look_up(self._registers, message.register_id, "register_id")
        register = codec.register
        what = f"register {register.name}"
        require_modify(kind, what)
        indexes = _indexes(message, register.size, what)
        value = codec.decode(message.data, what)
        before = [(index, register.read(index)) for index in indexes]
        for index in indexes:
            register.write(index, value)

        def undo() -> None:
            for index, old in before:
                register.write(index, old)

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.register_entry
        for codec in select(self._registers, wanted.register_id, "register_id"):
            for index in _indexes(wanted, codec.register.size, f"register {codec.register.name}"):
                yield p4r.Entity(
                    register_entry=p4r.RegisterEntry(
                        register_id=codec.register_id,
                        index=p4r.Index(index=index),
                        data=codec.encode(codec.register.read(index)),
                    )
                )
