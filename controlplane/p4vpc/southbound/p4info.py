# SPDX-License-Identifier: Apache-2.0
"""What p4vpc needs of a P4Info: the planner's schema, and the numbers by which P4Runtime calls things."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from finsy.proto import p4i
from google.protobuf import text_format

from p4vpc.compiler.entries import MULTICAST_TABLE
from p4vpc.errors import SouthboundError
from p4vpc.reconcile import (
    ActionSchema,
    FieldSchema,
    MatchKind,
    MeterSchema,
    Reference,
    Schema,
    SelectorSchema,
    TableSchema,
)

_KINDS = {
    p4i.MatchField.EXACT: MatchKind.EXACT,
    p4i.MatchField.LPM: MatchKind.LPM,
    p4i.MatchField.TERNARY: MatchKind.TERNARY,
    p4i.MatchField.RANGE: MatchKind.RANGE,
    p4i.MatchField.OPTIONAL: MatchKind.OPTIONAL,
}
_REFERS_TO = re.compile(r"@refers_to\(\s*\"?\.?([\w.:]+)\"?\s*,\s*\"?([\w.\[\]:]+)\"?\s*\)")
_MULTICAST_NAMES = frozenset({"multicast_group_table", "builtin::multicast_group_table", MULTICAST_TABLE})


class PipelineError(SouthboundError):
    """The pipeline artefacts cannot be used: absent, unreadable, or of a kind that p4vpc does not serve."""


@dataclass(frozen=True, slots=True)
class TableIds:
    """The P4Info numbers of one table: of its key fields, actions and their parameters, in P4Info order."""

    table: int
    fields: tuple[int, ...]
    actions: Mapping[str, int]
    params: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class MetadataField:
    """One field of a packet-in or packet-out header. `width` in bits."""

    number: int
    name: str
    width: int


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """A P4Info, digested.

    Attributes:
        counted_tables: tables with a direct counter.
        meters: the P4Info number of each indirect meter.
        packet_in, packet_out: fields of the controller headers; empty if the pipeline has none.
    """

    schema: Schema
    ids: Mapping[str, TableIds]
    counted_tables: frozenset[str]
    meters: Mapping[str, int]
    packet_in: tuple[MetadataField, ...]
    packet_out: tuple[MetadataField, ...]


def parse_p4info(text: str, source: str = "P4Info") -> p4i.P4Info:
    """Read the text format of a P4Info.

    Raises:
        PipelineError: it is none.
    """
    message = p4i.P4Info()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise PipelineError(f"{source} is no P4Info in text format: {error}") from None
    return message


def digest(p4info: p4i.P4Info) -> PipelineInfo:
    """Collect what p4vpc needs.

    Raises:
        PipelineError: a table has a match kind that is not served, or names an action that does not exist.
        SchemaError: `@refers_to` names what does not exist, or goes in a circle.
    """
    actions = {action.preamble.id: action for action in p4info.actions}
    names = _TableNames(p4info)
    tables: dict[str, TableSchema] = {}
    ids: dict[str, TableIds] = {}
    selectors = {profile.preamble.id: _selector(profile) for profile in p4info.action_profiles}
    for table in p4info.tables:
        name = table.preamble.name
        callable_actions = [
            _action(actions, reference.id, name)
            for reference in table.action_refs
            if reference.scope != p4i.ActionRef.DEFAULT_ONLY
        ]
        tables[name] = TableSchema(
            name=name,
            key=tuple(_field(name, column) for column in table.match_fields),
            actions={action.preamble.name: _action_schema(action) for action in callable_actions},
            size=max(0, table.size),
            is_const=table.is_const_table,
            selector=selectors.get(table.implementation_id),
            references=tuple(_references(table, callable_actions, names)),
        )
        ids[name] = TableIds(
            table.preamble.id,
            tuple(column.id for column in table.match_fields),
            {action.preamble.name: action.preamble.id for action in callable_actions},
            {action.preamble.name: tuple(param.id for param in action.params) for action in callable_actions},
        )
    table_names = {number.table: name for name, number in ids.items()}
    headers = {header.preamble.name: tuple(_metadata(header)) for header in p4info.controller_packet_metadata}
    return PipelineInfo(
        schema=Schema(tables, {meter.preamble.name: _meter(meter) for meter in p4info.meters}),
        ids=ids,
        counted_tables=frozenset(table_names[counter.direct_table_id] for counter in p4info.direct_counters),
        meters={meter.preamble.name: meter.preamble.id for meter in p4info.meters},
        packet_in=headers.get("packet_in", ()),
        packet_out=headers.get("packet_out", ()),
    )


class _TableNames:
    """Finds the tables and fields that annotations name; by name or by alias."""

    def __init__(self, p4info: p4i.P4Info):
        self._tables: dict[str, p4i.Table] = {}
        for table in p4info.tables:
            self._tables[table.preamble.alias] = table
            self._tables[table.preamble.name] = table

    def position(self, table: str, field: str, where: str) -> tuple[str, int]:
        """Name of the table and position of the field in its key."""
        if table in _MULTICAST_NAMES:
            return MULTICAST_TABLE, 0
        target = self._tables.get(table)
        if target is None:
            raise PipelineError(f"{where} refers to table {table}, which the P4Info does not have")
        for position, column in enumerate(target.match_fields):
            if column.name == field:
                return target.preamble.name, position
        raise PipelineError(f"{where} refers to field {field}, which is no key field of table {table}")


def _action(actions: Mapping[int, p4i.Action], number: int, table: str) -> p4i.Action:
    if number not in actions:
        raise PipelineError(f"table {table} names action {number:#x}, which the P4Info does not have")
    return actions[number]


def _field(table: str, column: p4i.MatchField) -> FieldSchema:
    kind = _KINDS.get(column.match_type)
    if kind is None or column.bitwidth <= 0:
        what = column.other_match_type or p4i.MatchField.MatchType.Name(column.match_type)
        raise PipelineError(f"table {table}, key field {column.name}: match kind {what} is not served")
    return FieldSchema(column.name, column.bitwidth, kind)


def _action_schema(action: p4i.Action) -> ActionSchema:
    for param in action.params:
        if param.bitwidth <= 0:
            raise PipelineError(f"action {action.preamble.name}, parameter {param.name}: only bit<N> is served")
    return ActionSchema(action.preamble.name, tuple(FieldSchema(param.name, param.bitwidth) for param in action.params))


def _selector(profile: p4i.ActionProfile) -> SelectorSchema | None:
    if not profile.with_selector:
        return None
    is_sum_of_weights = profile.WhichOneof("selector_size_semantics") != "sum_of_members"
    return SelectorSchema(
        profile.preamble.name, max(0, profile.size), max(0, profile.max_group_size), is_sum_of_weights
    )


def _meter(meter: p4i.Meter) -> MeterSchema:
    unit = p4i.MeterSpec.Unit.Name(meter.spec.unit).lower()
    return MeterSchema(meter.preamble.name, max(0, meter.size), unit)


def _metadata(header: p4i.ControllerPacketMetadata) -> Iterator[MetadataField]:
    return (MetadataField(column.id, column.name, column.bitwidth) for column in header.metadata)


def _references(table: p4i.Table, actions: Iterable[p4i.Action], names: _TableNames) -> Iterator[Reference]:
    where = f"table {table.preamble.name}"
    yield from _grouped(table.match_fields, "", where, names)
    for action in actions:
        yield from _grouped(action.params, action.preamble.name, f"action {action.preamble.name}", names)


def _grouped(
    columns: Iterable[p4i.MatchField | p4i.Action.Param], action: str, where: str, names: _TableNames
) -> Iterator[Reference]:
    """One reference for each target: fields that refer to the same table name one entry together."""
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, column in enumerate(columns):
        for annotation in column.annotations:
            for table, field in _REFERS_TO.findall(annotation):
                target, target_position = names.position(table, field, f"{where}, {column.name},")
                pairs[target].append((target_position, position))
    for target, positions in pairs.items():
        yield Reference(target, tuple(to for to, _ in positions), tuple(at for _, at in positions), action)
