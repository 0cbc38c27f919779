# SPDX-License-Identifier: Apache-2.0
"""Neutral entries to P4Runtime messages and back.

Updates are encoded to bytes at once (`wire`), from what is always the same and the values. Everything that the schema
says is checked on the way, so that no target sees an entry that can only be refused.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from finsy.proto import p4r

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Entry,
    Match,
    MeterEntry,
    MulticastEntry,
    TableEntry,
    WeightedAction,
)
from p4vpc.reconcile import Operation, TableSchema
from p4vpc.reconcile.normalise import normalise_action_set
from p4vpc.southbound.match_codec import DecodeError, EncodeError, canonical, getter, number, setter
from p4vpc.southbound.meter_codec import MeterCodec
from p4vpc.southbound.p4info import PipelineInfo, TableIds
from p4vpc.southbound.spare import exchange
from p4vpc.southbound.wire import Wrap, delimited, heads, number_tag, tag, varint

_MAX_PRIORITY = 2**31 - 1
_MAX_GROUP_ID = 2**32 - 1
_MAX_LENGTH_BYTES = 2**31 - 1
_MOST_SHARED = 20_000
"""Messages that are kept for other switches: what ten leaves write at a time, in batches of 500, and some more."""

_UPDATE_NUMBERS = {
    Operation.INSERT: p4r.Update.INSERT,
    Operation.MODIFY: p4r.Update.MODIFY,
    Operation.DELETE: p4r.Update.DELETE,
}
_UPDATE_TYPES = {it: number_tag(p4r.Update, "type") + varint(number) for it, number in _UPDATE_NUMBERS.items()}

_ENTITY, _TABLE_ENTRY = tag(p4r.Update, "entity"), tag(p4r.Entity, "table_entry")
_TABLE_ID, _PRIORITY = number_tag(p4r.TableEntry, "table_id"), number_tag(p4r.TableEntry, "priority")
_TABLE_ACTION, _ACTION = tag(p4r.TableEntry, "action"), tag(p4r.TableAction, "action")
_ACTION_SET = tag(p4r.TableAction, "action_profile_action_set")
_ACTION_ID, _PARAM = number_tag(p4r.Action, "action_id"), tag(p4r.Action, "params")
_PARAM_ID, _PARAM_VALUE = number_tag(p4r.Action.Param, "param_id"), tag(p4r.Action.Param, "value")


class Codec:
    """All tables and meters of a pipeline, multicast groups and clone sessions.

    Args:
        info: the pipeline.
        has_spares: the target shall always keep a member of each group, see `spare`.
    """

    def __init__(self, info: PipelineInfo, *, has_spares: bool = False):
        tables = info.schema.tables.items()
        self._tables = {name: TableCodec(table, info.ids[name], has_spares=has_spares) for name, table in tables}
        self._by_id = {info.ids[name].table: table for name, table in self._tables.items()}
        self.meters = MeterCodec(info)
        self._shared: dict[tuple[int, Operation], tuple[Entry, bytes]] = {}
        self._read: dict[bytes, Entry | None] = {}

    def update(self, operation: Operation, entry: Entry) -> bytes:
        """The encoded message for an update.

        An entry that has just been encoded for another switch - the very same object, see `compiler.shared` - is not
        encoded again. EncodeError as by `encode`.
        """
        known = self._shared.get((id(entry), operation))
        if known is not None:
            return known[1]
        update = self.encode(operation, entry)
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        self._shared[id(entry), operation] = (entry, update)
        return update

    def encode(self, operation: Operation, entry: Entry) -> bytes:
        """The encoded message for an update, made now.

        Raises:
            EncodeError: the entry does not fit.
        """
        if isinstance(entry, TableEntry):
            table = self._tables.get(entry.table)
            if table is None:
                raise EncodeError(f"the pipeline has no table {entry.table}")
            return _UPDATE_TYPES[operation] + delimited(_ENTITY, delimited(_TABLE_ENTRY, table.encode(entry)))
        update = p4r.Update(type=_UPDATE_NUMBERS[operation])
        if isinstance(entry, MeterEntry):
            self.meters.encode(operation, entry, update)
        elif isinstance(entry, MulticastEntry):
            _encode_multicast(entry, update.entity.packet_replication_engine_entry.multicast_group_entry)
        else:
            _encode_session(entry, update.entity.packet_replication_engine_entry.clone_session_entry)
        return update.SerializeToString()

    def decode_shared(self, entity: p4r.Entity) -> Entry | None:
        """As `decode`; an entry that has just been read from another switch is not decoded again."""
        data = entity.SerializeToString()
        if data in self._read:
            return self._read[data]
        entry = self.decode(entity)
        if len(self._read) >= _MOST_SHARED:
            self._read.clear()
        self._read[data] = entry
        return entry

    def decode(self, entity: p4r.Entity) -> Entry | None:
        """The entry in normal form; None for what is not p4vpc's to manage (default entries, constant entries), and for
        the cells of meters that are not configured.

        Raises:
            DecodeError: the switch sent a table, field, action or meter that is not in the pipeline.
        """
        if entity.HasField("table_entry"):
            message = entity.table_entry
            if message.is_default_action or message.is_const:
                return None
            table = self._by_id.get(message.table_id)
            if table is None:
                raise DecodeError(f"the switch has sent an entry of table {message.table_id:#x}, which is unknown")
            return None if table.is_const else table.decode(message)
        if entity.HasField("meter_entry"):
            return self.meters.decode(entity.meter_entry)
        if entity.HasField("packet_replication_engine_entry"):
            return _decode_replication(entity.packet_replication_engine_entry)
        return None

    def name_of(self, entity: p4r.Entity) -> str:
        """The table that an entity is of, even if the rest of it makes no sense; '' if that is none of the pipeline."""
        table = self._by_id.get(entity.table_entry.table_id)
        return "" if table is None else table.name

    def managed_tables(self) -> Iterator[tuple[str, int]]:
        """Name and number of each table whose entries are p4vpc's to write."""
        return ((name, table.table_id) for name, table in self._tables.items() if not table.is_const)

    def table(self, name: str) -> "TableCodec":
        """The codec of one table; KeyError if there is none."""
        return self._tables[name]


