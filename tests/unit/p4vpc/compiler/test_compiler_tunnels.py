# SPDX-License-Identifier: Apache-2.0
"""Modes of tunnels and subnets that carry tags: from intent to entries, with their origins."""

from ipaddress import ip_address

import pytest

from p4vpc.compiler import DesiredState, compile_switch
from p4vpc.compiler.entries import ActionCall, Exact, TableEntry, Ternary
from p4vpc.intent import Intent, ObjectId
from p4vpc.model.tunnels import UNSAID, modes_to
from tests.unit.p4vpc.model.world import build, number, number_of, over_ipv6, world

FOREIGN = "kind: vtep\nname: router\naddress: 10.255.9.1\n"
FABRIC = "kind: fabric\n"
VTEP = ObjectId("vtep", "router")


def action_of(state: DesiredState, table: str, key: int) -> tuple[str, tuple[int, ...]]:
    entry = state[table, (Exact(key),), 0].entry
    assert isinstance(entry, TableEntry)
    assert isinstance(entry.action, ActionCall)
    return entry.action.name, entry.action.params


def n(objects: list[Intent], pool: str, owner: str) -> int:
    return number_of(number(objects), pool, owner)


def modes_of(objects: list[Intent], peer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What leaf 2 believes a peer (is_gbp, is_dscp_uniform), and how it sends to it (ECN, DSCP, GBP, UDP checksum)."""
    address = ip_address(peer)
    state = compile_switch(build(objects), "leaf2")
    _, known = action_of(state, f"peer_vteps_v{address.version}", int(address))
    name, outer = action_of(state, "tunnels", n(objects, "tunnel_index", peer))
    assert name == f"set_tunnel_v{address.version}"
    assert outer[1] == int(address)
    return known[2:], outer[2:]


@pytest.mark.parametrize(
    ("said", "believed", "sent"),
    [
        ("", (0, 0), (1, 0, 0, 0)),
        ("ecn: compatibility\ndscp: {mode: pipe, value: 0}\nudp_checksum: zero\ngbp: false\n", (0, 0), (1, 0, 0, 0)),
        ("ecn: normal\n", (0, 0), (0, 0, 0, 0)),
        ("dscp: {value: 46}\n", (0, 0), (1, 0, 46, 0)),
        ("dscp: {mode: uniform}\n", (0, 1), (1, 1, 0, 0)),
        ("gbp: true\n", (0, 0), (1, 0, 0, 1)),
        ("gbp: true\ntrust_gbp: true\n", (1, 0), (1, 0, 0, 1)),
    ],
)
def test_a_foreign_vtep_is_as_its_object_says(said: str, believed: tuple[int, ...], sent: tuple[int, ...]) -> None:
    assert modes_of(world(FOREIGN + said), "10.255.9.1") == (believed, sent)


def test_a_foreign_vtep_without_object_has_the_defaults() -> None:
    assert modes_of(world(), "10.255.9.1") == ((0, 0), (1, 0, 0, 0))
    assert modes_to(None) is UNSAID


@pytest.mark.parametrize(
    ("said", "believed", "sent"),
    [
        ("", (0, 0), (0, 0, 0, 0)),
        ("ecn: compatibility\n", (0, 0), (1, 0, 0, 0)),
        ("dscp: {mode: pipe, value: 63}\n", (0, 0), (0, 0, 63, 0)),
        ("dscp: {mode: uniform}\n", (0, 1), (0, 1, 0, 0)),
    ],
)
def test_leaves_are_to_each_other_as_the_fabric_says(
    said: str, believed: tuple[int, ...], sent: tuple[int, ...]
) -> None:
    objects = world(FABRIC + said)
    assert modes_of(objects, "10.255.0.1") == (believed, sent)
    assert modes_of(objects, "10.255.9.1") == ((0, 0), (1, 0, 0, 0))


def test_checksums_are_computed_where_they_are_asked_for() -> None:
    plain = over_ipv6(world())
    foreign = "fd00::9:1"
    assert modes_of(plain, foreign)[1] == (1, 0, 0, 0, 0)
    for extra, between_leaves, to_foreign in (
        (FABRIC + "udp_checksum: computed\n", 1, 0),
        (FOREIGN + "udp_checksum: computed\n", 0, 1),
    ):
        objects = over_ipv6(world(extra))
        assert modes_of(objects, "fd00::1")[1][-1] == between_leaves
        assert modes_of(objects, foreign)[1][-1] == to_foreign


def test_entries_name_the_object_that_says_so() -> None:
    objects = world(FOREIGN + "ecn: normal\n---\n" + FABRIC + "ecn: compatibility\n")
    state = compile_switch(build(objects), "leaf2")
    for table, key in (
        ("tunnels", n(objects, "tunnel_index", "10.255.9.1")),
        ("peer_vteps_v4", int(ip_address("10.255.9.1"))),
    ):
        assert state[table, (Exact(key),), 0].origins == (ObjectId("port", "red/prod/far-1"), VTEP)
    tunnel = state["tunnels", (Exact(n(objects, "tunnel_index", "10.255.0.1")),), 0]
    assert tunnel.origins == (ObjectId("fabric", "fabric"), ObjectId("switch", "leaf1"))
    silent = compile_switch(build(world(FABRIC + "tenant_mtu: 1400\n")), "leaf2")
    assert silent["peer_vteps_v4", (Exact(int(ip_address("10.255.0.1"))),), 0].origins == (ObjectId("switch", "leaf1"),)


def test_a_transparent_subnet_marks_its_ports_and_its_vni() -> None:
    subnet = "kind: subnet\ntenant: red\nvpc: prod\nname: db\nipv4: 10.0.2.0/24\nvlan_transparent: true\n"
    objects = world(subnet)
    state = compile_switch(build(objects), "leaf2")
    assert action_of(state, "transparent_ports", 12) == ("set_transparent", ())
    assert [identity for identity in state if identity[0] == "transparent_ports"] == [
        ("transparent_ports", (Exact(12),), 0)
    ]
    transparent = {
        name: action_of(state, "vni_map", n(objects, "vni", name))[1][-1] for name in ("red/prod/db", "red/prod/web")
    }
    assert transparent == {"red/prod/db": 1, "red/prod/web": 0}
    assert not any(identity[0] == "transparent_ports" for identity in compile_switch(build(objects), "leaf1"))


def test_a_vtep_whose_group_ids_are_trusted_may_say_any_label_of_the_vpc() -> None:
    group = "kind: security_group\ntenant: red\nvpc: prod\nname: app\n"
    port = (
        "kind: port\ntenant: red\nvpc: prod\nname: app-1\nsubnet: web\nmac: 02:00:00:00:01:61\naddresses: [10.0.1.61]\n"
        "security_groups: [app]\nattachment: {switch: leaf1, port: 61}\n"
    )
    opened = "kind: security_group\ntenant: red\nvpc: prod\nname: web\nrules:\n"
    opened += "- {direction: ingress, protocol: tcp, ports: 80-90, peer: {group: app}}\n"
    everything = "---\n".join((group, port, opened))
    for said, is_written in (("gbp: true\n", False), ("gbp: true\ntrust_gbp: true\n", True)):
        objects = world(f"{everything}---\n{FOREIGN}{said}")
        label = n(objects, "policy_label", "red/prod groups=app cidrs=")
        state = compile_switch(build(objects), "leaf2")
        sources = {key[0] for table, key, _ in state if table == "policy"}
        assert (Ternary(label, 0xFFFF) in sources) is is_written


def test_a_candidate_place_of_a_transparent_port_carries_tags_too() -> None:
    subnet = "kind: subnet\ntenant: red\nvpc: prod\nname: db\nipv4: 10.0.2.0/24\nvlan_transparent: true\n"
    moving = (
        "kind: port\ntenant: red\nvpc: prod\nname: db-1\nsubnet: db\nmac: 02:00:00:00:01:03\n"
        "addresses: [10.0.2.21, 10.0.2.22]\nattachment: {switch: leaf2, port: 12}\n"
        "candidates: [{switch: leaf1, port: 44}]\n"
    )
    state = compile_switch(build(world(f"{subnet}---\n{moving}")), "leaf1")
    assert action_of(state, "transparent_ports", 44) == ("set_transparent", ())
