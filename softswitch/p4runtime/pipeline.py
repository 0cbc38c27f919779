# SPDX-License-Identifier: Apache-2.0
"""A pipeline that can be programmed: P4Info bound to a switch, with a handler for each kind of entity.

`build_pipeline` resolves every id of the P4Info once; a P4Info that does not fit the program is refused with all its
problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from finsy.proto import p4i, p4r

from softswitch.errors import InvalidProgramError
from softswitch.p4runtime.action_codec import ActionCodec, ActionSetCodec
from softswitch.p4runtime.action_profiles import Groups, Members, ProfileCodec
from softswitch.p4runtime.arrays import Counters, MeterCodec, Meters, RegisterCodec, Registers
from softswitch.p4runtime.digests import Digests, DigestState
from softswitch.p4runtime.direct_resources import DirectCounters, DirectMeters
from softswitch.p4runtime.entities import EntityHandler, UnsupportedHandler
from softswitch.p4runtime.match_codec import is_compatible, kind_name
from softswitch.p4runtime.packet_io import PacketHeader
from softswitch.p4runtime.replication import Replication
from softswitch.p4runtime.table_codec import TableCodec
from softswitch.p4runtime.table_entries import TableEntries
from softswitch.p4runtime.type_info import bit_type, member_types
from softswitch.p4runtime.value_sets import ValueSetCodec, ValueSets
from softswitch.runtime.entries import ActionInfo
from softswitch.runtime.switch import Switch
from softswitch.runtime.table import Table

_T = TypeVar("_T")


@dataclass(frozen=True)
class Pipeline:
    """A forwarding pipeline config, the switch that runs it, and the handlers of its entities."""

    config: p4r.ForwardingPipelineConfig
    switch: Switch
    tables: Mapping[int, TableCodec]
    handlers: Mapping[str, EntityHandler]
    digests: Digests
    packet_in: PacketHeader
    packet_out: PacketHeader


class _HasPreamble(Protocol):
    @property
    def preamble(self) -> p4i.Preamble: ...


class _Checks:
    """Collects what is wrong, so that a bad config is reported whole."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def find(self, objects: Mapping[str, _T], item: _HasPreamble, kind: str) -> _T | None:
        """The program's object of the same name; a problem when there is none."""
        found = objects.get(item.preamble.name)
        if found is None:
            self.problems.append(f"{kind} {item.preamble.name}: it is in the P4Info, but not in the program")
        return found

    def same(self, what: str, in_p4info: object, in_program: object) -> None:
        """A problem unless both say the same."""
        if in_p4info != in_program:
            self.problems.append(f"{what}: {in_p4info} in the P4Info, but {in_program} in the program")

    def unique_ids(self, items: Iterable[_HasPreamble]) -> None:
        """A problem for each id that is zero or stands for two objects."""
        names: dict[int, str] = {}
        for item in items:
            number, name = item.preamble.id, item.preamble.name
            if not number:
                self.problems.append(f"{name}: its id is 0")
            elif number in names:
                self.problems.append(f"{name}: its id {number} is also that of {names[number]}")
            names[number] = name


