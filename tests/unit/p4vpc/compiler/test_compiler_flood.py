# SPDX-License-Identifier: Apache-2.0
"""Subnets that flood: who is in their groups at each switch, and through which uplink copies for tunnels leave."""

from collections import Counter

from p4vpc.compiler import Origin, compile_switch
from p4vpc.compiler.entries import MULTICAST_TABLE, ActionCall, Exact, MulticastEntry
from p4vpc.intent import from_document
from p4vpc.model import Model
from tests.unit.p4vpc.compiler.test_compiler_entries import World, exact
from tests.unit.p4vpc.model.world import build, world

FLOODING = "kind: subnet\ntenant: red\nvpc: prod\nname: web\nipv4: 10.0.1.0/24\nbroadcast: true\n"
TWIN = """
kind: port
tenant: red
vpc: prod
name: web-3
subnet: web
mac: 02:00:00:00:01:13
addresses: [10.0.1.13]
attachment: {switch: leaf1, port: 11, vlan: 3}
"""


def groups(model: Model, switch: str) -> dict[int, tuple[tuple[int, int], ...]]:
    entries = (desired.entry for desired in compile_switch(model, switch).values())
    return {entry.group_id: entry.replicas for entry in entries if isinstance(entry, MulticastEntry)}


def test_a_subnet_floods_only_if_it_says_so() -> None:
    it = World()
    assert groups(it.model, "leaf1") == {}
    assert it.table("leaf1", "flood") == {}


def test_groups_have_the_ports_here_and_a_copy_for_each_tunnel() -> None:
    it = World(f"{FLOODING}---{TWIN}")
    web, k = it.n("bridge_domain", "red/prod/web"), it.n("flood_group", "red/prod/web")
    web_1, web_3 = (it.n("port_index of leaf1", f"red/prod/{name}") for name in ("web-1", "web-3"))
    web_2 = it.n("port_index of leaf2", "red/prod/web-2")
    leaf1, leaf2, foreign = (0x8000 | it.n("tunnel_index", vtep) for vtep in ("10.255.0.1", "10.255.0.2", "10.255.9.1"))
    here = {(11, web_1), (11, web_3)}
    assert groups(it.model, "leaf1") == {
        2 * k: tuple(sorted(here | {(1, leaf2), (1, foreign)})),
        2 * k + 1: tuple(sorted(here)),
    }
    assert groups(it.model, "leaf2") == {
        2 * k: tuple(sorted([(11, web_2), (1, leaf1), (9, foreign)])),
        2 * k + 1: ((11, web_2),),
    }
    assert it.table("leaf1", "flood") == {
        exact(web, 0): ActionCall("set_flood_group", (2 * k,)),
        exact(web, 1): ActionCall("set_flood_group", (2 * k + 1,)),
    }
    assert it.origins("leaf1", "flood", exact(web, 0)) == (Origin("subnet", "red/prod/web"),)
    assert it.origins("leaf1", MULTICAST_TABLE, (Exact(2 * k),)) == (Origin("subnet", "red/prod/web"),)


def test_no_group_where_the_subnet_has_no_port() -> None:
    """Nothing enters there that could be flooded: what a foreign VTEP floods it sends to the leaves with ports."""
    it = World(FLOODING, without=("port red/prod/web-2",))
    assert groups(it.model, "leaf2") == {}
    k, web_1 = it.n("flood_group", "red/prod/web"), it.n("port_index of leaf1", "red/prod/web-1")
    foreign = 0x8000 | it.n("tunnel_index", "10.255.9.1")
    assert groups(it.model, "leaf1")[2 * k] == ((1, foreign), (11, web_1)), "no copy to leaf2"


def test_what_cannot_be_reached_has_no_replica() -> None:
    it = World(FLOODING, without=("link leaf1-spine1",))
    k, web_1 = it.n("flood_group", "red/prod/web"), it.n("port_index of leaf1", "red/prod/web-1")
    assert groups(it.model, "leaf1") == {2 * k: ((11, web_1),), 2 * k + 1: ((11, web_1),)}


def uplinks(count: int) -> dict[tuple[int, int], int]:
    """Return which of leaf1's uplinks 100, 101... carries the copies of each (group, tunnel) of many."""
    objects = world()
    for spine in range(count):
        name = f"s{spine}"
        objects.append(from_document({"kind": "switch", "name": name, "role": "spine", "p4runtime": f"h:{spine + 1}"}))
        for leaf in ("leaf1", "leaf2"):
            ends = {"a": {"switch": leaf, "port": 100 + spine}, "b": {"switch": name, "port": int(leaf[-1])}}
            objects.append(from_document({"kind": "link", "name": f"{leaf}-{name}", **ends}))
    objects = [intent for intent in objects if intent.key not in ("leaf1-spine1", "leaf2-spine1")]
    for number in range(40):
        in_vpc = {"tenant": "red", "vpc": "prod"}
        prefix = f"10.1.{number}.0/24"
        objects.append(
            from_document({"kind": "subnet", **in_vpc, "name": f"n{number}", "ipv4": prefix, "broadcast": True})
        )
        for leaf in ("1", "2"):
            port = {"kind": "port", **in_vpc, "name": f"p{number}-{leaf}", "subnet": f"n{number}"}
            address = {"mac": f"02:00:00:02:{number:02x}:0{leaf}", "addresses": [f"10.1.{number}.1{leaf}"]}
            place = {"attachment": {"switch": f"leaf{leaf}", "port": 200 + number}}
            objects.append(from_document({**port, **address, **place}))
    found = {}
    for group, replicas in groups(build(objects), "leaf1").items():
        for port, instance in replicas:
            if instance & 0x8000:
                found[group, instance] = port
    return found


def test_copies_spread_over_the_uplinks_and_only_what_must_moves() -> None:
    with_four, with_three = uplinks(4), uplinks(3)
    shares = Counter(with_four.values())
    assert shares.keys() == {100, 101, 102, 103}
    assert max(shares.values()) < len(with_four) / 2
    assert with_four == uplinks(4)
    assert with_three.keys() == with_four.keys()
    assert all(with_three[copy] == port for copy, port in with_four.items() if port != 103)
