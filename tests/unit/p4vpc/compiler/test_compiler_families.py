# SPDX-License-Identifier: Apache-2.0
"""IPv6: what a dual-stack VPC adds to the tables, and a fabric whose VTEPs are IPv6."""

from ipaddress import IPv6Address

import pytest

from p4vpc.compiler.entries import ActionCall, Exact, Lpm
from p4vpc.intent import Identifiers
from p4vpc.model import build_model
from tests.unit.p4vpc.compiler.test_compiler_entries import GATEWAY_MAC, World, exact
from tests.unit.p4vpc.compiler.test_compiler_underlay import next_hops, routes
from tests.unit.p4vpc.model.world import DUAL_STACK, number, over_ipv6, world

GATEWAY_LINK_LOCAL = "fe80::5eff:fe00:101"


@pytest.fixture(scope="module")
def it() -> World:
    return World(DUAL_STACK)


def address(text: str) -> int:
    return int(IPv6Address(text))


def test_hosts_and_routes_of_ipv6_lead_where_those_of_ipv4_do(it: World) -> None:
    vrf, web, v6 = it.n("vrf", "red/prod"), it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/v6")
    web_1, leaf2 = it.n("port_index of leaf1", "red/prod/web-1"), it.n("tunnel_index", "10.255.0.2")
    label, none = (it.n("policy_label", f"red/prod groups={groups} cidrs=") for groups in ("web", ""))
    here = ActionCall("set_local_host", (11, web_1, web, 0x020000000101, label))
    there = ActionCall("set_remote_host", (leaf2, v6, 0x020000000106, none))
    assert it.table("leaf1", "hosts_v6") == {
        exact(vrf, address("2001:db8:1::11")): here,
        exact(vrf, address("2001:db8:1::12")): here,
        exact(vrf, address("2001:db8:6::11")): there,
    }
    assert it.table("leaf1", "hosts_v4")[exact(vrf, 0x0A00010B)] == here
    drop = ActionCall("drop_route")
    assert it.table("leaf1", "routes_v6") == {
        (Exact(vrf), Lpm(address("2001:db8::"), 32)): there,
        (Exact(vrf), Lpm(address("2001:db8:1::"), 64)): drop,
        (Exact(vrf), Lpm(address("2001:db8:6::"), 64)): drop,
    }
    assert {key[1] for key in it.table("leaf1", "routes_v4")} == {Lpm(0xC0000200, 24)}, "families do not mix"


def test_a_port_may_use_its_addresses_and_the_link_local_one_of_its_mac(it: World) -> None:
    web, index = it.n("bridge_domain", "red/prod/web"), it.n("port_index of leaf1", "red/prod/web-1")
    foreign = 0x8000 | it.n("tunnel_index", "10.255.9.1")
    label = it.n("policy_label", "red/prod groups=web cidrs=")
    permit, permit_foreign = ActionCall("permit_source"), ActionCall("permit_foreign_source", (label,))
    assert it.table("leaf1", "source_guard_v6") == {
        exact(index, web, 0x020000000101, address("2001:db8:1::11")): permit,
        exact(index, web, 0x020000000101, address("2001:db8:1::12")): permit,
        exact(index, web, 0x020000000101, address("fe80::ff:fe00:101")): permit,
        exact(foreign, web, 0x020000000104, address("fe80::ff:fe00:104")): permit_foreign,
    }
    assert len(it.table("leaf1", "source_guard_v4")) == 3, "web-1 of both VPCs, and far-1"


def test_a_subnet_without_ipv6_has_no_link_local_addresses() -> None:
    plain = World()
    for table in ("source_guard_v6", "gateway_addresses_v6", "hosts_v6", "routes_v6"):
        assert plain.table("leaf2", table) == {}


def test_gateways_answer_for_their_address_and_their_link_local_one(it: World) -> None:
    web, v6 = it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/v6")
    answer = ActionCall("answer_gateway")
    assert it.table("leaf2", "gateway_addresses_v6") == {
        exact(web, address("2001:db8:1::1")): answer,
        exact(web, address(GATEWAY_LINK_LOCAL)): answer,
        exact(v6, address("2001:db8:6::ff")): answer,
        exact(v6, address(GATEWAY_LINK_LOCAL)): answer,
    }
    assert exact(v6, GATEWAY_MAC) in it.table("leaf2", "router_macs")
    assert all(key[0] != Exact(v6) for key in it.table("leaf2", "gateway_addresses_v4"))


def test_link_addresses_are_answered_in_their_family(it: World) -> None:
    mac = it.model.switches["leaf1"].router_mac
    answers = {
        key[1]: action for key, action in it.table("leaf1", "gateway_addresses_v6").items() if key[0] == Exact(0)
    }
    own = 0xFE80 << 112 | (mac.value >> 24 ^ 0x020000) << 40 | 0xFFFE << 24 | mac.value & 0xFFFFFF
    assert answers == dict.fromkeys((Exact(address("2001:db8:fe::1")), Exact(own)), ActionCall("answer_gateway"))


def test_prefixes_of_both_families_are_routed_in_one_underlay(it: World) -> None:
    assert routes(it.model, "spine1")["10.255.9.0/24"] == [2]
    assert routes(it.model, "spine1", "underlay_routes_v6") == {"2001:db8:ffff::/48": [1]}


class Ipv6Underlay(World):
    """The world with IPv6 VTEPs."""

    def __init__(self) -> None:
        objects = over_ipv6(world())
        self.numbers: Identifiers = number(objects)
        self.model = build_model(objects, self.numbers)


def test_vteps_of_ipv6() -> None:
    it = Ipv6Underlay()
    leaf2, foreign = it.n("tunnel_index", "fd00::2"), it.n("tunnel_index", "fd00::9:1")
    assert it.table("leaf1", "local_vteps_v6") == {exact(address("fd00::1")): ActionCall("terminate")}
    assert it.table("leaf1", "peer_vteps_v6") == {
        exact(address("fd00::2")): ActionCall("set_peer", (leaf2, 1, 0, 0)),
        exact(address("fd00::9:1")): ActionCall("set_peer", (foreign, 0, 0, 0)),
    }
    assert it.table("leaf1", "tunnels") == {
        exact(leaf2): ActionCall("set_tunnel_v6", (address("fd00::1"), address("fd00::2"), 0, 0, 0, 0, 0)),
        exact(foreign): ActionCall("set_tunnel_v6", (address("fd00::1"), address("fd00::9:1"), 1, 0, 0, 0, 0)),
    }
    assert next_hops(it.model, "leaf1") == {leaf2: [1], foreign: [1]}
    assert routes(it.model, "spine1", "underlay_routes_v6") == {
        "fd00::1/128": [1],
        "fd00::2/128": [2],
        "fd00::9:0/112": [2],
    }
    for table in ("local_vteps_v4", "peer_vteps_v4", "underlay_routes_v4"):
        assert not any(identity[0] == table for identity in it.states("leaf1"))