def build_pipeline(config: p4r.ForwardingPipelineConfig, switch: Switch) -> Pipeline:
    """Bind a config's P4Info to a switch made from its program.

    Raises InvalidProgramError with everything in which P4Info and program differ.
    """
    info = config.p4info
    checks = _Checks()
    checks.unique_ids(
        item
        for group in (
            info.tables, info.actions, info.action_profiles, info.counters, info.direct_counters, info.meters,
            info.direct_meters, info.value_sets, info.registers, info.digests, info.controller_packet_metadata,
        )
        for item in group
    )  # fmt: skip
    actions = {action.preamble.id: ActionCodec(action) for action in info.actions}
    profile_infos = {profile.preamble.id: profile for profile in info.action_profiles}
    tables = _bind_tables(info, switch, actions, profile_infos, checks)
    profiles = _bind_profiles(info, switch, actions, checks)
    counters = {
        item.preamble.id: counter
        for item in info.counters
        if (counter := checks.find(switch.counters, item, "counter")) is not None
    }
    meters = {
        item.preamble.id: MeterCodec(item, meter)
        for item in info.meters
        if (meter := checks.find(switch.meters, item, "meter")) is not None
    }
    value_sets = {
        item.preamble.id: ValueSetCodec(item, value_set)
        for item in info.value_sets
        if (value_set := checks.find(switch.value_sets, item, "value set")) is not None
        and _check_value_set(item, value_set.width, checks)
    }
    registers = _bind_registers(info, switch, checks)
    digests = Digests(_bind_digests(info, checks))
    headers = {item.preamble.name: item for item in info.controller_packet_metadata}
    packet_in = _packet_header("packet_in", headers, checks)
    packet_out = _packet_header("packet_out", headers, checks)
    if checks.problems:
        # An action that several tables share has its problems once.
        raise InvalidProgramError(dict.fromkeys(checks.problems))
    switch.on_digest = digests.learn
    return Pipeline(
        config=config,
        switch=switch,
        tables=tables,
        handlers={
            "table_entry": TableEntries(tables, switch.now_us),
            "direct_counter_entry": DirectCounters(tables),
            "direct_meter_entry": DirectMeters(tables, switch.now_us),
            "action_profile_member": Members(profiles),
            "action_profile_group": Groups(profiles),
            "counter_entry": Counters(counters),
            "meter_entry": Meters(meters),
            "register_entry": Registers(registers),
            "value_set_entry": ValueSets(value_sets),
            "packet_replication_engine_entry": Replication(switch.multicast, switch.clone_sessions),
            "digest_entry": digests,
            "extern_entry": UnsupportedHandler("extern_entry"),
        },
        digests=digests,
        packet_in=packet_in,
        packet_out=packet_out,
    )


def _bind_tables(
    info: p4i.P4Info,
    switch: Switch,
    actions: Mapping[int, ActionCodec],
    profiles: Mapping[int, p4i.ActionProfile],
    checks: _Checks,
) -> dict[int, TableCodec]:
    action_infos = {action.preamble.id: action for action in info.actions}
    counted = {item.direct_table_id for item in info.direct_counters}
    meters = {item.direct_table_id: item for item in info.direct_meters}
    tables = {}
    for item in info.tables:
        problems_before = len(checks.problems)
        what = f"table {item.preamble.name}"
        table = checks.find(switch.tables, item, "table")
        if table is None:
            continue
        _check_key(item, table, what, checks)
        for ref in item.action_refs:
            action = action_infos.get(ref.id)
            if action is None:
                checks.problems.append(f"{what}: action id {ref.id} is not in the P4Info")
            else:
                _check_action(action, table.actions, what, checks)
        if item.implementation_id and item.implementation_id not in profiles:
            checks.problems.append(f"{what}: action profile id {item.implementation_id} is not in the P4Info")
        profile = profiles.get(item.implementation_id)
        checks.same(
            f"{what}: action profile",
            profile.preamble.name if profile is not None else None,
            table.profile.name if table.profile is not None else None,
        )
        if item.preamble.id in counted and not table.has_counter:
            checks.problems.append(f"{what}: it has a direct counter in the P4Info, but not in the program")
        if item.preamble.id in meters and table.meter_name is None:
            checks.problems.append(f"{what}: it has a direct meter in the P4Info, but not in the program")
        if len(checks.problems) == problems_before:
            tables[item.preamble.id] = TableCodec(item, table, actions, profile, meters.get(item.preamble.id))
    return tables


def _check_key(item: p4i.Table, table: Table, what: str, checks: _Checks) -> None:
    checks.same(f"{what}: number of key fields", len(item.match_fields), len(table.key))
    for field, key in zip(item.match_fields, table.key, strict=False):
        field_what = f"{what}: match field {field.name}"
        checks.same(f"{what}: name of a match field", field.name, key.name)
        if not is_compatible(field, key):
            checks.same(f"{field_what}: match kind", kind_name(field), str(key.kind))
        _check_width(
            field.bitwidth, key.width, is_translated=field.HasField("type_name"), what=field_what, checks=checks
        )


