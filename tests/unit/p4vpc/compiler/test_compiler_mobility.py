# SPDX-License-Identifier: Apache-2.0
"""Ports that have moved, and places where ports may turn up: which entries a switch gets for them, and no others."""

from collections import Counter
from dataclasses import replace

import pytest

from p4vpc.compiler import Identity, Moved, compile_switch, compile_vpc
from p4vpc.compiler.entries import ActionCall, Entry, Exact, TableEntry
from p4vpc.intent import Mac, ObjectId
from p4vpc.model import LocalPlace, Model
from tests.unit.p4vpc.model.world import build, number, number_of, world

WEB_1 = ObjectId("port", "red/prod/web-1")
MAC = Mac.parse("02:00:00:00:01:01").value
MOVED = """
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
security_groups: [web]
attachment: {attachment}
{more}"""
STAYER = """
---
kind: port
tenant: red
vpc: prod
name: stayer
subnet: {subnet}
mac: 02:00:00:00:01:70
addresses: [{address}]
attachment: {{switch: leaf1, port: 70}}
"""


def port(attachment: str, more: str = "") -> str:
    return MOVED.format(attachment=attachment, more=more)


def entries(model: Model, switch: str, moved: Moved = frozenset()) -> dict[Identity, Entry]:
    return {identity: desired.entry for identity, desired in compile_switch(model, switch, moved).items()}


def difference(model: Model, switch: str, moved: Moved) -> tuple[set[str], set[str], set[str]]:
    """Tables in which redirecting adds, changes and removes entries."""
    without, with_it = entries(model, switch), entries(model, switch, moved)
    return (
        {identity[0] for identity in with_it.keys() - without.keys()},
        {identity[0] for identity in with_it.keys() & without.keys() if with_it[identity] != without[identity]},
        {identity[0] for identity in without.keys() - with_it.keys()},
    )


@pytest.mark.parametrize(
    ("stayer", "added", "changed"),
    [
        # Far-1 is behind a foreign VTEP, so its subnet is entered at every leaf that has a port of the VPC.
        pytest.param(STAYER.format(subnet="web", address="10.0.1.70"), set(), {"bridge"}, id="in its subnet"),
        pytest.param(STAYER.format(subnet="db", address="10.0.2.70"), set(), {"bridge"}, id="in another subnet"),
    ],
)
def test_where_others_of_the_vpc_are_only_the_mac_is_another(stayer: str, added: set[str], changed: set[str]) -> None:
    model = build(world(port("{switch: leaf2, port: 40}") + stayer))
    assert difference(model, "leaf1", {WEB_1}) == (added, changed, set())


def test_where_no_subnet_is_entered_the_vni_is_kept() -> None:
    without_far = ("port red/prod/far-1",)
    model = build(
        world(port("{switch: leaf2, port: 40}") + STAYER.format(subnet="db", address="10.0.2.70"), without_far)
    )
    assert difference(model, "leaf1", {WEB_1}) == ({"bridge", "vni_map"}, set(), set())


def test_where_nothing_of_the_vpc_is_left_its_way_is() -> None:
    objects = world(port("{switch: leaf2, port: 40}"), ("port red/prod/far-1",))
    numbers, model = number(objects), build(objects)
    assert compile_vpc(model, "red/prod", "leaf1") == {}
    found = compile_vpc(model, "red/prod", "leaf1", moved={WEB_1})
    redirect, tunnel_of_it = {"bridge", "vni_map", "bridge_domains"}, {"peer_vteps_v4", "tunnels", "tunnel_next_hops"}
    assert {identity[0] for identity in found} == redirect | tunnel_of_it
    assert all(WEB_1 in desired.origins for identity, desired in found.items() if identity[0] in redirect)
    domain = number_of(numbers, "bridge_domain", "red/prod/web")
    tunnel = number_of(numbers, "tunnel_index", "10.255.0.2")
    [label] = [it.label for it in model.vpcs["red/prod"].ports if it.id == WEB_1]
    action = ActionCall("redirect_mac", (tunnel, label))
    entry = TableEntry("bridge", (Exact(domain), Exact(MAC)), 0, action)
    assert found[entry.identity].entry == entry
    assert compile_switch(model, "leaf1", {WEB_1}).keys() - compile_switch(model, "leaf1").keys() == found.keys()


