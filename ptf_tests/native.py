# SPDX-License-Identifier: Apache-2.0
"""The same entries written straight into a softswitch in memory, for benchmarks and comparisons without gRPC."""

from collections.abc import Iterable

from ptf_tests import p4info
from ptf_tests.p4info import CloneSession, Entry, Match, MulticastGroup, number
from softswitch.runtime import replication
from softswitch.runtime.entries import ActionCall, ActionRef, ActionSet, GroupRef, KeyField, MatchValue, WeightedAction
from softswitch.runtime.replication import Replica
from softswitch.runtime.switch import Switch
from softswitch.runtime.table import Table


def install(switch: Switch, entries: Iterable[Entry]) -> None:
    """Inserts entries by the names of the program's control-plane view."""
    for entry in entries:
        table = switch.tables[entry.table]
        key = tuple(_match(field, entry.match.get(field.name)) for field in table.key)
        table.insert(key, _action(table, entry.action), entry.priority)


def install_groups(switch: Switch, groups: Iterable[MulticastGroup]) -> None:
    """Creates multicast groups."""
    for group in groups:
        switch.multicast.insert(group.group_id, [Replica(port, instance) for port, instance in group.replicas])


def install_sessions(switch: Switch, sessions: Iterable[CloneSession]) -> None:
    """Creates clone sessions."""
    for session in sessions:
        replicas = tuple(Replica(port, instance) for port, instance in session.replicas)
        copies = replication.CloneSession(replicas, packet_length_bytes=session.packet_length_bytes)
        switch.clone_sessions.insert(session.session_id, copies)


def _match(field: KeyField, match: Match | None) -> MatchValue:
    if match is None:
        return field.wildcard
    if isinstance(match, p4info.Lpm):
        return number(match.value), match.prefix_len
    if isinstance(match, p4info.Ternary):
        return number(match.value) & match.mask, match.mask
    if isinstance(match, p4info.Range):
        return match.low, match.high
    return number(match)


def _action(table: Table, action: p4info.Action | p4info.OneShot | p4info.GroupRef) -> ActionRef:
    if isinstance(action, p4info.Action):
        return _call(table, action)
    if isinstance(action, p4info.GroupRef):
        return GroupRef(action.group_id)
    return ActionSet(tuple(WeightedAction(_call(table, call), weight, port) for call, weight, port in action.members))


def _call(table: Table, action: p4info.Action) -> ActionCall:
    names = (name for name, _ in table.actions[action.name].params)
    return ActionCall(action.name, tuple(number(action.params[name]) for name in names))
