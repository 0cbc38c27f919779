# SPDX-License-Identifier: Apache-2.0
"""Table entries by name, turned into P4Runtime messages with nothing but the P4Info.

Values are ints or the usual text forms of MAC and IP addresses. Byte strings are canonical (P4Runtime specification,
section "Bytestrings"): shortest form, zero is one zero byte; all but the ends of ranges.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from finsy.proto import p4i, p4r
from google.protobuf import text_format

Value = int | str
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


class SchemaError(Exception):
    """A name, value or kind that the P4Info does not have; the text says which and what would be right."""


@dataclass(frozen=True)
class Lpm:
    """A longest-prefix match value."""

    value: Value
    prefix_len: int

    @classmethod
    def parse(cls, prefix: str) -> "Lpm":
        """`10.0.0.0/8` or `2001:db8::/32` as a match value."""
        network = ip_network(prefix)
        return cls(int(network.network_address), network.prefixlen)


@dataclass(frozen=True)
class Ternary:
    """A value under a mask; mask 0 is a don't care."""

    value: Value
    mask: int


@dataclass(frozen=True)
class Range:
    """Both ends belong to the range."""

    low: int
    high: int


Match = Value | Lpm | Ternary | Range


@dataclass(frozen=True)
class Action:
    """An action with its parameters by name."""

    name: str
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class OneShot:
    """A selector's members given with the entry: (action, weight, watch port or None)."""

    members: tuple[tuple[Action, int, int | None], ...]


@dataclass(frozen=True)
class GroupRef:
    """A selector group that was written before."""

    group_id: int


@dataclass(frozen=True)
class Entry:
    """One table entry. A key field that is left out is a don't care, where the kind of match allows one."""

    table: str
    match: Mapping[str, Match]
    action: Action | OneShot | GroupRef
    priority: int = 0


@dataclass(frozen=True)
class Member:
    """A member of an action profile or selector."""

    profile: str
    member_id: int
    action: Action


@dataclass(frozen=True)
class Group:
    """A group of a selector: (member id, weight, watch port or None)."""

    profile: str
    group_id: int
    members: tuple[tuple[int, int, int | None], ...]
    max_size: int = 0


@dataclass(frozen=True)
class MulticastGroup:
    """Where the copies of a packet go: (port, instance)."""

    group_id: int
    replicas: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CloneSession:
    """Where the copies of a session go: (port, instance); cut to so many bytes, 0 for whole ones."""

    session_id: int
    replicas: tuple[tuple[int, int], ...]
    packet_length_bytes: int = 0


@dataclass(frozen=True)
class MeterCell:
    """One cell of a meter: committed and peak rate per second, and bursts, in its unit; no rates are no limit."""

    meter: str
    index: int
    rates: tuple[int, int] | None = None
    bursts: tuple[int, int] = (0, 0)


Writable = Entry | Member | Group | MulticastGroup | CloneSession | MeterCell
Key = tuple[Match | None, ...]


def number(value: Value) -> int:
    """The number of a value: an int, a MAC address or an IP address."""
    if isinstance(value, int):
        return value
    return int(value.replace(":", ""), 16) if _MAC.fullmatch(value) else int(ip_address(value))


def canonical(value: int, width: int, what: str) -> bytes:
    """The shortest big-endian form of `value`, checked against the width in bits."""
    if value < 0 or value >> width:
        raise SchemaError(f"{what}: {value:#x} does not fit into {width} bits")
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


