# SPDX-License-Identifier: Apache-2.0
"""Underlay routes: every VTEP and prefix, over all shortest paths, each of several next hops with its watch port."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Origin, compile_fabric, compile_switch
from p4vpc.compiler.entries import ActionCall, ActionSet, Exact, Lpm, TableEntry
from p4vpc.compiler.ways import Paths, Ways
from p4vpc.intent import from_document, load_yaml
from p4vpc.model import Model
from tests.unit.p4vpc.compiler.paths import shortest_paths
from tests.unit.p4vpc.model.world import build, world

EXAMPLE = Path(__file__).parents[4] / "topo" / "examples" / "two-tenants.yaml"


def ports_of(entry: TableEntry) -> list[int]:
    """Return the egress ports of a set of next hops; check that each of several watches its own port, a single none."""
    assert isinstance(entry.action, ActionSet)
    ports = []
    for member in entry.action.members:
        assert (member.action.name, member.weight) == ("set_next_hop", 1)
        (port,) = member.action.params
        assert member.watch_port == (port if len(entry.action.members) > 1 else None)
        ports.append(port)
    return ports


def routes(model: Model, switch: str, table: str = "underlay_routes_v4") -> dict[str, list[int]]:
    """Return the egress ports by prefix."""
    found = {}
    for desired in compile_fabric(model, switch).values():
        entry = desired.entry
        if isinstance(entry, TableEntry) and entry.table == table:
            (prefix,) = entry.key
            assert isinstance(prefix, Lpm)
            address = IPv4Address(prefix.value) if table.endswith("v4") else IPv6Address(prefix.value)
            found[f"{address}/{prefix.prefix_len}"] = ports_of(entry)
    return found


def next_hops(model: Model, switch: str) -> dict[int, list[int]]:
    """Return the egress ports by tunnel index."""
    found = {}
    for desired in compile_switch(model, switch).values():
        entry = desired.entry
        if isinstance(entry, TableEntry) and entry.table == "tunnel_next_hops":
            (index,) = entry.key
            assert isinstance(index, Exact)
            found[index.value] = ports_of(entry)
    return found


def test_leaf_and_spine_of_the_example() -> None:
    model = build(load_yaml(EXAMPLE.read_text(), "example"))
    assert routes(model, "leaf1") == {}, "nobody sends through a leaf"
    assert routes(model, "spine2") == {"10.255.0.1/32": [1], "10.255.0.2/32": [2], "10.255.0.3/32": [3]}


def test_a_switch_has_routes_to_the_vteps_that_somebody_sends_to_through_it() -> None:
    model = build(load_yaml(EXAMPLE.read_text(), "example"))
    links = [f"leaf{leaf}-spine{spine}" for leaf, spine in ((2, 1), (1, 2))]
    down = {Origin("link", name) for name in links}
    found = {name: compile_switch(model, name, down_links=down).keys() for name in ("leaf1", "leaf3")}
    routes_of = {name: {it[1] for it in keys if it[0] == "underlay_routes_v4"} for name, keys in found.items()}
    ends = {(Lpm(int(IPv4Address(f"10.255.0.{leaf}")), 32),) for leaf in (1, 2)}
    assert routes_of == {"leaf1": set(), "leaf3": ends}, "only leaf3 connects the spines now"
    border = build(load_yaml(EXAMPLE.read_text() + neighbor("up", "leaf1", 9, "192.0.2.0/24"), "example"))
    assert routes(border, "leaf1") == {"10.255.0.2/32": [1, 2], "10.255.0.3/32": [1, 2], "192.0.2.0/24": [9]}


@settings(max_examples=60)
@given(
    st.integers(3, 7),
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14),
    st.sets(st.integers(0, 13)),
)
def test_every_next_hop_goes_on(count: int, pairs: set[tuple[int, int]], dead: set[int]) -> None:
    """On random graphs with dead links: wherever a next hop leads, there is a route, to the end."""
    edges = sorted({(min(a, b), max(a, b)) for a, b in pairs if a != b and a < count and b < count})
    objects = [
        from_document(
            {"kind": "switch", "name": f"s{n}", "role": "leaf", "vtep": f"10.0.0.{n + 1}", "p4runtime": f"h:{n + 1}"}
        )
        for n in range(count)
    ]
    for number, (a, b) in enumerate(edges):
        ends = {"a": {"switch": f"s{a}", "port": number}, "b": {"switch": f"s{b}", "port": number}}
        objects.append(from_document({"kind": "link", "name": f"l{number}", **ends}))
    model = build(objects)
    paths = Paths(model, {Origin("link", f"l{number}") for number in dead})
    ways = {name: Ways(model, name, paths=paths) for name in model.switches}
    for source, target in product(model.switches, model.switches):
        for port in ways[source].to_switch(target):
            there = f"s{sum(edges[port]) - int(source[1:])}"
            assert there == target or (ways[there].is_transit(target) and ways[there].to_switch(target))


def test_neighbors_have_the_mac_of_the_far_end() -> None:
    model = build(world())
    leaf, spine = model.switches["leaf2"].router_mac.value, model.switches["spine1"].router_mac.value
    neighbors = {
        desired.entry.key: desired.entry.action
        for desired in compile_fabric(model, "leaf2").values()
        if isinstance(desired.entry, TableEntry) and desired.entry.table == "neighbors"
    }
    assert neighbors == {
        (Exact(1),): ActionCall("set_neighbor", (leaf, spine)),
        (Exact(9),): ActionCall("set_neighbor", (leaf, 0x020000009901)),
    }


def test_prefixes_behind_a_neighbour_are_routed_everywhere() -> None:
    model = build(world())
    assert routes(model, "leaf2")["10.255.9.0/24"] == [9]
    assert routes(model, "spine1")["10.255.9.0/24"] == [2]
    assert routes(model, "leaf1")["10.255.9.0/24"] == [1]
    key = (Lpm(int(IPv4Address("10.255.9.0")), 24),)
    assert compile_fabric(model, "leaf1")["underlay_routes_v4", key, 0].origins == (Origin("link", "leaf2-router"),)


def test_a_prefix_announced_twice_goes_to_the_nearest() -> None:
    second = (
        "kind: link\nname: {}\na: {{switch: {}, port: {}}}\nb: {{mac: 02:00:00:00:99:02, prefixes: [10.255.9.0/24]}}\n"
    )
    model = build(world(second.format("leaf1-router", "leaf1", 9)))
    assert [routes(model, switch)["10.255.9.0/24"] for switch in ("leaf1", "leaf2", "spine1")] == [[9], [9], [1, 2]]
    model = build(world(second.format("leaf2-router-2", "leaf2", 10)))
    assert routes(model, "leaf2")["10.255.9.0/24"] == [9, 10]


def test_parallel_links_are_all_used_and_no_link_means_no_route() -> None:
    parallel = "kind: link\nname: second\na: {switch: leaf1, port: 2}\nb: {switch: spine1, port: 12}\n"
    model = build(world(parallel))
    assert tunnels(model, "leaf1")["10.255.0.2"] == [1, 2]
    assert routes(model, "spine1")["10.255.0.1/32"] == [1, 12]
    model = build(world(without=["link leaf1-spine1"]))
    assert routes(model, "leaf1") == {}
    assert routes(model, "spine1") == {"10.255.9.0/24": [2]}, "nobody is left who sends through it"


@settings(max_examples=60)
@given(st.integers(2, 7), st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14))
def test_next_hops_are_those_that_are_one_hop_nearer(count: int, pairs: set[tuple[int, int]]) -> None:
    """Against all-pairs distances (Floyd-Warshall), on random graphs."""
    edges = sorted({(min(a, b), max(a, b)) for a, b in pairs if a != b and a < count and b < count})
    objects = [
        from_document(
            {"kind": "switch", "name": f"s{n}", "role": "leaf", "vtep": f"10.0.0.{n + 1}", "p4runtime": f"h:{n + 1}"}
        )
        for n in range(count)
    ]
    for number, (a, b) in enumerate(edges):
        ends = {"a": {"switch": f"s{a}", "port": number}, "b": {"switch": f"s{b}", "port": number}}
        objects.append(from_document({"kind": "link", "name": f"l{number}", **ends}))
    model = build(objects)
    distance = {(a, b): 0 if a == b else 99 for a in range(count) for b in range(count)}
    for a, b in edges:
        distance[a, b] = distance[b, a] = 1
    for via in range(count):
        for a in range(count):
            for b in range(count):
                distance[a, b] = min(distance[a, b], distance[a, via] + distance[via, b])
    for source in range(count):
        paths = shortest_paths(model, f"s{source}")
        for target in range(count):
            if distance[source, target] == 99:
                assert f"s{target}" not in paths
                continue
            expected = {
                number
                for number, edge in enumerate(edges)
                if source in edge and distance[sum(edge) - source, target] == distance[source, target] - 1
            }
            assert paths[f"s{target}"] == (distance[source, target], frozenset(expected))


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "10.255.0.0/16"])
def test_a_short_prefix_of_a_neighbour_does_not_hide_vteps(prefix: str) -> None:
    link = (
        f"kind: link\nname: up\na: {{switch: spine1, port: 9}}\nb: {{mac: 02:00:00:00:99:03, prefixes: [{prefix}]}}\n"
    )
    model = build(world(link))
    assert routes(model, "leaf1")[str(IPv4Network(prefix))] == [1]
    assert routes(model, "spine1")["10.255.0.2/32"] == [2]


def neighbor(name: str, switch: str, port: int, prefix: str) -> str:
    ends = f"a: {{switch: {switch}, port: {port}}}\nb: {{mac: 02:00:00:00:99:0{port % 10}, prefixes: [{prefix}]}}\n"
    return f"---\nkind: link\nname: {name}\n{ends}"


def tunnels(model: Model, switch: str) -> dict[str, list[int]]:
    """Return the egress ports by the address of the tunnel's far end."""
    ends = [*model.leaf_vteps.values(), *(vtep for vpc in model.vpcs.values() for vtep in vpc.foreign_vteps)]
    names = {vtep.tunnel_index: str(vtep.address) for vtep in ends}
    return {names[index]: ports for index, ports in next_hops(model, switch).items()}


