# SPDX-License-Identifier: Apache-2.0
"""Which entries a switch gets, table by table, and where they come from."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from p4vpc.compiler import DesiredState, DropReason, Origin, compile_switch, compile_vpc, merge
from p4vpc.compiler.entries import CLONE_TABLE, ActionCall, DesiredEntry, Exact, Key, Lpm, MulticastEntry, TableEntry
from p4vpc.errors import InternalError
from p4vpc.intent import Identifiers, load_yaml
from p4vpc.model import Model, build_model
from tests.unit.p4vpc.model.world import build, number, number_of, world

EXAMPLE = Path(__file__).parents[4] / "topo" / "examples" / "two-tenants.yaml"
GATEWAY_MAC = 0x02005E000101


class World:
    """The world of the tests, compiled, with its numbers at hand."""

    def __init__(self, extra: str = "", without: tuple[str, ...] = ()):
        objects = world(extra, without)
        self.numbers: Identifiers = number(objects)
        self.model: Model = build_model(objects, self.numbers)

    def table(self, switch: str, table: str) -> dict[Key, ActionCall]:
        entries = {}
        for desired in compile_switch(self.model, switch).values():
            entry = desired.entry
            if isinstance(entry, TableEntry) and entry.table == table:
                assert isinstance(entry.action, ActionCall)
                entries[entry.key] = entry.action
        return entries

    def states(self, switch: str) -> DesiredState:
        return compile_switch(self.model, switch)

    def origins(self, switch: str, table: str, key: Key, priority: int = 0) -> tuple[Origin, ...]:
        return compile_switch(self.model, switch)[table, key, priority].origins

    def n(self, pool: str, owner: str) -> int:
        return number_of(self.numbers, pool, owner)


@pytest.fixture(scope="module")
def it() -> World:
    return World()


def address(text: str) -> int:
    return int(IPv4Address(text))


def exact(*values: int) -> Key:
    return tuple(Exact(value) for value in values)


def test_access_ports_and_egress_ports(it: World) -> None:
    web, db, vrf = it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/db"), it.n("vrf", "red/prod")
    web_label = it.n("policy_label", "red/prod groups=web cidrs=")
    no_label = it.n("policy_label", "red/prod groups= cidrs=")
    web_2, db_1 = it.n("port_index of leaf2", "red/prod/web-2"), it.n("port_index of leaf2", "red/prod/db-1")
    assert it.table("leaf2", "access_ports") == {
        exact(11, 7): ActionCall("set_access", (web_2, web, vrf, web_label, 1500)),
        exact(12, 0): ActionCall("set_access", (db_1, db, vrf, no_label, 1500)),
    }
    assert it.table("leaf2", "egress_ports") == {
        exact(web_2): ActionCall("set_tagged", (7,)),
        exact(db_1): ActionCall("set_untagged"),
    }
    assert it.origins("leaf2", "access_ports", exact(11, 7)) == (Origin("port", "red/prod/web-2"),)


def test_fabric_ports_take_the_routers_mac_broadcast_and_lldp(it: World) -> None:
    own = it.model.switches["leaf2"].router_mac.value
    expected = {exact(port, mac) for port in (1, 9) for mac in (own, 0xFFFFFFFFFFFF, 0x0180C200000E)}
    assert set(it.table("leaf2", "fabric_ports")) == expected
    assert it.table("leaf2", "traps") == {exact(1, 0x88CC): ActionCall("punt", (128,))}
    assert it.origins("leaf2", "fabric_ports", exact(9, own)) == (Origin("link", "leaf2-router"),)


def test_the_tier_of_a_switch_is_0_for_leaves_and_1_for_spines_that_say_nothing() -> None:
    of_switch = {"leaf1": ActionCall("set_fabric", (0,)), "spine1": ActionCall("set_fabric", (1,))}
    super_spine = "kind: switch\nname: spine1\nrole: spine\ntier: 2\np4runtime: 127.0.0.1:9563\n"
    it, other = World(), World(super_spine)
    for name, action in of_switch.items():
        assert set(it.table(name, "fabric_ports").values()) == {action}
    assert set(other.table("leaf1", "fabric_ports").values()) == {of_switch["leaf1"]}
    assert set(other.table("spine1", "fabric_ports").values()) == {ActionCall("set_fabric", (2,))}


def test_leaves_trust_each_other_and_not_foreign_vteps(it: World) -> None:
    leaf1, leaf2, foreign = (it.n("tunnel_index", vtep) for vtep in ("10.255.0.1", "10.255.0.2", "10.255.9.1"))
    assert it.table("leaf1", "local_vteps_v4") == {exact(address("10.255.0.1")): ActionCall("terminate")}
    assert it.table("leaf1", "peer_vteps_v4") == {
        exact(address("10.255.0.2")): ActionCall("set_peer", (leaf2, 1, 0, 0)),
        exact(address("10.255.9.1")): ActionCall("set_peer", (foreign, 0, 0, 0)),
    }
    assert it.table("leaf2", "tunnels") == {
        exact(leaf1): ActionCall("set_tunnel_v4", (address("10.255.0.2"), address("10.255.0.1"), 0, 0, 0, 0)),
        exact(foreign): ActionCall("set_tunnel_v4", (address("10.255.0.2"), address("10.255.9.1"), 1, 0, 0, 0)),
    }
    assert it.origins("leaf1", "peer_vteps_v4", exact(address("10.255.9.1"))) == (Origin("port", "red/prod/far-1"),)


def test_foreign_peers_are_known_only_where_they_share_a_vpc() -> None:
    lone = World(without=("port red/prod/web-1",))
    assert exact(address("10.255.9.1")) not in lone.table("leaf1", "peer_vteps_v4")
    assert exact(address("10.255.9.1")) in lone.table("leaf2", "peer_vteps_v4")


def test_vnis_where_the_subnet_is_and_bridge_domains_where_it_can_be_reached(it: World) -> None:
    names = ("red/lab/web", "red/prod/db", "red/prod/web")
    vni = {name: it.n("vni", name) for name in names}
    domain = {name: it.n("bridge_domain", name) for name in names}
    prod, lab = it.n("vrf", "red/prod"), it.n("vrf", "red/lab")
    assert it.table("leaf1", "vni_map") == {
        exact(vni["red/lab/web"]): ActionCall("set_vni", (domain["red/lab/web"], lab, 1500, 0)),
        exact(vni["red/prod/web"]): ActionCall("set_vni", (domain["red/prod/web"], prod, 1500, 0)),
    }
    links = exact(0)
    assert {key: action for key, action in it.table("leaf1", "bridge_domains").items() if key != links} == {
        exact(domain[name]): ActionCall("set_bridge_domain", (vni[name], GATEWAY_MAC)) for name in names
    }


def test_source_guard(it: World) -> None:
    web, db = it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/db")
    web_2, db_1 = it.n("port_index of leaf2", "red/prod/web-2"), it.n("port_index of leaf2", "red/prod/db-1")
    foreign = 0x8000 | it.n("tunnel_index", "10.255.9.1")
    label = it.n("policy_label", "red/prod groups=web cidrs=")
    permit, permit_foreign = ActionCall("permit_source"), ActionCall("permit_foreign_source", (label,))
    assert it.table("leaf2", "source_guard_mac") == {
        exact(web_2, web, 0x020000000102): ActionCall("permit_mac"),
        exact(db_1, db, 0x020000000103): ActionCall("permit_mac"),
        exact(foreign, web, 0x020000000104): ActionCall("permit_mac"),
    }
    assert it.table("leaf2", "source_guard_v4") == {
        exact(web_2, web, 0x020000000102, address("10.0.1.12")): permit,
        exact(db_1, db, 0x020000000103, address("10.0.2.21")): permit,
        exact(db_1, db, 0x020000000103, address("10.0.2.22")): permit,
        exact(foreign, web, 0x020000000104, address("10.0.1.14")): permit_foreign,
    }


def test_gateways_of_subnets_and_link_addresses_are_answered(it: World) -> None:
    web, db = it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/db")
    router_mac = it.model.switches["leaf2"].router_mac.value
    assert it.table("leaf2", "gateway_addresses_v4") == {
        exact(0, address("10.254.0.1")): ActionCall("answer_gateway"),
        exact(web, address("10.0.1.1")): ActionCall("answer_gateway"),
        exact(db, address("10.0.2.1")): ActionCall("answer_gateway"),
    }
    assert it.table("leaf2", "bridge_domains")[exact(0)] == ActionCall("set_bridge_domain", (0, router_mac))
    assert it.table("leaf2", "router_macs") == {
        exact(web, GATEWAY_MAC): ActionCall("route"),
        exact(db, GATEWAY_MAC): ActionCall("route"),
    }


def test_mapping_says_where_everything_is(it: World) -> None:
    prod, lab = it.n("vrf", "red/prod"), it.n("vrf", "red/lab")
    web, db = it.n("bridge_domain", "red/prod/web"), it.n("bridge_domain", "red/prod/db")
    lab_web = it.n("bridge_domain", "red/lab/web")
    leaf2, foreign = it.n("tunnel_index", "10.255.0.2"), it.n("tunnel_index", "10.255.9.1")
    label, none = (it.n("policy_label", f"red/prod groups={groups} cidrs=") for groups in ("web", ""))
    lab_label = it.n("policy_label", "red/lab groups= cidrs=")
    web_1, lab_1 = (it.n("port_index of leaf1", f"red/{vpc}/web-1") for vpc in ("prod", "lab"))
    assert it.table("leaf1", "hosts_v4") == {
        exact(prod, address("10.0.1.11")): ActionCall("set_local_host", (11, web_1, web, 0x020000000101, label)),
        exact(prod, address("10.0.1.12")): ActionCall("set_remote_host", (leaf2, web, 0x020000000102, label)),
        exact(prod, address("10.0.1.14")): ActionCall("set_remote_host", (foreign, web, 0x020000000104, label)),
        exact(prod, address("10.0.2.21")): ActionCall("set_remote_host", (leaf2, db, 0x020000000103, none)),
        exact(prod, address("10.0.2.22")): ActionCall("set_remote_host", (leaf2, db, 0x020000000103, none)),
        exact(lab, address("10.0.1.11")): ActionCall("set_local_host", (12, lab_1, lab_web, 0x020000000101, lab_label)),
    }
    assert it.table("leaf1", "bridge") == {
        exact(web, 0x020000000101): ActionCall("set_local_mac", (11, web_1, label)),
        exact(web, 0x020000000102): ActionCall("set_remote_mac", (leaf2, label)),
        exact(web, 0x020000000104): ActionCall("set_remote_mac", (foreign, label)),
        exact(lab_web, 0x020000000101): ActionCall("set_local_mac", (12, lab_1, lab_label)),
    }
    route = (Exact(prod), Lpm(address("192.0.2.0"), 24))
    assert it.table("leaf1", "routes_v4") == {
        route: ActionCall("set_remote_host", (leaf2, db, 0x020000000103, none)),
    }
    assert it.origins("leaf1", "routes_v4", route) == (
        Origin("port", "red/prod/db-1"),
        Origin("route", "red/prod/outside"),
    )


def test_a_default_route_does_not_swallow_unused_addresses_and_an_unbound_next_hop_drops() -> None:
    route = "kind: route\ntenant: red\nvpc: prod\nname: default\nprefix: 0.0.0.0/0\nnext_hop: 10.0.1.15\n"
    with_default = World(route)
    vrf = Exact(with_default.n("vrf", "red/prod"))
    routes = with_default.table("leaf1", "routes_v4")
    drop = ActionCall("drop_route")
    assert routes[vrf, Lpm(address("10.0.1.0"), 24)] == drop
    assert routes[vrf, Lpm(address("10.0.2.0"), 24)] == drop
    assert routes[vrf, Lpm(0, 0)] == drop, "idle-1 is not plugged in"
    assert routes[vrf, Lpm(address("192.0.2.0"), 24)].name == "set_remote_host"


def test_every_drop_reason_is_counted_in_both_directions_and_shown_if_the_controller_answers(it: World) -> None:
    reasons = [exact(reason) for reason in (*range(1, 35), 36)]
    drops = dict.fromkeys(reasons, ActionCall("count_drop"))
    drops |= {exact(reason): ActionCall("punt_drop") for reason in (8, 19, 30, 33, 36)}
    for switch in ("leaf1", "spine1"):
        assert it.table(switch, "drop_reasons") == drops
        assert it.table(switch, "egress_drop_reasons") == dict.fromkeys(reasons, ActionCall("count_egress_drop"))
    assert (DropReason.SPOOF, DropReason.POLICY, DropReason.MALFORMED) == (7, 11, 26)


def test_a_spine_holds_the_underlay_and_nothing_of_tenants(it: World) -> None:
    tables = {identity[0] for identity in compile_switch(it.model, "spine1")}
    counted = {"drop_reasons", "egress_drop_reasons", "punt_meter", "egress_punt_meter", CLONE_TABLE}
    assert tables == {"fabric_ports", "traps", "underlay_routes_v4", "neighbors", *counted}


def test_a_leaf_holds_only_the_vpcs_that_have_a_port_there(it: World) -> None:
    assert compile_vpc(it.model, "red/lab", "leaf2") == {}
    vrf = it.n("vrf", "red/lab")
    assert all(key[0] != Exact(vrf) for key in it.table("leaf2", "hosts_v4"))


def test_a_vpc_with_unbound_ports_only_is_nowhere() -> None:
    gone = ("port red/prod/web-1", "port red/prod/web-2", "port red/prod/db-1", "route red/prod/outside")
    model = World(without=gone).model
    assert "red/prod" not in {vpc for vpcs in model.vpcs_of_switch.values() for vpc in vpcs}


def test_order_is_fixed_whatever_the_order_of_the_input() -> None:
    objects = world()
    numbers = number(objects)
    for switch in ("leaf1", "leaf2", "spine1"):
        forward = compile_switch(build_model(objects, numbers), switch)
        backward = compile_switch(build_model(list(reversed(objects)), numbers), switch)
        assert list(forward.items()) == list(backward.items())
        assert list(forward) == sorted(forward)


def test_a_state_knows_its_switch_and_revision_and_compares_by_content() -> None:
    objects = world()
    numbers = number(objects)
    older, newer = (compile_switch(build_model(objects, numbers, revision), "leaf1") for revision in (4, 5))
    assert (older.switch, older.revision, newer.revision) == ("leaf1", 4, 5)
    assert older == newer
    assert older != compile_switch(build_model(objects, numbers), "leaf2")
    with pytest.raises(KeyError):
        compile_switch(build(objects), "leaf9")


def test_contradictions_name_both_origins() -> None:
    a = TableEntry("bridge", exact(1, 2), 0, ActionCall("set_remote_mac", (1, 1)))
    b = TableEntry("bridge", exact(1, 2), 0, ActionCall("set_remote_mac", (2, 1)))
    pieces = [
        {entry.identity: DesiredEntry(entry, (Origin("port", name),))}
        for entry, name in ((a, "r/p/one"), (b, "r/p/two"))
    ]
    with pytest.raises(InternalError, match=r"port r/p/one and port r/p/two want different entries"):
        merge(pieces)


def test_the_same_entry_from_two_objects_has_both_origins() -> None:
    entry = TableEntry("tunnels", exact(1), 0, ActionCall("set_tunnel_v4", (1, 2, 0, 0, 0, 0)))
    pieces = [{entry.identity: DesiredEntry(entry, (Origin("port", name),))} for name in ("r/p/two", "r/p/one")]
    assert merge(pieces)[entry.identity].origins == (Origin("port", "r/p/one"), Origin("port", "r/p/two"))


def test_multicast_entries_have_an_identity_beside_table_entries() -> None:
    group = MulticastEntry(5, ((1, 0), (2, 0)))
    other = TableEntry("tunnels", exact(5), 0, ActionCall("set_tunnel_v4", (1, 2, 0, 0, 0, 0)))
    assert len({group.identity, other.identity, MulticastEntry(5, ()).identity}) == 2
    assert isinstance(
        DesiredState("s", 0, {group.identity: DesiredEntry(group, ())})[group.identity].entry, MulticastEntry
    )


def test_tenants_of_the_example_share_no_number() -> None:
    objects = load_yaml(EXAMPLE.read_text(), "example")
    model = build(objects)
    red, blue = model.vpcs["red/prod"], model.vpcs["blue/prod"]
    assert [(port.mac, port.addresses) for port in red.ports] == [(port.mac, port.addresses) for port in blue.ports]
    for switch in ("leaf1", "leaf2", "leaf3"):
        ours, theirs = compile_vpc(model, "red/prod", switch), compile_vpc(model, "blue/prod", switch)
        assert ours
        assert len(ours) == len(theirs)
        assert not ours.keys() & theirs.keys()