class TableCodec:
    """One table; `has_spares` as of `Codec`."""

    def __init__(self, schema: TableSchema, ids: TableIds, *, has_spares: bool = False):
        self._schema = schema
        self._has_spares = has_spares
        self.name = schema.name
        self.table_id = ids.table
        self.is_const = schema.is_const
        self._actions = {name: _ActionCodec(schema.name, name, schema, ids) for name in schema.actions}
        self._actions_by_id = {ids.actions[name]: action for name, action in self._actions.items()}
        self._id_field = _TABLE_ID + varint(ids.table)
        self._setters = tuple(
            setter(schema.name, column, field_id) for column, field_id in zip(schema.key, ids.fields, strict=True)
        )
        self._getters = dict(zip(ids.fields, map(getter, schema.key), strict=True))
        self._positions = {field_id: position for position, field_id in enumerate(ids.fields)}
        self._wildcards: list[Match] = [column.wildcard() for column in schema.key]

    def encode(self, entry: TableEntry) -> bytes:
        """The encoded `p4r.TableEntry`.

        Raises:
            EncodeError: something does not fit.
        """
        called = entry.action
        if isinstance(called, ActionCall):
            action = self._actions.get(called.name)
            if action is None or self._schema.selector is not None:
                raise self._wrong_action(called)
            run = delimited(_TABLE_ACTION, delimited(_ACTION, action.encode(called.params)))
        else:
            called = exchange(entry.key, called) if self._has_spares else called
            run = delimited(_TABLE_ACTION, delimited(_ACTION_SET, self._encode_set(called).SerializeToString()))
        key, setters = entry.key, self._setters
        if len(key) != len(setters):
            raise EncodeError(f"table {entry.table}: the key has {len(setters)} fields, the entry {len(key)}")
        matches = [encode_match(match) for encode_match, match in zip(setters, key, strict=True)]
        if not entry.priority and not self._schema.has_priority:
            return b"".join((self._id_field, *matches, run))
        self._check_priority(entry.priority)
        return b"".join((self._id_field, *matches, run, _PRIORITY, varint(entry.priority)))

    def _encode_set(self, actions: ActionSet) -> p4r.ActionProfileActionSet:
        if self._schema.selector is None:
            raise EncodeError(f"table {self._schema.name} has no action selector: it takes one action, not a set")
        if not actions.members:
            raise EncodeError(f"table {self._schema.name}: an action set needs at least one member")
        result = p4r.ActionProfileActionSet()
        for member in actions.members:
            action = self._actions.get(member.action.name)
            if action is None:
                raise self._wrong_action(member.action)
            if not 1 <= member.weight <= _MAX_PRIORITY:
                raise EncodeError(f"table {self._schema.name}: weight {member.weight} is not positive")
            message = result.action_profile_actions.add(weight=member.weight)
            message.action.MergeFromString(action.encode(member.action.params))
            if member.watch_port is not None:
                message.watch_port = canonical(member.watch_port)
        return result

    def _check_priority(self, priority: int) -> None:
        if self._schema.has_priority:
            if not 1 <= priority <= _MAX_PRIORITY:
                raise EncodeError(f"table {self._schema.name}: priority {priority} is not in 1..{_MAX_PRIORITY}")
        elif priority:
            raise EncodeError(f"table {self._schema.name} takes no priority, the entry has {priority}")

    def _wrong_action(self, action: ActionCall) -> EncodeError:
        if action.name in self._actions:
            return EncodeError(f"table {self._schema.name} has an action selector: it takes an action set")
        known = ", ".join(sorted(self._actions)) or "none"
        return EncodeError(f"table {self._schema.name} has no action {action.name}, only {known}")

    def decode(self, message: p4r.TableEntry) -> TableEntry:
        """The entry in normal form.

        Raises:
            DecodeError: an unknown field or action.
        """
        key = self._wildcards.copy()
        for match in message.match:
            field_id = match.field_id
            get_match = self._getters.get(field_id)
            if get_match is None:
                raise DecodeError(
                    f"the switch has sent field {field_id} of table {self._schema.name}, which is unknown"
                )
            key[self._positions[field_id]] = get_match(match)
        action = self._decode_action(message.action)
        if self._has_spares and isinstance(action, ActionSet):
            action = exchange(tuple(key), action)
        return TableEntry(self._schema.name, tuple(key), message.priority, action)

    def _decode_action(self, message: p4r.TableAction) -> ActionCall | ActionSet:
        if message.HasField("action"):
            return self._decode_call(message.action)
        # A reference to a member or group of somebody else's making equals nothing that we could want: no members.
        return normalise_action_set(
            ActionSet(
                tuple(
                    WeightedAction(self._decode_call(member.action), member.weight, _watch_port(member))
                    for member in message.action_profile_action_set.action_profile_actions
                )
            )
        )

    def _decode_call(self, message: p4r.Action) -> ActionCall:
        action = self._actions_by_id.get(message.action_id)
        if action is None:
            raise DecodeError(
                f"the switch has sent action {message.action_id:#x} in table {self._schema.name}, which is unknown"
            )
        return action.decode(message)


