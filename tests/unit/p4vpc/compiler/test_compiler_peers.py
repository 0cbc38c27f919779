# SPDX-License-Identifier: Apache-2.0
"""Which leaves a leaf has tunnels with, and when it knows them (docs/adr/0022)."""

from p4vpc.compiler import DesiredState, Input, compile_all, recompile
from p4vpc.compiler.entries import Exact
from p4vpc.compiler.ways import Paths
from p4vpc.intent import ObjectId
from p4vpc.model import Model
from tests.unit.p4vpc.model.world import build, world

TABLES = {"peer_vteps_v4", "tunnels", "tunnel_next_hops"}
PORTS = ["port red/prod/web-1", "port red/prod/web-2", "port red/prod/far-1"]
_FABRIC = """
{kind: switch, name: leaf3, role: leaf, vtep: 10.255.0.3, p4runtime: "h:3"}
---
{kind: link, name: leaf3-spine1, a: {switch: leaf3, port: 1}, b: {switch: spine1, port: 3}}
---
{kind: switch, name: spine2, role: spine, p4runtime: "h:4"}
"""
_UPLINKS = "".join(
    f"---\n{{kind: link, name: leaf{n}-spine2, a: {{switch: leaf{n}, port: 5}}, b: {{switch: spine2, port: {n}}}}}\n"
    for n in (1, 2, 3)
)


def port(place: str, name: str = "new") -> str:
    return (
        f"---\nkind: port\ntenant: red\nvpc: prod\nname: {name}\nsubnet: web\nmac: 02:00:00:00:09:09\n"
        f"addresses: [10.0.1.99]\n{place}\n"
    )


def of_leaf(model: Model, state: DesiredState, leaf: str) -> set[str]:
    """The tables in which a switch has something of a leaf."""
    vtep = model.leaf_vteps[leaf]
    keys = {"peer_vteps_v4": Exact(int(vtep.address))}
    return {table for table in TABLES if (table, (keys.get(table, Exact(vtep.tunnel_index)),), 0) in state}


def test_a_leaf_knows_those_that_it_shares_a_vpc_with() -> None:
    model = build(world(_FABRIC + _UPLINKS))
    states = compile_all(Input(model)).states
    assert of_leaf(model, states["leaf1"], "leaf2") == of_leaf(model, states["leaf2"], "leaf1") == TABLES
    assert all(of_leaf(model, states[leaf], "leaf3") == set() for leaf in ("leaf1", "leaf2"))
    assert of_leaf(model, states["leaf3"], "leaf1") == set()


def test_a_vpc_that_comes_brings_the_tunnels_and_the_last_one_takes_them_along() -> None:
    before = build(world(_FABRIC + _UPLINKS))
    after = build(world(_FABRIC + _UPLINKS + port("attachment: {switch: leaf3, port: 20}")))
    there = recompile(compile_all(Input(before)), Input(after))
    for leaf in ("leaf1", "leaf2"):
        assert of_leaf(after, there.states[leaf], "leaf3") == of_leaf(after, there.states["leaf3"], leaf) == TABLES
    gone = recompile(there, Input(before))
    assert all(of_leaf(before, gone.states[leaf], "leaf3") == set() for leaf in ("leaf1", "leaf2"))


def test_where_a_port_may_turn_up_is_known_before_it_does() -> None:
    candidate = "attachment: {switch: leaf1, port: 20}\ncandidates: [{switch: leaf3, port: 20}]"
    model = build(world(_FABRIC + _UPLINKS + port(candidate)))
    states = compile_all(Input(model)).states
    assert of_leaf(model, states["leaf2"], "leaf3") == TABLES
    assert of_leaf(model, states["leaf3"], "leaf2") == set(), "nothing of the VPC is there yet"


def test_leaves_that_are_awaited_and_leaves_that_redirect_are_peers() -> None:
    model = build(world(_FABRIC + _UPLINKS))
    first = compile_all(Input(model))
    awaited = recompile(first, Input(model, awaited={"red/prod": {"leaf3"}}))
    assert awaited.changed.keys() == {"leaf1", "leaf2"}
    assert of_leaf(model, awaited.states["leaf1"], "leaf3") == TABLES
    moved = {"leaf3": frozenset({ObjectId("port", "red/prod/web-1")})}
    redirecting = recompile(awaited, Input(model, moved))
    assert of_leaf(model, redirecting.states["leaf1"], "leaf3") == TABLES, "the frames come from there"
    assert of_leaf(model, redirecting.states["leaf3"], "leaf1") == TABLES, "and go to here"
    assert recompile(redirecting, Input(model)).states == first.states


def test_a_dead_uplink_concerns_the_ways_to_its_leaf_and_the_leaf_itself() -> None:
    paths = Paths(build(world(_FABRIC + _UPLINKS)))
    for leaf in ("leaf1", "leaf2", "leaf3"):
        paths.alive.to(leaf)
    after, other = paths.after(paths.model, {ObjectId("link", "leaf3-spine2")})
    assert after.alive.to("leaf1") is paths.alive.to("leaf1")
    assert after.alive.to("leaf3") is not paths.alive.to("leaf3")
    ways = other.to
    assert {"leaf1", "leaf2"} <= ways["leaf3"], "it has one way less to everybody"
    assert all(ways[name] == {"leaf3"} for name in ("leaf1", "leaf2"))
    assert ways.keys() == {"leaf1", "leaf2", "leaf3", "spine2"}