class Schema:
    """Encodes and decodes by the names in one P4Info."""

    def __init__(self, p4info: p4i.P4Info) -> None:
        self.p4info = p4info
        self.tables = {table.preamble.name: table for table in p4info.tables}
        self.actions = {action.preamble.name: action for action in p4info.actions}
        self.profiles = {profile.preamble.name: profile for profile in p4info.action_profiles}
        self.meters = {meter.preamble.name: meter for meter in p4info.meters}
        self.direct_counter_tables = {counter.direct_table_id for counter in p4info.direct_counters}
        self._tables_by_id = {table.preamble.id: table for table in p4info.tables}
        self._headers = {header.preamble.name: header for header in p4info.controller_packet_metadata}

    @classmethod
    def parse(cls, text: str) -> "Schema":
        """The schema of a P4Info in protobuf text format."""
        return cls(text_format.Parse(text, p4i.P4Info()))

    def table(self, name: str) -> p4i.Table:
        """The table of that name; raises SchemaError naming what exists."""
        if name not in self.tables:
            raise SchemaError(f"table {name}: not in the P4Info, which has {', '.join(sorted(self.tables))}")
        return self.tables[name]

    def has_counter(self, table: str) -> bool:
        """Whether each entry of the table counts."""
        return self.table(table).preamble.id in self.direct_counter_tables

    def encode(self, item: Writable) -> p4r.Entity:
        """The P4Runtime entity of an entry, member, group or meter cell."""
        if isinstance(item, Entry):
            return p4r.Entity(table_entry=self._encode_entry(item))
        if isinstance(item, MulticastGroup):
            return p4r.Entity(packet_replication_engine_entry=_encode_multicast_group(item))
        if isinstance(item, CloneSession):
            return p4r.Entity(packet_replication_engine_entry=_encode_clone_session(item))
        if isinstance(item, MeterCell):
            return p4r.Entity(meter_entry=self._encode_meter_cell(item))
        return self._encode_selector(item)

    def _encode_selector(self, item: Member | Group) -> p4r.Entity:
        if item.profile not in self.profiles:
            raise SchemaError(f"action profile {item.profile}: not in the P4Info")
        profile_id = self.profiles[item.profile].preamble.id
        if isinstance(item, Member):
            return p4r.Entity(
                action_profile_member=p4r.ActionProfileMember(
                    action_profile_id=profile_id, member_id=item.member_id, action=self._encode_action(item.action)
                )
            )
        group = p4r.ActionProfileGroup(action_profile_id=profile_id, group_id=item.group_id, max_size=item.max_size)
        for member, weight, port in item.members:
            added = group.members.add(member_id=member, weight=weight)
            if port is not None:
                added.watch_port = canonical(port, 32, "watch_port")
        return p4r.Entity(action_profile_group=group)

    def _encode_meter_cell(self, cell: MeterCell) -> p4r.MeterEntry:
        if cell.meter not in self.meters:
            raise SchemaError(f"meter {cell.meter}: not in the P4Info")
        encoded = p4r.MeterEntry(meter_id=self.meters[cell.meter].preamble.id, index=p4r.Index(index=cell.index))
        if cell.rates is not None:
            (committed, peak), (committed_burst, peak_burst) = cell.rates, cell.bursts
            encoded.config.CopyFrom(p4r.MeterConfig(cir=committed, cburst=committed_burst, pir=peak, pburst=peak_burst))
        return encoded

    def _encode_entry(self, entry: Entry) -> p4r.TableEntry:
        table = self.table(entry.table)
        known = {key.name for key in table.match_fields}
        if unknown := set(entry.match) - known:
            raise SchemaError(f"table {entry.table}: no key field {sorted(unknown)}; it has {sorted(known)}")
        encoded = p4r.TableEntry(table_id=table.preamble.id, priority=entry.priority)
        for key in table.match_fields:
            match = _encode_match(key, entry.match.get(key.name), f"{entry.table}.{key.name}")
            if match is not None:
                encoded.match.append(match)
        if isinstance(entry.action, Action):
            encoded.action.action.CopyFrom(self._encode_action(entry.action))
        elif isinstance(entry.action, GroupRef):
            encoded.action.action_profile_group_id = entry.action.group_id
        else:
            for action, weight, port in entry.action.members:
                added = encoded.action.action_profile_action_set.action_profile_actions.add(weight=weight)
                added.action.CopyFrom(self._encode_action(action))
                if port is not None:
                    added.watch_port = canonical(port, 32, "watch_port")
        return encoded

    def _encode_action(self, action: Action) -> p4r.Action:
        if action.name not in self.actions:
            raise SchemaError(f"action {action.name}: not in the P4Info")
        info = self.actions[action.name]
        names = {param.name for param in info.params}
        if names != set(action.params):
            raise SchemaError(f"action {action.name}: takes {sorted(names)}, was given {sorted(action.params)}")
        return p4r.Action(
            action_id=info.preamble.id,
            params=[
                p4r.Action.Param(
                    param_id=param.id,
                    value=canonical(number(action.params[param.name]), param.bitwidth, f"{action.name}.{param.name}"),
                )
                for param in info.params
            ],
        )

    def decode_key(self, entry: p4r.TableEntry) -> tuple[str, Key]:
        """Table name and match values in P4Info order, None for a don't care."""
        table = self._tables_by_id[entry.table_id]
        by_id = {match.field_id: match for match in entry.match}
        return table.preamble.name, tuple(_decode_match(by_id.get(key.id)) for key in table.match_fields)

    def encode_metadata(self, header: str, values: Mapping[str, int]) -> list[p4r.PacketMetadata]:
        """Packet metadata of `packet_in` or `packet_out`; a field that is not given (padding) is 0."""
        fields = self._headers[header].metadata
        if unknown := set(values) - {item.name for item in fields}:
            raise SchemaError(f"{header}: no field {sorted(unknown)}")
        return [
            p4r.PacketMetadata(
                metadata_id=item.id, value=canonical(values.get(item.name, 0), item.bitwidth, f"{header}.{item.name}")
            )
            for item in fields
        ]

    def decode_metadata(self, header: str, metadata: list[p4r.PacketMetadata]) -> dict[str, int]:
        """The metadata of a packet-in by name."""
        names = {item.id: item.name for item in self._headers[header].metadata}
        return {names[item.metadata_id]: int.from_bytes(item.value, "big") for item in metadata}