def test_behind_a_foreign_vtep_the_tunnel_comes_along() -> None:
    model = build(world(port("{vtep: 10.255.9.7}"), ("port red/prod/far-1",)))
    found = compile_vpc(model, "red/prod", "leaf1", moved={WEB_1})
    assert {identity[0] for identity in found} >= {"bridge", "tunnels", "peer_vteps_v4"}


@pytest.mark.parametrize("attachment", ["{switch: leaf1, port: 11}", "null"], ids=["here", "unbound"])
def test_what_is_here_unbound_or_unknown_is_not_redirected(attachment: str) -> None:
    model = build(world(port(attachment)))
    unknown = {WEB_1, ObjectId("port", "red/prod/none"), ObjectId("port", "no/vpc/none")}
    assert entries(model, "leaf1", unknown) == entries(model, "leaf1")


CANDIDATES = "candidates: [{switch: leaf2, port: 40, vlan: 5}, {switch: leaf1, port: 41}]"


def own_tables(model: Model, switch: str) -> Counter[str]:
    """How many entries of each table the port alone asks for."""
    state = compile_switch(model, switch)
    return Counter(identity[0] for identity, desired in state.items() if desired.origins == (WEB_1,))


def test_where_a_port_may_turn_up_it_is_guarded_and_nothing_else_is_written() -> None:
    before, model = build(world()), build(world(port("{switch: leaf1, port: 11}", CANDIDATES)))
    [it] = [it for it in model.vpcs["red/prod"].ports if it.id == WEB_1]
    for switch, key, tables in (
        ("leaf1", (Exact(41), Exact(0)), ["access_ports"]),
        ("leaf2", (Exact(40), Exact(5)), ["access_ports", "source_guard_mac", "source_guard_v4"]),
    ):
        assert own_tables(model, switch) - own_tables(before, switch) == Counter(tables)
        [place] = [place for place in it.candidates if place.switch == switch]
        access = entries(model, switch)["access_ports", key, 0]
        assert isinstance(access, TableEntry)
        assert access.action == ActionCall("set_candidate", (place.port_index, it.subnet.bridge_domain))


def test_at_a_leaf_without_the_vpc_a_candidate_brings_nothing_else_of_it() -> None:
    gone = ("port red/prod/web-2", "port red/prod/db-1", "port red/prod/far-1", "route red/prod/outside")
    model = build(world(port("{switch: leaf1, port: 11}", CANDIDATES), gone))
    tables = {identity[0] for identity in compile_vpc(model, "red/prod", "leaf2")}
    assert tables == {"access_ports", "source_guard_mac", "source_guard_v4"}
    assert "red/prod" in model.vpcs_of_switch["leaf2"]


def test_a_port_has_one_index_at_a_switch_and_keeps_all_when_it_moves() -> None:
    objects = world(port("{switch: leaf1, port: 11}", CANDIDATES))
    [before] = [it for it in build(objects).vpcs["red/prod"].ports if it.id == WEB_1]
    assert isinstance(before.place, LocalPlace)
    assert {place.port_index for place in before.candidates if place.switch == "leaf1"} == {before.place.port_index}
    swapped = "candidates: [{switch: leaf1, port: 11}, {switch: leaf1, port: 41}]"
    after = world(port("{switch: leaf2, port: 40, vlan: 5}", swapped))
    assert number(after).numbers == number(objects).numbers
    [moved] = [it for it in build(after).vpcs["red/prod"].ports if it.id == WEB_1]
    assert (moved.place, moved.candidates[0]) == (before.candidates[0], before.place)
    assert replace(moved, place=None, candidates=()) == replace(before, place=None, candidates=())