class _ActionCodec:
    """One action of one table."""

    def __init__(self, table: str, name: str, schema: TableSchema, ids: TableIds):
        self._name = name
        self._where = f"table {table}, action {name}"
        self._params = schema.actions[name].params
        self._param_ids = ids.params[name]
        self._id_field = _ACTION_ID + varint(ids.actions[name])
        self._fields = tuple(
            (param.maximum, heads((param.width + 7) // 8, *_param_wraps(param_id)))
            for param, param_id in zip(self._params, self._param_ids, strict=True)
        )

    def encode(self, values: tuple[int, ...]) -> bytes:
        """The encoded `p4r.Action`.

        Raises:
            EncodeError: a value does not fit.
        """
        if len(values) != len(self._fields):
            raise EncodeError(f"{self._where} takes {len(self._fields)} parameters, the entry has {len(values)}")
        pieces = [self._id_field]
        for (maximum, before), value in zip(self._fields, values, strict=True):
            if not 0 <= value <= maximum:
                raise self._misfit(values)
            size = (value.bit_length() + 7) >> 3 or 1
            pieces += (before[size], value.to_bytes(size, "big"))
        return b"".join(pieces)

    def _misfit(self, values: tuple[int, ...]) -> EncodeError:
        wrong = ((param, value) for param, value in zip(self._params, values, strict=True))
        param, value = next(it for it in wrong if not 0 <= it[1] <= it[0].maximum)
        return EncodeError(f"{self._where}: parameter {param.name} is {value}, beyond its {param.width} bits")

    def decode(self, message: p4r.Action) -> ActionCall:
        values = {param.param_id: param.value for param in message.params}
        try:
            return ActionCall(self._name, tuple([int.from_bytes(values[key], "big") for key in self._param_ids]))
        except KeyError:
            raise DecodeError(f"the switch has sent {self._where} without all parameters") from None


def _param_wraps(param_id: int) -> tuple[Wrap, Wrap]:
    """From a parameter's value to its field in an action."""
    id_field = _PARAM_ID + varint(param_id)
    return partial(delimited, _PARAM_VALUE), lambda data: delimited(_PARAM, id_field + data)


def _watch_port(member: p4r.ActionProfileAction) -> int | None:
    match member.WhichOneof("watch_kind"):
        case "watch_port":
            return number(member.watch_port)
        case "watch":
            return member.watch
        case _:
            return None


def _encode_multicast(entry: MulticastEntry, into: p4r.MulticastGroupEntry) -> None:
    if not 1 <= entry.group_id <= _MAX_GROUP_ID:
        raise EncodeError(f"multicast group {entry.group_id} is not in 1..{_MAX_GROUP_ID}")
    into.multicast_group_id = entry.group_id
    into.replicas.extend(_encode_replicas(entry.replicas, f"multicast group {entry.group_id}"))


def _encode_session(entry: CloneEntry, into: p4r.CloneSessionEntry) -> None:
    if not 1 <= entry.session_id <= _MAX_GROUP_ID:
        raise EncodeError(f"clone session {entry.session_id} is not in 1..{_MAX_GROUP_ID}")
    if not 0 <= entry.packet_length_bytes <= _MAX_LENGTH_BYTES:
        raise EncodeError(f"clone session {entry.session_id}: no packet has {entry.packet_length_bytes} bytes")
    into.session_id = entry.session_id
    into.packet_length_bytes = entry.packet_length_bytes
    into.replicas.extend(_encode_replicas(entry.replicas, f"clone session {entry.session_id}"))


def _encode_replicas(replicas: Iterable[tuple[int, int]], where: str) -> Iterator[p4r.Replica]:
    for port, instance in replicas:
        if port < 0 or not 0 <= instance <= _MAX_GROUP_ID:
            raise EncodeError(f"{where}: no replica has port {port}, instance {instance}")
        yield p4r.Replica(port=canonical(port), instance=instance)


def _decode_replication(message: p4r.PacketReplicationEngineEntry) -> MulticastEntry | CloneEntry | None:
    match message.WhichOneof("type"):
        case "multicast_group_entry":
            group = message.multicast_group_entry
            return MulticastEntry(group.multicast_group_id, _decode_replicas(group.replicas))
        case "clone_session_entry":
            session = message.clone_session_entry
            return CloneEntry(session.session_id, _decode_replicas(session.replicas), session.packet_length_bytes)
    return None


def _decode_replicas(replicas: Iterable[p4r.Replica]) -> tuple[tuple[int, int], ...]:
    """In normal form: sorted, none twice."""
    return tuple(
        sorted(
            {
                (number(replica.port) if replica.HasField("port") else replica.egress_port, replica.instance)
                for replica in replicas
            }
        )
    )
