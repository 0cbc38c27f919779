# SPDX-License-Identifier: Apache-2.0
"""The controller's neutral entries, put into a switch in memory."""

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Entry,
    Exact,
    Lpm,
    Match,
    MeterEntry,
    MulticastEntry,
    Range,
    TableEntry,
    Ternary,
)
from softswitch.runtime import entries as native
from softswitch.runtime.externs import MeterConfig
from softswitch.runtime.replication import CloneSession, Replica
from softswitch.runtime.switch import Switch


def put(switch: Switch, entry: Entry) -> native.Entry | None:
    """Put an entry in; return what stands for it in a table, None if it is no table's.

    :raises StateError: it does not fit, or is there; KeyError: the program has no such table or meter.
    """
    match entry:
        case TableEntry():
            key = tuple(_match(match) for match in entry.key)
            return switch.tables[entry.table].insert(key, _action(entry.action), entry.priority)
        case MulticastEntry():
            switch.multicast.insert(entry.group_id, _replicas(entry.replicas))
        case CloneEntry():
            session = CloneSession(tuple(_replicas(entry.replicas)), packet_length_bytes=entry.packet_length_bytes)
            switch.clone_sessions.insert(entry.session_id, session)
        case MeterEntry():
            config = MeterConfig(entry.cir, entry.cburst, entry.pir, entry.pburst)
            switch.meters[entry.meter].configure(entry.index, config)
    return None


def _replicas(replicas: tuple[tuple[int, int], ...]) -> list[Replica]:
    return [Replica(port, instance) for port, instance in replicas]


def _match(match: Match) -> native.MatchValue:
    match match:
        case Exact(value):
            return value
        case Lpm(value, prefix_len):
            return value, prefix_len
        case Ternary(value, mask):
            return value, mask
        case Range(low, high):
            return low, high


def _action(action: ActionCall | ActionSet) -> native.ActionRef:
    if isinstance(action, ActionCall):
        return native.ActionCall(action.name, action.params)
    return native.ActionSet(
        tuple(
            native.WeightedAction(native.ActionCall(one.action.name, one.action.params), one.weight, one.watch_port)
            for one in action.members
        )
    )