def _check_action(action: p4i.Action, known: Mapping[str, ActionInfo], what: str, checks: _Checks) -> None:
    name = action.preamble.name
    found = known.get(name)
    if found is None:
        checks.problems.append(f"{what}: action {name} is in the P4Info, but not in the program")
        return
    checks.same(f"action {name}: number of parameters", len(action.params), len(found.params))
    for param, (_, width) in zip(action.params, found.params, strict=False):
        param_what = f"action {name}: parameter {param.name}"
        _check_width(param.bitwidth, width, is_translated=param.HasField("type_name"), what=param_what, checks=checks)


def _check_width(in_p4info: int, in_program: int, *, is_translated: bool, what: str, checks: _Checks) -> None:
    """A translated type may have another width for the controller; a string for the controller has none."""
    if is_translated and not in_p4info:
        checks.problems.append(f"{what}: its type is translated to a string, which is not supported")
    elif not is_translated:
        checks.same(f"{what}: width in bits", in_p4info, in_program)


def _bind_profiles(
    info: p4i.P4Info, switch: Switch, actions: Mapping[int, ActionCodec], checks: _Checks
) -> dict[int, ProfileCodec]:
    refs = {table.preamble.id: [ref.id for ref in table.action_refs] for table in info.tables}
    profiles = {}
    for item in info.action_profiles:
        what = f"action profile {item.preamble.name}"
        profile = checks.find(switch.action_profiles, item, "action profile")
        if profile is None:
            continue
        if item.with_selector and not profile.has_selector:
            checks.problems.append(f"{what}: it has a selector in the P4Info, but not in the program")
        allowed: dict[int, ActionCodec] = {}
        for table_id in item.table_ids:
            if table_id not in refs:
                checks.problems.append(f"{what}: table id {table_id} is not in the P4Info")
            allowed |= {number: actions[number] for number in refs.get(table_id, []) if number in actions}
        profiles[item.preamble.id] = ProfileCodec(item, profile, ActionSetCodec(what, allowed))
    return profiles


def _bind_registers(info: p4i.P4Info, switch: Switch, checks: _Checks) -> dict[int, RegisterCodec]:
    registers = {}
    for item in info.registers:
        register = checks.find(switch.registers, item, "register")
        if register is None:
            continue
        cell = bit_type(item.type_spec, info.type_info)
        if cell is None:
            checks.problems.append(f"register {item.preamble.name}: its cells are not bit<W> or int<W>")
            continue
        checks.same(f"register {item.preamble.name}: width in bits", cell.width, register.width)
        registers[item.preamble.id] = RegisterCodec(item.preamble.id, register, cell.is_signed)
    return registers


def _bind_digests(info: p4i.P4Info, checks: _Checks) -> dict[int, DigestState]:
    digests = {}
    for item in info.digests:
        members = member_types(item.type_spec, info.type_info)
        widths = [member.width for member in members if member is not None]
        if len(widths) != len(members):
            checks.problems.append(f"digest {item.preamble.name}: it has a member that is not bit<W> or int<W>")
        digests[item.preamble.id] = DigestState(item)
    return digests


def _check_value_set(item: p4i.ValueSet, width: int, checks: _Checks) -> bool:
    what = f"value set {item.preamble.name}"
    kinds = {kind_name(field) for field in item.match}
    if kinds - {"exact"}:
        checks.problems.append(f"{what}: only exact matches are supported, not {', '.join(sorted(kinds - {'exact'}))}")
        return False
    checks.same(f"{what}: width in bits", sum(field.bitwidth for field in item.match), width)
    return True


def _packet_header(name: str, headers: Mapping[str, p4i.ControllerPacketMetadata], checks: _Checks) -> PacketHeader:
    header = headers.get(name)
    fields: Sequence[p4i.ControllerPacketMetadata.Metadata] = header.metadata if header is not None else ()
    packed = PacketHeader(name, fields)
    if packed.bits % 8:
        checks.problems.append(f"{name}: its metadata fields are {packed.bits} bits, not a whole number of bytes")
    for field in fields:
        if not field.bitwidth:
            checks.problems.append(f"{name}: metadata {field.name} is translated to a string, which is not supported")
    return packed
