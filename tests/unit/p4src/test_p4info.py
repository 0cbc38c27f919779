# SPDX-License-Identifier: Apache-2.0
import re
from collections import Counter
from typing import Any

import pytest
from finsy.proto import p4i
from google.protobuf.json_format import MessageToDict

from .pipeline_files import ARCHITECTURES, load_p4info, tables_of, tables_of_contract

COUNTED_TABLES = {
    "access_ports",
    "vni_map",
    "policy",
    "tunnels",
    "drop_reasons",
    "egress_ports",
    "egress_drop_reasons",
    "traps",
    "acl_ingress_v4",
    "acl_ingress_v6",
    "acl_egress_v4",
    "acl_egress_v6",
}
FLOOR_SIZES = {
    "hosts_v4": 65_536,
    "hosts_v6": 16_384,
    "bridge": 32_768,
    "tunnels": 8_192,
    "tunnel_next_hops": 8_192,
    "peer_vteps_v4": 8_192,
    "vni_map": 4_096,
    "access_ports": 4_096,
    "policy": 2_048,
    "acl_ingress_v4": 1_024,
    "acl_ingress_v6": 512,
    "acl_egress_v4": 1_024,
    "acl_egress_v6": 512,
    "routes_v4": 4_096,
    "routes_v6": 1_024,
}


@pytest.fixture(params=ARCHITECTURES)
def info(request: pytest.FixtureRequest) -> p4i.P4Info:
    return load_p4info(request.param)


def _by_name(info: p4i.P4Info, kind: str) -> dict[str, dict[str, Any]]:
    """Objects by name. The TNA compiler hashes the ids of counters, selectors and meters, so names stand for those."""
    named = (*info.direct_counters, *info.action_profiles, *info.meters)
    resources = {item.preamble.id: item.preamble.name for item in named}
    result = {}
    for item in getattr(info, kind):
        plain = MessageToDict(item, preserving_proto_field_name=True)
        if item.preamble.id in resources:
            del plain["preamble"]["id"]
        if kind == "tables":
            plain["direct_resource_ids"] = [resources[number] for number in item.direct_resource_ids]
            plain["implementation_id"] = resources.get(item.implementation_id)
        result[item.preamble.name] = plain
    return result


# Registers are left out: only v1model keeps flow records yet (docs/adr/0008), and the controller never touches them.
@pytest.mark.parametrize(
    "kind", ["tables", "actions", "action_profiles", "direct_counters", "counters", "meters", "digests"]
)
def test_architectures_offer_the_same_objects(kind: str) -> None:
    first, second = (_by_name(load_p4info(name), kind) for name in ARCHITECTURES)
    assert first == second


def test_pipeline_is_the_one_of_the_contract(info: p4i.P4Info) -> None:
    contract = tables_of_contract()
    assert tables_of(info) == contract
    assert len(contract) == 35


def test_counters_are_those_of_the_contract(info: p4i.P4Info) -> None:
    tables = {table.preamble.id: table.preamble.name for table in info.tables}
    found = {counter.preamble.name: counter for counter in info.direct_counters}
    assert {name: tables[counter.direct_table_id] for name, counter in found.items()} == {
        f"{table}_counter": table for table in COUNTED_TABLES
    }
    assert {counter.spec.unit for counter in found.values()} == {p4i.CounterSpec.BOTH}


def test_tables_hold_what_the_smallest_deployment_needs(info: p4i.P4Info) -> None:
    sizes = {table.preamble.name: table.size for table in info.tables}
    assert {name: max(sizes[name], size) for name, size in FLOOR_SIZES.items()} == {
        name: sizes[name] for name in FLOOR_SIZES
    }
    assert min(sizes.values()) >= 64


def test_flow_state_has_a_cell_for_each_value_of_its_index() -> None:
    info = load_p4info("v1model")
    assert {item.preamble.name: item.size for item in info.registers} == {
        "flow_addresses_v4": 1 << 16,
        "flow_addresses_v6": 1 << 16,
        "flow_ports": 1 << 16,
    }


