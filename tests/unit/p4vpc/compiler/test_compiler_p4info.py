# SPDX-License-Identifier: Apache-2.0
"""Every entry fits the pipeline that is checked in: tables, key fields, actions, parameters, widths, sizes."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format

from p4vpc.compiler import NOBODY, DropReason, compile_switch
from p4vpc.compiler.entries import (
    MULTICAST_TABLE,
    ActionCall,
    ActionSet,
    Exact,
    Lpm,
    Match,
    MeterEntry,
    Range,
    TableEntry,
    Ternary,
)
from p4vpc.intent import load_yaml
from p4vpc.model import Model
from p4vpc.southbound.p4info import digest
from tests.unit.p4vpc.model.world import DUAL_STACK, build, over_ipv6, world

ROOT = Path(__file__).parents[4]
P4INFO = ROOT / "p4src" / "build" / "v1model" / "p4info.txtpb"
EXAMPLE = ROOT / "topo" / "examples" / "two-tenants.yaml"
DEFAULT_ROUTE = "kind: route\ntenant: red\nvpc: prod\nname: default\nprefix: 0.0.0.0/0\nnext_hop: 10.0.1.15\n"

LIMITS = """
kind: fabric
drop_samples: {policy: 10/s}
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web]
inbound: [{action: allow, protocol: tcp, ports: 443}, {action: allow, source: 2001:db8::/32}]
outbound: [{action: allow}]
---
kind: qos_policy
tenant: red
name: gold
from_port: {rate_bps: 100000000, burst_bytes: 150000}
to_port: {rate_bps: 100000000, burst_bytes: 150000}
---
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
security_groups: [web]
attachment: {switch: leaf1, port: 11}
candidates: [{switch: leaf1, port: 41}, {switch: leaf2, port: 41, vlan: 9}]
qos: gold
"""

TAGS = """
kind: subnet
tenant: red
vpc: prod
name: tags
ipv4: 10.0.9.0/24
vlan_transparent: true
---
kind: port
tenant: red
vpc: prod
name: tags-1
subnet: tags
mac: 02:00:00:00:09:01
addresses: [10.0.9.11]
attachment: {switch: leaf1, port: 19}
"""

KINDS = {Exact: "EXACT", Lpm: "LPM", Ternary: "TERNARY", Range: "RANGE"}


@pytest.fixture(scope="module")
def p4info() -> p4i.P4Info:
    info = p4i.P4Info()
    text_format.Parse(P4INFO.read_text(), info)
    return info


def models() -> Iterator[Model]:
    yield build(load_yaml(EXAMPLE.read_text(), "example"))
    yield build(world(DEFAULT_ROUTE))
    yield build(world(DUAL_STACK))
    yield build(over_ipv6(world()))
    yield build(world(LIMITS))
    yield build(world(TAGS))


def entries() -> Iterator[TableEntry]:
    for model in models():
        # Every port that is elsewhere has just left.
        moved = frozenset(port.id for vpc in model.vpcs.values() for port in vpc.ports)
        for switch, left in product(model.switches, (NOBODY, moved)):
            for desired in compile_switch(model, switch, left if model.switches[switch].is_leaf else NOBODY).values():
                if isinstance(desired.entry, TableEntry):
                    yield desired.entry


def values(match: Match) -> tuple[int, ...]:
    match match:
        case Exact(value):
            return (value,)
        case Lpm(value, _):
            return (value,)
        case Ternary(value, mask):
            return (value, mask)
        case Range(low, high):
            return (low, high)


def test_entries_fit_the_pipeline(p4info: p4i.P4Info) -> None:
    tables = {table.preamble.name: table for table in p4info.tables}
    actions = {action.preamble.id: action for action in p4info.actions}
    for entry in entries():
        table = tables[entry.table]
        assert len(entry.key) == len(table.match_fields), entry
        for match, field in zip(entry.key, table.match_fields, strict=True):
            assert KINDS[type(match)] == p4i.MatchField.MatchType.Name(field.match_type), entry
            assert all(0 <= value < 1 << field.bitwidth for value in values(match)), entry
            if isinstance(match, Lpm):
                assert 0 <= match.prefix_len <= field.bitwidth
                assert match.value & ((1 << (field.bitwidth - match.prefix_len)) - 1) == 0
            if isinstance(match, Ternary):
                assert match.value & ~match.mask == 0
        needs_priority = any(isinstance(match, Ternary | Range) for match in entry.key)
        assert (entry.priority > 0) is needs_priority, entry
        allowed = {actions[ref.id].preamble.name: actions[ref.id] for ref in table.action_refs}
        assert isinstance(entry.action, ActionSet) is (table.implementation_id != 0), entry
        for call in calls(entry):
            params = allowed[call.name].params
            assert len(call.params) == len(params), entry
            for value, param in zip(call.params, params, strict=True):
                assert 0 <= value < 1 << param.bitwidth, entry


def calls(entry: TableEntry) -> list[ActionCall]:
    if isinstance(entry.action, ActionSet):
        return [member.action for member in entry.action.members]
    return [entry.action]


def test_key_fields_and_parameters_are_in_the_order_that_the_compiler_writes(p4info: p4i.P4Info) -> None:
    """Two fields of one width that trade places would pass every other test."""
    keys = {table.preamble.name: [field.name for field in table.match_fields] for table in p4info.tables}
    params = {action.preamble.name: [param.name for param in action.params] for action in p4info.actions}
    assert keys["access_ports"] == ["ingress_port", "vlan_id"]
    assert keys["fabric_ports"] == ["ingress_port", "dst_mac"]
    assert keys["traps"] == ["is_fabric", "ether_type"]
    assert keys["source_guard_mac"] == ["port_index", "bridge_domain", "src_mac"]
    assert keys["router_macs"] == keys["bridge"] == ["bridge_domain", "dst_mac"]
    for family in ("v4", "v6"):
        guard = ["port_index", "bridge_domain", "src_mac", "src_address"]
        assert keys[f"source_guard_{family}"] == guard
        assert keys[f"gateway_addresses_{family}"] == ["bridge_domain", "dst_address"]
        assert keys[f"hosts_{family}"] == keys[f"routes_{family}"] == ["vrf", "dst_address"]
        outer = ["src_address", "dst_address", "is_ecn_compatible", "is_dscp_uniform", "dscp", "is_gbp"]
        assert params[f"set_tunnel_{family}"] == outer + (["is_udp_checksum"] if family == "v6" else [])
    assert keys["flood"] == ["bridge_domain", "is_terminated"]
    assert keys["policy"] == ["src_label", "dst_label", "ip_protocol", "l4_dst_port", "has_l4"]
    for table in ("acl_ingress_v4", "acl_ingress_v6", "acl_egress_v4", "acl_egress_v6"):
        for verdict in ("permit", "deny"):
            assert params[f"{verdict}_{table}"] == ["mirror_session", "is_logged"]
    assert params["set_access"] == ["port_index", "bridge_domain", "vrf", "policy_label", "mtu"]
    assert params["set_candidate"] == ["port_index", "bridge_domain"]
    assert params["redirect_mac"] == ["tunnel_index", "policy_label"]
    assert params["set_peer"] == ["tunnel_index", "is_trusted", "is_gbp", "is_dscp_uniform"]
    assert params["set_vni"] == ["bridge_domain", "vrf", "mtu", "is_vlan_transparent"]
    assert params["set_local_host"] == ["egress_port", "port_index", "bridge_domain", "mac", "policy_label"]
    assert params["set_remote_host"] == ["tunnel_index", "bridge_domain", "mac", "policy_label"]
    assert params["set_local_mac"] == ["egress_port", "port_index", "policy_label"]
    assert params["set_remote_mac"] == ["tunnel_index", "policy_label"]
    assert params["set_bridge_domain"] == ["vni", "gateway_mac"]
    assert params["set_neighbor"] == ["src_mac", "dst_mac"]


def test_every_table_and_action_is_used(p4info: p4i.P4Info) -> None:
    written = list(entries())
    tables = {table.preamble.name: table for table in p4info.tables}
    assert tables.keys() == {entry.table for entry in written}
    used = {call.name for entry in written for call in calls(entry)}
    refs = {action.preamble.id: action.preamble.name for action in p4info.actions}
    defaults = {"deny", "NoAction"}
    offered = {
        refs[ref.id]
        for table in tables.values()
        for ref in table.action_refs
        if ref.scope != p4i.ActionRef.DEFAULT_ONLY
    }
    assert offered - used <= defaults


def test_groups_are_filled_after_what_their_replicas_name_and_before_what_leads_to_them(p4info: p4i.P4Info) -> None:
    ranks = digest(p4info).schema.ranks
    assert max(ranks[table] for table in ("egress_ports", "tunnels", "tunnel_next_hops")) < ranks[MULTICAST_TABLE]
    assert ranks[MULTICAST_TABLE] < ranks["flood"]


def test_every_meter_is_used_in_its_unit(p4info: p4i.P4Info) -> None:
    written = {
        desired.entry.meter
        for model in models()
        for switch in model.switches
        for desired in compile_switch(model, switch).values()
        if isinstance(desired.entry, MeterEntry)
    }
    units = {meter.preamble.name: p4i.MeterSpec.Unit.Name(meter.spec.unit) for meter in p4info.meters}
    assert units == {
        "port_ingress_meter": "BYTES",
        "port_egress_meter": "BYTES",
        "punt_meter": "PACKETS",
        "egress_punt_meter": "PACKETS",
    }
    assert written == units.keys()


def test_drop_reasons_are_those_of_the_pipeline() -> None:
    source = (ROOT / "p4src" / "common" / "drop_reasons.p4").read_text()
    found = {name: int(number) for name, number in re.findall(r"drop_reason_t DROP_(\w+)\s*=\s*(\d+);", source)}
    assert found.pop("NONE") == 0
    assert found == {reason.name: reason.value for reason in DropReason}
