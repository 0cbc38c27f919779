# SPDX-License-Identifier: Apache-2.0
"""Direct counters and meters by themselves (P4Runtime 1.5, sections 9.3.1 and 9.4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from finsy.proto import p4r

from softswitch.errors import EntryNotFoundError
from softswitch.p4runtime.entities import EntityHandler, Undo, UpdateType, look_up, require_modify, select
from softswitch.p4runtime.match_codec import Key
from softswitch.p4runtime.meter_config import decode_meter_config, encode_meter_config
from softswitch.p4runtime.status import invalid, unimplemented
from softswitch.p4runtime.table_codec import TableCodec, no_entry
from softswitch.runtime.entries import Entry
from softswitch.runtime.externs import MeterConfig

Clock = Callable[[], int]


class DirectCounters(EntityHandler):
    """`direct_counter_entry`: the counters of table entries by themselves."""

    def __init__(self, tables: Mapping[int, TableCodec]) -> None:
        self._tables = {number: codec for number, codec in tables.items() if codec.table.has_counter}

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.direct_counter_entry
        codec = look_up(self._tables, message.table_entry.table_id, "direct counter of table_id")
        require_modify(kind, f"{codec.what}: direct counter")
        entry = _find_target(codec, message.table_entry)
        before = entry.packets, entry.bytes
        if message.HasField("data"):
            set_counter(entry, message.data)

        def undo() -> None:
            entry.packets, entry.bytes = before

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.direct_counter_entry.table_entry
        for codec in select(self._tables, wanted.table_id, "direct counter of table_id"):
            for entry in _targets(codec, wanted):
                yield p4r.Entity(
                    direct_counter_entry=p4r.DirectCounterEntry(
                        table_entry=_identity(codec, entry),
                        data=p4r.CounterData(byte_count=entry.bytes, packet_count=entry.packets),
                    )
                )


class DirectMeters(EntityHandler):
    """`direct_meter_entry`: the meters of table entries by themselves."""

    def __init__(self, tables: Mapping[int, TableCodec], now_us: Clock) -> None:
        self._tables = {number: codec for number, codec in tables.items() if codec.meter_spec is not None}
        self._now_us = now_us

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.direct_meter_entry
        codec = look_up(self._tables, message.table_entry.table_id, "direct meter of table_id")
        require_modify(kind, f"{codec.what}: direct meter")
        if message.HasField("counter_data"):
            raise unimplemented(f"{codec.what}: counter_data of meters is not supported by this target")
        entry = _find_target(codec, message.table_entry)
        config = None
        if message.HasField("config") and codec.meter_spec is not None:
            config = decode_meter_config(message.config, codec.meter_spec, f"{codec.what}: direct meter")
            config.check(f"{codec.what}: direct meter")
        before = entry.meter
        set_meter(codec, entry, config, self._now_us())

        def undo() -> None:
            entry.meter = before

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.direct_meter_entry
        if wanted.HasField("counter_data"):
            raise unimplemented("counter_data of meters is not supported by this target")
        for codec in select(self._tables, wanted.table_entry.table_id, "direct meter of table_id"):
            for entry in _targets(codec, wanted.table_entry):
                message = p4r.DirectMeterEntry(table_entry=_identity(codec, entry))
                if entry.meter is not None and entry.meter.config is not None:
                    message.config.CopyFrom(encode_meter_config(entry.meter.config))
                yield p4r.Entity(direct_meter_entry=message)


def find_entry(codec: TableCodec, key: Key, priority: int) -> Entry:
    """The entry with this key. Raises StatusError NOT_FOUND when there is none."""
    if not codec.table.key:
        raise invalid(f"{codec.what}: it has no key, so no entries; set is_default_action to write its default entry")
    try:
        return codec.table.get(key, priority)
    except EntryNotFoundError:
        raise no_entry(codec, key, priority) from None


def set_counter(entry: Entry, data: p4r.CounterData) -> None:
    """Set the direct counter of an entry."""
    entry.packets, entry.bytes = data.packet_count, data.byte_count


def set_meter(codec: TableCodec, entry: Entry, config: MeterConfig | None, now_us: int) -> None:
    """Configure the meter of an entry anew; the state that it had stays untouched, so that it can be put back."""
    entry.meter = None
    codec.table.configure_meter(entry, config, now_us)


def _identity(codec: TableCodec, entry: Entry) -> p4r.TableEntry:
    """A TableEntry with what identifies the entry, and nothing else."""
    message = p4r.TableEntry(table_id=codec.table_id, priority=entry.priority)
    if entry is codec.table.default_entry:
        message.is_default_action = True
    else:
        codec.key.encode(entry.key, message.match)
    return message


def _find_target(codec: TableCodec, wanted: p4r.TableEntry) -> Entry:
    """The one entry whose counter or meter is meant. Raises StatusError NOT_FOUND when there is none."""
    if wanted.is_default_action:
        return codec.table.default_entry
    key, priority = codec.decode_key(wanted)
    return find_entry(codec, key, priority)


def _targets(codec: TableCodec, wanted: p4r.TableEntry) -> Iterable[Entry]:
    """The entries whose counters or meters are read: the one that is named, or all of the table."""
    if wanted.is_default_action or wanted.match:
        return [_find_target(codec, wanted)]
    if wanted.priority:
        return [entry for entry in codec.table if entry.priority == wanted.priority]
    return codec.table