def _encode_multicast_group(group: MulticastGroup) -> p4r.PacketReplicationEngineEntry:
    replicas = [p4r.Replica(egress_port=port, instance=instance) for port, instance in group.replicas]
    message = p4r.MulticastGroupEntry(multicast_group_id=group.group_id, replicas=replicas)
    return p4r.PacketReplicationEngineEntry(multicast_group_entry=message)


def _encode_clone_session(session: CloneSession) -> p4r.PacketReplicationEngineEntry:
    replicas = [p4r.Replica(egress_port=port, instance=instance) for port, instance in session.replicas]
    message = p4r.CloneSessionEntry(
        session_id=session.session_id, replicas=replicas, packet_length_bytes=session.packet_length_bytes
    )
    return p4r.PacketReplicationEngineEntry(clone_session_entry=message)


def _encode_match(key: p4i.MatchField, match: Match | None, what: str) -> p4r.FieldMatch | None:
    encoded = p4r.FieldMatch(field_id=key.id)
    kind = key.match_type
    if kind == p4i.MatchField.EXACT:
        if not isinstance(match, int | str):
            raise SchemaError(f"{what}: an exact match needs a value, not {match!r}")
        encoded.exact.value = canonical(number(match), key.bitwidth, what)
        return encoded
    if match is None:
        return None
    if kind == p4i.MatchField.LPM and isinstance(match, Lpm):
        if match.prefix_len == 0:
            return None
        encoded.lpm.value = canonical(number(match.value), key.bitwidth, what)
        encoded.lpm.prefix_len = match.prefix_len
    elif kind == p4i.MatchField.TERNARY and isinstance(match, Ternary):
        if match.mask == 0:
            return None
        encoded.ternary.value = canonical(number(match.value) & match.mask, key.bitwidth, what)
        encoded.ternary.mask = canonical(match.mask, key.bitwidth, what)
    elif kind == p4i.MatchField.RANGE and isinstance(match, Range):
        if match == Range(0, (1 << key.bitwidth) - 1):
            return None
        encoded.range.low = canonical(match.low, key.bitwidth, what)
        # In full width: BMv2 takes the one byte 0xff for the end of any field and refuses 0 to 255 as a don't care.
        encoded.range.high = canonical(match.high, key.bitwidth, what).rjust((key.bitwidth + 7) // 8, b"\0")
    else:
        raise SchemaError(f"{what}: {match!r} is not of match kind {p4i.MatchField.MatchType.Name(kind)}")
    return encoded


def _decode_match(match: p4r.FieldMatch | None) -> Match | None:
    if match is None:
        return None
    if match.HasField("exact"):
        return int.from_bytes(match.exact.value, "big")
    if match.HasField("lpm"):
        return Lpm(int.from_bytes(match.lpm.value, "big"), match.lpm.prefix_len)
    if match.HasField("ternary"):
        return Ternary(int.from_bytes(match.ternary.value, "big"), int.from_bytes(match.ternary.mask, "big"))
    if match.HasField("range"):
        return Range(int.from_bytes(match.range.low, "big"), int.from_bytes(match.range.high, "big"))
    raise SchemaError(f"match kind of field {match.field_id} is not known here")