def test_tunnels_to_leaves_go_all_shortest_paths() -> None:
    model = build(world("kind: link\nname: second\na: {switch: leaf1, port: 2}\nb: {switch: spine1, port: 12}\n"))
    assert tunnels(model, "leaf1") == {"10.255.0.2": [1, 2], "10.255.9.1": [1, 2]}
    assert tunnels(model, "leaf2") == {"10.255.0.1": [1], "10.255.9.1": [9]}
    assert tunnels(model, "spine1") == {}, "a spine has no tunnels"
    model = build(world(without=["link leaf1-spine1"]))
    assert tunnels(model, "leaf1") == {}


def test_a_tunnel_to_a_foreign_vtep_goes_by_the_longest_prefix_and_to_the_nearest() -> None:
    shorter = neighbor("wide", "leaf1", 7, "10.255.0.0/16")
    assert tunnels(build(world(shorter)), "leaf1")["10.255.9.1"] == [1], "the /24 behind leaf2 is longer"
    longer = neighbor("narrow", "leaf1", 8, "10.255.9.0/28")
    assert tunnels(build(world(shorter + longer)), "leaf1")["10.255.9.1"] == [8]
    assert tunnels(build(world(shorter + longer)), "leaf2")["10.255.9.1"] == [1]
    nearer = neighbor("near", "leaf1", 8, "10.255.9.0/24")
    assert tunnels(build(world(nearer)), "leaf1")["10.255.9.1"] == [8]


def test_where_tunnels_go_follows_the_routes() -> None:
    """A tunnel's first hop must be one that the rest of the underlay agrees with."""
    model = build(world(neighbor("wide", "leaf1", 7, "10.255.0.0/16") + neighbor("near", "leaf1", 8, "10.255.9.1/32")))
    for switch in ("leaf1", "leaf2"):
        for vtep, ports in tunnels(model, switch).items():
            found = routes(model, switch)
            longest = max(
                (prefix for prefix in found if IPv4Address(vtep) in IPv4Network(prefix)),
                key=lambda prefix: IPv4Network(prefix).prefixlen,
            )
            assert ports == found[longest]


def test_the_ways_of_a_foreign_vtep_come_from_the_ports_behind_it() -> None:
    model = build(world())
    (vtep,) = model.vpcs["red/prod"].foreign_vteps
    key = (Exact(vtep.tunnel_index),)
    assert compile_switch(model, "leaf1")["tunnel_next_hops", key, 0].origins == (Origin("port", "red/prod/far-1"),)
