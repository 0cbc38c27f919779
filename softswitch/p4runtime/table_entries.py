# SPDX-License-Identifier: Apache-2.0
"""Table entries and default entries (P4Runtime 1.5, section 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from finsy.proto import p4r
from grpc import StatusCode

from softswitch.errors import EntryNotFoundError
from softswitch.p4runtime.direct_resources import Clock, find_entry, set_counter, set_meter
from softswitch.p4runtime.entities import (
    DELETE,
    INSERT,
    MODIFY,
    EntityHandler,
    Undo,
    UpdateType,
    look_up,
    select,
)
from softswitch.p4runtime.match_codec import Key
from softswitch.p4runtime.meter_config import decode_meter_config, encode_meter_config
from softswitch.p4runtime.status import StatusError, invalid, unimplemented
from softswitch.p4runtime.table_codec import NO_EXTRAS, Extras, TableCodec
from softswitch.runtime.entries import ActionCall, Entry
from softswitch.runtime.externs import MeterConfig


class TableEntries(EntityHandler):
    """`table_entry` of every table in the P4Info."""

    def __init__(self, tables: Mapping[int, TableCodec], now_us: Clock) -> None:
        self._tables = tables
        self._now_us = now_us

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.table_entry
        codec = look_up(self._tables, message.table_id, "table_id")
        if message.is_default_action:
            return self._write_default(codec, kind, message)
        if kind == DELETE:
            return self._delete(codec, message)
        self._check(codec, message)
        return self._insert(codec, message) if kind == INSERT else self._modify(codec, message)

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.table_entry
        codecs = select(self._tables, wanted.table_id, "table_id")
        for codec in codecs:
            encode = _entry_encoder(codec, wanted, self._now_us)
            if wanted.is_default_action:
                yield encode(codec.table.default_entry)
                continue
            for entry in _selected(codec, wanted):
                yield encode(entry)

    # -- entries ------------------------------------------------------------------------------------------------

    def _insert(self, codec: TableCodec, message: p4r.TableEntry) -> Undo:
        table = codec.table
        key, priority = codec.decode_key(message)
        if codec.is_const:
            raise _const_table(codec)
        if not message.HasField("action"):
            raise invalid(f"{codec.what}: action is not set; an INSERT needs one")
        action = codec.decode_action(message.action)
        extras = codec.decode_extras(message)
        meter = _meter_of(codec, message)
        entry = table.insert(key, action, priority, idle_timeout_ns=message.idle_timeout_ns, metadata=message.metadata)
        if extras is not NO_EXTRAS:
            codec.extras[key, priority] = extras
        if meter is not None:
            set_meter(codec, entry, meter, self._now_us())
        if table.has_idle_timeout:
            entry.last_hit_us = self._now_us()
        if message.HasField("counter_data"):
            set_counter(entry, message.counter_data)

        def undo() -> None:
            table.delete(key, priority)
            codec.extras.pop((key, priority), None)

        return undo

    def _modify(self, codec: TableCodec, message: p4r.TableEntry) -> Undo:
        table = codec.table
        key, priority = codec.decode_key(message)
        entry = find_entry(codec, key, priority)
        meter = _meter_of(codec, message)
        saved = _Saved(codec, entry)
        if message.HasField("action"):
            if codec.is_const or entry.is_const:
                raise _const_table(codec)
            action = codec.decode_action(message.action)
            extras = codec.decode_extras(message)
            table.modify(key, action, priority, idle_timeout_ns=message.idle_timeout_ns, metadata=message.metadata)
            _store_extras(codec, key, priority, extras)
        if codec.meter_spec is not None:
            set_meter(codec, entry, meter, self._now_us())
        if message.HasField("counter_data"):
            set_counter(entry, message.counter_data)
        return saved.restore

    @staticmethod
    def _delete(codec: TableCodec, message: p4r.TableEntry) -> Undo:
        key, priority = codec.decode_key(message)
        if codec.is_const:
            raise _const_table(codec)
        entry = find_entry(codec, key, priority)
        if entry.is_const:
            raise _const_table(codec)
        saved = _Saved(codec, entry)
        codec.table.delete(key, priority)
        codec.extras.pop((key, priority), None)
        return saved.insert_again

    # -- default entry ------------------------------------------------------------------------------------------

    def _write_default(self, codec: TableCodec, kind: UpdateType, message: p4r.TableEntry) -> Undo:
        if kind != MODIFY:
            raise invalid(f"{codec.what}: the default entry always exists, so only MODIFY is allowed")
        if message.match or message.priority:
            raise invalid(f"{codec.what}: the default entry has no match fields and no priority")
        if message.idle_timeout_ns or message.HasField("time_since_last_hit"):
            raise invalid(f"{codec.what}: the default entry has no idle timeout")
        self._check(codec, message)
        table, entry = codec.table, codec.table.default_entry
        action = codec.decode_default(message.action) if message.HasField("action") else None
        meter = _meter_of(codec, message)
        is_resource_only = action is None and (message.HasField("counter_data") or meter is not None)
        if table.has_const_default and not is_resource_only:
            raise StatusError(
                StatusCode.PERMISSION_DENIED, f"{codec.what}: its default action is constant and cannot be changed"
            )
        saved = _Saved(codec, entry)
        if action is not None:
            table.set_default(action)
        elif not is_resource_only:
            table.reset_default()
        if not is_resource_only:
            entry.metadata = message.metadata if action is not None else b""
            _store_extras(codec, (), 0, codec.decode_extras(message) if action is not None else NO_EXTRAS)
        if codec.meter_spec is not None:
            set_meter(codec, entry, meter, self._now_us())
        if message.HasField("counter_data"):
            set_counter(entry, message.counter_data)
        return saved.restore_default

    @staticmethod
    def _check(codec: TableCodec, message: p4r.TableEntry) -> None:
        table = codec.table
        if message.is_const:
            raise invalid(f"{codec.what}: is_const must be false in a write")
        if message.HasField("counter_data") and not table.has_counter:
            raise invalid(f"{codec.what}: counter_data is set, but the table has no direct counter")
        if message.HasField("time_since_last_hit"):
            raise invalid(f"{codec.what}: time_since_last_hit cannot be written")
        if message.idle_timeout_ns and (message.idle_timeout_ns < 0 or not table.has_idle_timeout):
            raise invalid(
                f"{codec.what}: idle_timeout_ns is {message.idle_timeout_ns}; "
                + ("it must not be negative" if table.has_idle_timeout else "the table does not support idle timeouts")
            )
        if message.HasField("meter_counter_data"):
            raise unimplemented(f"{codec.what}: meter_counter_data is not supported by this target")


class _Saved:
    """An entry as it was before an update, to be put back."""

    def __init__(self, codec: TableCodec, entry: Entry) -> None:
        self._codec = codec
        self._key, self._priority = entry.key, entry.priority
        self._action = entry.action
        self._idle_timeout_ns, self._metadata = entry.idle_timeout_ns, entry.metadata
        self._counter = entry.packets, entry.bytes
        self._meter = entry.meter
        self._last_hit_us = entry.last_hit_us
        self._extras = codec.extras.get((entry.key, entry.priority), NO_EXTRAS)

    def restore(self) -> None:
        """Undo a MODIFY."""
        table = self._codec.table
        entry = table.get(self._key, self._priority)
        if entry.action != self._action:
            table.modify(self._key, self._action, self._priority, idle_timeout_ns=entry.idle_timeout_ns)
        self._put_back(entry)

    def insert_again(self) -> None:
        """Undo a DELETE."""
        self._put_back(self._codec.table.insert(self._key, self._action, self._priority))

    def restore_default(self) -> None:
        """Undo a MODIFY of the default entry."""
        table = self._codec.table
        if isinstance(self._action, ActionCall) and self._action.name and not table.has_const_default:
            table.set_default(self._action)
        elif not table.has_const_default:
            table.reset_default()
        self._put_back(table.default_entry)

    def _put_back(self, entry: Entry) -> None:
        entry.idle_timeout_ns, entry.metadata = self._idle_timeout_ns, self._metadata
        entry.packets, entry.bytes = self._counter
        entry.meter, entry.last_hit_us = self._meter, self._last_hit_us
        _store_extras(self._codec, self._key, self._priority, self._extras)


def _const_table(codec: TableCodec) -> StatusError:
    return StatusError(
        StatusCode.PERMISSION_DENIED, f"{codec.what}: its entries are constant and cannot be written, only read"
    )


def _store_extras(codec: TableCodec, key: Key, priority: int, extras: Extras) -> None:
    if extras is NO_EXTRAS:
        codec.extras.pop((key, priority), None)
    else:
        codec.extras[key, priority] = extras


def _meter_of(codec: TableCodec, message: p4r.TableEntry) -> MeterConfig | None:
    """The checked meter configuration of an entry, None for "always green"."""
    if not message.HasField("meter_config"):
        return None
    if codec.meter_spec is None:
        raise invalid(f"{codec.what}: meter_config is set, but the table has no direct meter")
    config = decode_meter_config(message.meter_config, codec.meter_spec, f"{codec.what}: meter_config")
    config.check(f"{codec.what}: meter_config")
    return config


def _entry_encoder(codec: TableCodec, wanted: p4r.TableEntry, now_us: Clock) -> Callable[[Entry], p4r.Entity]:
    """A function that encodes entries of one table with the resources that the filter asks for."""
    table = codec.table
    has_counter = table.has_counter and wanted.HasField("counter_data")
    has_meter = codec.meter_spec is not None and wanted.HasField("meter_config")
    has_last_hit = table.has_idle_timeout and wanted.HasField("time_since_last_hit")
    if wanted.HasField("meter_counter_data"):
        raise unimplemented("meter_counter_data is not supported by this target")
    encode_key, encode_action, all_extras, table_id = (
        codec.key.encode,
        codec.encode_action,
        codec.extras,
        codec.table_id,
    )
    default_entry = table.default_entry

    def encode(entry: Entry) -> p4r.Entity:
        extras = all_extras.get((entry.key, entry.priority), NO_EXTRAS) if all_extras else NO_EXTRAS
        entity = p4r.Entity()
        message = entity.table_entry
        message.table_id = table_id
        if entry.priority:
            message.priority = entry.priority
        if entry.metadata:
            message.metadata = entry.metadata
        if entry is default_entry:
            message.is_default_action = True
            if isinstance(entry.action, ActionCall) and not entry.action.name:
                return entity
        else:
            encode_key(entry.key, message.match)
        encode_action(entry.action, extras, message.action)
        if extras.controller_metadata:
            message.controller_metadata = extras.controller_metadata
        if entry.is_const:
            message.is_const = True
        if entry.idle_timeout_ns:
            message.idle_timeout_ns = entry.idle_timeout_ns
        if has_counter:
            data = message.counter_data
            data.byte_count = entry.bytes
            data.packet_count = entry.packets
        if has_meter and entry.meter is not None and entry.meter.config is not None:
            message.meter_config.CopyFrom(encode_meter_config(entry.meter.config))
        if has_last_hit and entry is not default_entry:
            message.time_since_last_hit.elapsed_ns = max(0, now_us() - entry.last_hit_us) * 1000
        return entity

    return encode


def _selected(codec: TableCodec, wanted: p4r.TableEntry) -> Iterable[Entry]:
    """The entries of a table that a read filter selects (P4Runtime 1.5, section 9.1.6)."""
    if wanted.match:
        key = codec.key.decode(wanted.match)
        if codec.needs_priority and not wanted.priority:
            entries: Iterable[Entry] = [entry for entry in codec.table if entry.key == key]
        else:
            key, priority = codec.decode_key(wanted)
            try:
                entries = [codec.table.get(key, priority)]
            except EntryNotFoundError:
                return []
    else:
        entries = codec.table
        if wanted.priority:
            entries = [entry for entry in entries if entry.priority == wanted.priority]
    if wanted.HasField("action"):
        entries = _with_action(codec, wanted.action, entries)
    if wanted.metadata:
        entries = [entry for entry in entries if entry.metadata == wanted.metadata]
    if wanted.controller_metadata:
        cookie, all_extras = wanted.controller_metadata, codec.extras
        entries = [
            entry
            for entry in entries
            if all_extras.get((entry.key, entry.priority), NO_EXTRAS).controller_metadata == cookie
        ]
    return entries


def _with_action(codec: TableCodec, action: p4r.TableAction, entries: Iterable[Entry]) -> Iterable[Entry]:
    if action.WhichOneof("type") != "action" or codec.profile is not None:
        raise unimplemented(f"{codec.what}: entries can only be filtered by the action_id of a direct table")
    name = codec.action_name(action.action.action_id)
    return [entry for entry in entries if isinstance(entry.action, ActionCall) and entry.action.name == name]