def test_selectors_have_room_for_a_group_per_entry(info: p4i.P4Info) -> None:
    """Four paths for each entry where all tables are full; a smaller fabric has more."""
    profiles = {
        item.preamble.name: (item.with_selector, item.size, item.max_group_size) for item in info.action_profiles
    }
    assert profiles == {
        "tunnel_selector": (True, 32_768, 64),
        "underlay_selector_v4": (True, 16_384, 64),
        "underlay_selector_v6": (True, 4_096, 64),
    }


def test_meters_are_those_of_the_contract(info: p4i.P4Info) -> None:
    meters = {item.preamble.name: (item.size, item.spec.unit) for item in info.meters}
    assert meters == {
        "port_ingress_meter": (4096, p4i.MeterSpec.BYTES),
        "port_egress_meter": (4096, p4i.MeterSpec.BYTES),
        "punt_meter": (256, p4i.MeterSpec.PACKETS),
        "egress_punt_meter": (256, p4i.MeterSpec.PACKETS),
    }


def test_ids_are_given_in_the_source_and_not_hashed(info: p4i.P4Info) -> None:
    """A hashed id changes with the name; a given one is a small number behind the kind's prefix."""
    ids = [
        item.preamble.id for items in (info.tables, info.actions) for item in items if item.preamble.name != "NoAction"
    ]
    assert [number for number, count in Counter(ids).items() if count > 1] == []
    assert max(number & 0xFFFFFF for number in ids) <= 0xFF
    for table in info.tables:
        assert [field.id for field in table.match_fields] == list(range(1, len(table.match_fields) + 1))
    for action in info.actions:
        assert [param.id for param in action.params] == list(range(1, len(action.params) + 1))


def test_no_miss_can_be_redefined(info: p4i.P4Info) -> None:
    """What a miss means is part of the pipeline, except where v1model takes no default action at all."""
    loose = {table.preamble.name for table in info.tables if not table.const_default_action_id}
    assert loose <= {"routes_v4", "routes_v6", "underlay_routes_v4", "underlay_routes_v6", "tunnel_next_hops"}
    actions = {action.preamble.id: action.preamble.name for action in info.actions}
    misses = {table.preamble.name: actions.get(table.const_default_action_id) for table in info.tables}
    assert misses["routes_v4"] == misses["routes_v6"] == "drop_route"


def test_references_point_to_a_key_field_of_the_same_width(info: p4i.P4Info) -> None:
    fields = {
        (table.preamble.name, field.name): field.bitwidth for table in info.tables for field in table.match_fields
    }
    fields["multicast_group_table", "multicast_group_id"] = 16  # P4Runtime's own, 32 bits there and 16 in every target
    references = {
        (action.preamble.name, param.name, param.bitwidth, *found)
        for action in info.actions
        for param in action.params
        for annotation in param.annotations
        for found in re.findall(r"@refers_to\((\w+) ?, ?(\w+)\)", annotation)
    }
    assert {bits for _, _, bits, table, field in references if fields[table, field] != bits} == set()
    assert {table for *_, table, _ in references} == {
        "bridge_domains",
        "egress_ports",
        "multicast_group_table",
        "neighbors",
        "tunnels",
        "tunnel_next_hops",
    }
    unmarked = {
        (action.preamble.name, param.name)
        for action in info.actions
        for param in action.params
        if param.name in {"tunnel_index", "bridge_domain", "port_index"}
    } - {(action, param) for action, param, *_ in references}
    # Nothing of a candidate's frames reaches egress, where those tables are.
    assert unmarked == {("set_candidate", "bridge_domain"), ("set_candidate", "port_index")}


def test_packet_headers_have_no_hidden_bits(info: p4i.P4Info) -> None:
    headers = {
        header.preamble.name: [(field.name, field.bitwidth) for field in header.metadata]
        for header in info.controller_packet_metadata
    }
    assert headers == {
        "packet_in": [("pad", 7), ("ingress_port", 9), ("reason", 8), ("vrf", 16)],
        "packet_out": [("pad", 7), ("egress_port", 9)],
    }
