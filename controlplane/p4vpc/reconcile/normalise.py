# SPDX-License-Identifier: Apache-2.0
"""One form for entries that mean the same, so that comparing never finds a difference that is none."""

from p4vpc.compiler.entries import (
    ActionSet,
    Entry,
    Lpm,
    Match,
    MeterEntry,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.reconcile.schema import Schema


def normalise(entry: Entry, schema: Schema) -> Entry:
    """The canonical form of `entry`; itself, if it is canonical already.

    Bits that do not matter (beyond a prefix, outside of a mask) become 0; the members of an action set and the replicas
    of a multicast group or clone session are sorted; members that differ in nothing but weight become one with the sum
    of their weights.
    """
    if isinstance(entry, MeterEntry):
        return entry
    if not isinstance(entry, TableEntry):
        replicas = tuple(sorted(set(entry.replicas)))
        return entry if replicas == entry.replicas else entry._replace(replicas=replicas)
    table = schema.tables.get(entry.table)
    if table is None or len(table.key) != len(entry.key):
        return entry  # the codec says what is wrong with it
    if table.is_plain and not isinstance(entry.action, ActionSet):
        return entry
    action = normalise_action_set(entry.action) if isinstance(entry.action, ActionSet) else entry.action
    key = tuple(normalise_match(match, column.width) for match, column in zip(entry.key, table.key, strict=True))
    if key == entry.key and action == entry.action:
        return entry
    return entry._replace(key=key, action=action)


def normalise_action_set(actions: ActionSet) -> ActionSet:
    """The members merged and sorted."""
    merged: dict[tuple[object, int | None], WeightedAction] = {}
    for member in actions.members:
        name = (member.action, member.watch_port)
        same = merged.get(name)
        merged[name] = member if same is None else same._replace(weight=same.weight + member.weight)
    return ActionSet(tuple(sorted(merged.values(), key=_member_order)))


def _member_order(member: WeightedAction) -> tuple[str, tuple[int, ...], int]:
    return (member.action.name, member.action.params, -1 if member.watch_port is None else member.watch_port)


def normalise_match(match: Match, width: int) -> Match:
    """`match` without bits that do not matter, in a field of `width` bits."""
    match match:
        case Ternary(value, mask) if value & ~mask:
            return Ternary(value & mask, mask)
        case Lpm(value, prefix_len) if 0 <= prefix_len < width:
            rest = (1 << (width - prefix_len)) - 1
            return Lpm(value & ~rest, prefix_len) if value & rest else match
        case _:
            return match
