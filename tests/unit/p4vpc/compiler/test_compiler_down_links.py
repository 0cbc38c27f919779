# SPDX-License-Identifier: Apache-2.0
"""Links that are down: every switch goes round them, and what is reached in no other way keeps its ways."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Origin, compile_switch
from p4vpc.compiler.entries import ActionSet, Exact, MulticastEntry, TableEntry
from p4vpc.compiler.ways import Ways
from p4vpc.intent import from_document, load_yaml
from p4vpc.model import Model
from tests.unit.p4vpc.compiler.paths import shortest_paths
from tests.unit.p4vpc.model.world import build, read, world

EXAMPLE = Path(__file__).parents[4] / "topo" / "examples" / "two-tenants.yaml"


def link(name: str) -> Origin:
    return Origin("link", name)


@pytest.fixture(scope="module")
def fabric() -> Model:
    """Three leaves and two spines: port n of a leaf is spine n, port n of a spine leaf n."""
    return build(load_yaml(EXAMPLE.read_text(), "example"))


def tunnel_ports(model: Model, switch: str, far: str, *down: str) -> set[int]:
    key = (Exact(model.leaf_vteps[far].tunnel_index),)
    entry = compile_switch(model, switch, down_links={link(name) for name in down})["tunnel_next_hops", key, 0].entry
    assert isinstance(entry, TableEntry) and isinstance(entry.action, ActionSet)
    return {member.action.params[0] for member in entry.action.members}


def test_a_dead_link_leaves_the_groups_of_switches_that_are_not_at_it(fabric: Model) -> None:
    assert tunnel_ports(fabric, "leaf1", "leaf2") == {1, 2}
    assert tunnel_ports(fabric, "leaf1", "leaf2", "leaf2-spine1") == {2}
    assert tunnel_ports(fabric, "leaf2", "leaf1", "leaf2-spine1") == {2}
    assert tunnel_ports(fabric, "leaf1", "leaf3", "leaf2-spine1") == {1, 2}, "the way to others is as it was"


def test_a_spine_goes_round_its_own_dead_link(fabric: Model) -> None:
    ports = Ways(fabric, "spine1", {link("leaf2-spine1")}).to_switch("leaf2")
    assert ports == {1, 3}, "over the other leaves, for what is still under way"


def test_a_dead_spine_leaves_all_groups(fabric: Model) -> None:
    down = [f"leaf{number}-spine1" for number in (1, 2, 3)]
    for here, there in (("leaf1", "leaf2"), ("leaf2", "leaf3"), ("leaf3", "leaf1")):
        assert tunnel_ports(fabric, here, there, *down) == {2}


def test_what_is_reached_in_no_other_way_keeps_its_ways(fabric: Model) -> None:
    down = ["leaf2-spine1", "leaf2-spine2"]
    assert tunnel_ports(fabric, "leaf1", "leaf2", *down) == {1, 2}
    assert compile_switch(fabric, "leaf1", down_links=[link(name) for name in down]).entries == (
        compile_switch(fabric, "leaf1").entries
    )


def test_copies_of_flooded_frames_follow(fabric: Model) -> None:
    """Which of two uplinks a copy takes is a matter of a hash; without that one it takes the other."""

    def uplinks(*down: str) -> set[int]:
        flooding = [item for item in load_yaml(EXAMPLE.read_text(), "example") if item.kind != "subnet"]
        for item in load_yaml(EXAMPLE.read_text(), "example"):
            if item.kind == "subnet":
                flooding.append(from_document({**item.document(), "broadcast": True}))
        state = compile_switch(build(flooding), "leaf1", down_links={link(name) for name in down})
        entries = [desired.entry for desired in state.values()]
        replicas = {replica for entry in entries if isinstance(entry, MulticastEntry) for replica in entry.replicas}
        return {port for port, instance in replicas if instance & 0x8000}

    assert uplinks() <= {1, 2}
    assert uplinks(*(f"leaf{number}-spine1" for number in (1, 2, 3))) == {2}
    assert uplinks(*(f"leaf{number}-spine2" for number in (1, 2, 3))) == {1}


def test_a_neighbour_behind_a_dead_link_gives_way_to_another_that_announces_the_same() -> None:
    second = (
        "kind: link\nname: leaf1-router\na: {switch: leaf1, port: 9}\n"
        "b: {mac: 02:00:00:00:99:02, prefixes: [10.255.9.0/24]}\n"
    )
    model = build([*world(), *read(second)])
    (prefix,) = Ways(model, "leaf1").prefixes
    assert Ways(model, "leaf1").prefixes[prefix].ports == {9}
    assert Ways(model, "leaf1", {link("leaf1-router")}).prefixes[prefix].ports == {1}
    both = {link("leaf1-router"), link("leaf2-router")}
    assert Ways(model, "leaf1", both).prefixes == Ways(model, "leaf1").prefixes


@settings(max_examples=80)
@given(
    st.integers(2, 7),
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14),
    st.sets(st.integers(0, 13)),
)
def test_ways_are_those_of_the_fabric_without_the_dead_links(
    count: int, pairs: set[tuple[int, int]], dead: set[int]
) -> None:
    """On random graphs: as if the links were not there, where that leads anywhere; else as if all were up."""
    edges = sorted({(min(a, b), max(a, b)) for a, b in pairs if a != b and a < count and b < count})
    switches = [
        {"kind": "switch", "name": f"s{n}", "role": "leaf", "vtep": f"10.0.0.{n + 1}", "p4runtime": f"h:{n + 1}"}
        for n in range(count)
    ]
    links = [
        {
            "kind": "link",
            "name": f"l{number}",
            "a": {"switch": f"s{a}", "port": number},
            "b": {"switch": f"s{b}", "port": number},
        }
        for number, (a, b) in enumerate(edges)
    ]
    whole = build([from_document(item) for item in (*switches, *links)])
    alive = build([from_document(item) for item in (*switches, *(x for n, x in enumerate(links) if n not in dead))])
    down = {link(f"l{number}") for number in dead}
    for switch in switches:
        source = str(switch["name"])
        left, wired = shortest_paths(alive, source), shortest_paths(whole, source)
        ways = Ways(whole, source, down)
        for far in switches:
            name = str(far["name"])
            expected = left.get(name) or wired.get(name)
            assert ways.to_switch(name) == (expected[1] if expected is not None else frozenset())
