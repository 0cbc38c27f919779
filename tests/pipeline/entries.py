# SPDX-License-Identifier: Apache-2.0
"""Neutral entries of the compiler, put into and read back from a softswitch in memory."""

from collections.abc import Iterable

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Entry,
    Exact,
    Identity,
    Lpm,
    Match,
    MeterEntry,
    MulticastEntry,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.reconcile import Batch, Operation
from softswitch.runtime import entries as native
from softswitch.runtime.externs import MeterConfig
from softswitch.runtime.replication import CloneSession, Replica
from softswitch.runtime.switch import Switch


def apply(switch: Switch, batch: Batch) -> None:
    """Carries out one batch of updates."""
    for change in batch:
        entry = change.entry
        if isinstance(entry, MeterEntry):
            is_reset = change.operation is Operation.DELETE
            config = None if is_reset else MeterConfig(entry.cir, entry.cburst, entry.pir, entry.pburst)
            switch.meters[entry.meter].configure(entry.index, config)
            continue
        if isinstance(entry, MulticastEntry):
            _replicate(switch, change.operation, entry)
            continue
        if isinstance(entry, CloneEntry):
            _clone(switch, change.operation, entry)
            continue
        assert isinstance(entry, TableEntry), entry
        table = switch.tables[entry.table]
        key = tuple(_to_native(match) for match in entry.key)
        match change.operation:
            case Operation.INSERT:
                table.insert(key, _action(entry.action), entry.priority)
            case Operation.MODIFY:
                table.modify(key, _action(entry.action), entry.priority)
            case Operation.DELETE:
                table.delete(key, entry.priority)


def read_back(switch: Switch, tables: Iterable[str]) -> dict[Identity, Entry]:
    """What the switch holds in the pipeline's tables and meters."""
    found: dict[Identity, Entry] = {}
    for name in tables:
        table = switch.tables[name]
        for held in table:
            key = tuple(_to_neutral(field, value) for field, value in zip(table.key, held.key, strict=True))
            entry = TableEntry(name, key, held.priority, _to_neutral_action(held.action))
            found[entry.identity] = entry
    for name, meter in switch.meters.items():
        for index, it in meter.configured():
            cell = MeterEntry(name, index, it.committed_rate, it.committed_burst, it.peak_rate, it.peak_burst)
            found[cell.identity] = cell
    for group_id, members in switch.multicast.items():
        group = MulticastEntry(group_id, tuple(sorted((replica.port, replica.instance) for replica in members)))
        found[group.identity] = group
    for session_id, session in switch.clone_sessions.items():
        replicas = tuple(sorted((replica.port, replica.instance) for replica in session.replicas))
        copies = CloneEntry(session_id, replicas, session.packet_length_bytes)
        found[copies.identity] = copies
    return found


def _clone(switch: Switch, operation: Operation, entry: CloneEntry) -> None:
    replicas = tuple(Replica(port, instance) for port, instance in entry.replicas)
    session = CloneSession(replicas, packet_length_bytes=entry.packet_length_bytes)
    match operation:
        case Operation.INSERT:
            switch.clone_sessions.insert(entry.session_id, session)
        case Operation.MODIFY:
            switch.clone_sessions.modify(entry.session_id, session)
        case Operation.DELETE:
            switch.clone_sessions.delete(entry.session_id)


def _replicate(switch: Switch, operation: Operation, entry: MulticastEntry) -> None:
    replicas = [Replica(port, instance) for port, instance in entry.replicas]
    match operation:
        case Operation.INSERT:
            switch.multicast.insert(entry.group_id, replicas)
        case Operation.MODIFY:
            switch.multicast.modify(entry.group_id, replicas)
        case Operation.DELETE:
            switch.multicast.delete(entry.group_id)


def _to_native(match: Match) -> native.MatchValue:
    match match:
        case Exact(value):
            return value
        case Lpm(value, prefix_len):
            return value, prefix_len
        case Ternary(value, mask):
            return value, mask
        case Range(low, high):
            return low, high


def _to_neutral(field: native.KeyField, value: native.MatchValue) -> Match:
    match field.kind, value:
        case native.MatchKind.EXACT, int(exact):
            return Exact(exact)
        case native.MatchKind.LPM, (prefix, length):
            return Lpm(prefix, length)
        case native.MatchKind.TERNARY, (bits, mask):
            return Ternary(bits, mask)
        case native.MatchKind.RANGE, (low, high):
            return Range(low, high)
    raise AssertionError(f"{field} {value}")


def _action(action: ActionCall | ActionSet) -> native.ActionRef:
    if isinstance(action, ActionCall):
        return native.ActionCall(action.name, action.params)
    return native.ActionSet(
        tuple(
            native.WeightedAction(native.ActionCall(one.action.name, one.action.params), one.weight, one.watch_port)
            for one in action.members
        )
    )


def _to_neutral_action(action: native.ActionRef) -> ActionCall | ActionSet:
    if isinstance(action, native.ActionCall):
        return ActionCall(action.name, action.params)
    assert isinstance(action, native.ActionSet), action
    return ActionSet(
        tuple(
            WeightedAction(ActionCall(one.action.name, one.action.params), one.weight, one.watch_port)
            for one in action.members
        )
    )
