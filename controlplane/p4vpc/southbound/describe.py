# SPDX-License-Identifier: Apache-2.0
"""Entries in words, for logs, problems and counters: names from the P4Info, addresses as people write them."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from p4vpc.compiler.entries import ActionCall, CloneEntry, Entry, Exact, Lpm, Match, MeterEntry, TableEntry, Ternary
from p4vpc.reconcile import FieldSchema, Schema


def describe(entry: Entry, schema: Schema) -> str:
    """Return table, key, priority and action in one line.

    An entry that the schema does not know (that is why it was refused) is shown with positions for names.
    """
    if isinstance(entry, MeterEntry):
        meter = schema.meters.get(entry.meter)
        unit = meter.unit if meter else "units"
        rates = f"{entry.cir} {unit}/s burst {entry.cburst}, peak {entry.pir} {unit}/s burst {entry.pburst}"
        return f"{entry.meter}[{entry.index}] -> {rates}"
    if isinstance(entry, CloneEntry):
        return f"clone session {entry.session_id}"
    if not isinstance(entry, TableEntry):
        return f"multicast group {entry.group_id}"
    table = schema.tables.get(entry.table)
    key = ", ".join(
        f"{field.name}={_match(match, field)}"
        for match, field in zip(entry.key, _padded(table.key if table else (), len(entry.key)), strict=True)
    )
    priority = f" priority {entry.priority}" if entry.priority else ""
    if not isinstance(entry.action, ActionCall):
        return f"{entry.table}[{key}]{priority} -> {len(entry.action.members)} members"
    action = table.actions.get(entry.action.name) if table else None
    params = ", ".join(
        f"{field.name}={_value(value, field)}"
        for value, field in zip(
            entry.action.params, _padded(action.params if action else (), len(entry.action.params)), strict=True
        )
    )
    return f"{entry.table}[{key}]{priority} -> {entry.action.name}({params})"


def describe_key(table: str, values: Sequence[int], schema: Schema) -> str:
    """Return what a table was asked for, field by field; empty for a table that the schema does not know."""
    known = schema.tables.get(table)
    fields = () if known is None else known.key
    return ", ".join(f"{field.name}={_value(value, field)}" for field, value in zip(fields, values, strict=False))


def describe_action(table: str, action: str, params: Sequence[int], schema: Schema) -> str:
    """Return an action of a table with its parameters; with its name only if the schema does not know it."""
    known = schema.tables.get(table)
    fields = known.actions[action].params if known is not None and action in known.actions else ()
    told = ", ".join(f"{field.name}={_value(value, field)}" for field, value in zip(fields, params, strict=False))
    return f"{action}({told})"


def _padded(fields: tuple[FieldSchema, ...], count: int) -> tuple[FieldSchema, ...]:
    unknown = (FieldSchema(f"#{position}", 0) for position in range(len(fields) + 1, count + 1))
    return (*fields[:count], *unknown)


def _match(match: Match, field: FieldSchema) -> str:
    match match:
        case Exact(value):
            return _value(value, field)
        case Lpm(value, prefix_len):
            return f"{_value(value, field)}/{prefix_len}"
        case Ternary(value, mask):
            if not mask:
                return "*"
            return _value(value, field) if mask == field.maximum else f"{value:#x}&{mask:#x}"
        case _:
            if (match.low, match.high) == (0, field.maximum):
                return "*"
            return str(match.low) if match.low == match.high else f"{match.low}-{match.high}"


def _value(value: int, field: FieldSchema) -> str:
    is_number = value > field.maximum or "address" not in field.name
    if field.width == 48 and value <= field.maximum:
        return value.to_bytes(6).hex(":")
    if is_number or field.width not in (32, 128):
        return str(value)
    return str(IPv4Address(value) if field.width == 32 else IPv6Address(value))
