# SPDX-License-Identifier: Apache-2.0
"""A fabric port dies: the switch itself moves the flows on it, and only those, without waiting for a controller."""

from collections import Counter
from functools import lru_cache

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from softswitch.program import Program
from softswitch.runtime import ActionCall, ActionSet, Switch, WeightedAction
from tests.pipeline.fabric import PIPELINE_DIR

ROUTER_MAC = 0x02FA00000001
LEAF_PREFIX = 0x0AFF0000
SENDER = 8
PATHS = (1, 2, 3, 4)
FLOWS = 1000


@lru_cache(maxsize=1)
def program() -> Program:
    return Program.from_json((PIPELINE_DIR / "p4vpc.json").read_bytes())


def spine(weights: dict[int, int]) -> Switch:
    """A switch that routes the leaf prefix by ports of these weights, each watching its own port."""
    switch = program().instantiate()
    for port in (*weights, SENDER):
        switch.tables["fabric_ports"].insert((port, ROUTER_MAC), ActionCall("set_fabric", (1,)))
        switch.tables["neighbors"].insert((port,), ActionCall("set_neighbor", (ROUTER_MAC, 0x02FA00000100 + port)))
    ways = (WeightedAction(ActionCall("set_next_hop", (port,)), weight, port) for port, weight in weights.items())
    switch.tables["underlay_routes_v4"].insert(((LEAF_PREFIX, 16),), ActionSet(tuple(ways)))
    return switch


def paths(switch: Switch) -> list[int]:
    """The port by which each flow leaves; every frame leaves once."""
    result = []
    for flow in range(FLOWS):
        layers = IP(src="10.255.0.2", dst="10.255.0.1") / UDP(sport=49152 + flow, dport=4789) / Raw(bytes(60))
        ((port, _),) = switch.process(SENDER, bytes(Ether(dst="02:fa:00:00:00:01", src="02:fa:00:00:01:08") / layers))
        result.append(port)
    return result


def test_only_the_flows_of_a_dead_port_move() -> None:
    switch = spine(dict.fromkeys(PATHS, 1))
    before = paths(switch)
    assert set(before) == set(PATHS)
    switch.set_port_up(2, False)
    during = paths(switch)
    assert 2 not in during
    assert [new for old, new in zip(before, during, strict=True) if old != 2] == [old for old in before if old != 2]
    moved = Counter(new for old, new in zip(before, during, strict=True) if old == 2)
    assert set(moved) == {1, 3, 4}
    assert min(moved.values()) > 0.6 * moved.total() / 3
    switch.set_port_up(2, True)
    assert paths(switch) == before


def test_two_dead_ports_and_weights() -> None:
    switch = spine({1: 1, 2: 2, 3: 3, 4: 4})
    before = paths(switch)
    switch.set_port_up(1, False)
    switch.set_port_up(3, False)
    during = paths(switch)
    assert set(during) == {2, 4}
    assert all(new == old for old, new in zip(before, during, strict=True) if old in (2, 4))


def test_the_last_port_takes_everything_and_none_drops() -> None:
    switch = spine({1: 1, 2: 1})
    switch.set_port_up(1, False)
    assert set(paths(switch)) == {2}
    switch.set_port_up(2, False)
    layers = IP(src="10.255.0.2", dst="10.255.0.1") / UDP(sport=49152, dport=4789)
    assert switch.process(SENDER, bytes(Ether(dst="02:fa:00:00:00:01", src="02:fa:00:00:01:08") / layers)) == []
