# SPDX-License-Identifier: Apache-2.0
"""Tiers choose independently: by linear algebra on what the compiled pipeline really chooses, so for all flows at once.

With 16 paths a choice is four bits, and each of them is a sum (XOR) of bits of the outer source port, the only thing
that differs between flows of two VTEPs. Independent sums take each value equally often, whatever the others are.
"""

from random import Random

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from softswitch.runtime.entries import ActionCall, ActionSet, WeightedAction
from softswitch.runtime.switch import Switch
from tests.pipeline.test_watch_ports import ROUTER_MAC, program

PATHS = range(1, 17)
SENDER = 20
PORT_BITS = 14
CHOICE_BITS = 4
V4, V6 = ("10.255.0.2", "10.255.0.1"), ("2001:db8:ff::2", "2001:db8:ff::1")


def switch(tier: int) -> Switch:
    """A switch of this tier with 16 equal paths for everything."""
    it = program().instantiate()
    it.tables["fabric_ports"].insert((SENDER, ROUTER_MAC), ActionCall("set_fabric", (tier,)))
    for port in PATHS:
        it.tables["neighbors"].insert((port,), ActionCall("set_neighbor", (ROUTER_MAC, 0x02FA00000100 + port)))
    for table in ("underlay_routes_v4", "underlay_routes_v6"):
        ways = tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port) for port in PATHS)
        it.tables[table].insert(((0, 0),), ActionSet(ways))
    return it


def choice(it: Switch, ends: tuple[str, str], entropy: int) -> int:
    """Which path a flow takes, from 0; `entropy` is the 14 bits of its source port."""
    source, destination = ends
    ip = IPv6(src=source, dst=destination) if ":" in source else IP(src=source, dst=destination)
    layers = ip / UDP(sport=0xC000 | entropy, dport=4789) / Raw(bytes(60))
    ((port, _),) = it.process(SENDER, bytes(Ether(dst="02:fa:00:00:00:01", src="02:fa:00:00:01:08") / layers))
    return port - 1


def sums(tier: int, ends: tuple[str, str]) -> list[int]:
    """For each bit of a tier's choice, the bits of the source port that it is the sum of."""
    it = switch(tier)
    base = choice(it, ends, 0)
    columns = [choice(it, ends, 1 << bit) ^ base for bit in range(PORT_BITS)]
    for entropy in Random(tier).sample(range(1 << PORT_BITS), 50):
        expected = base
        for bit, column in enumerate(columns):
            expected ^= column if entropy >> bit & 1 else 0
        assert choice(it, ends, entropy) == expected, "the choice is no sum of bits"
    return [sum((column >> row & 1) << bit for bit, column in enumerate(columns)) for row in range(CHOICE_BITS)]


def rank(rows: list[int]) -> int:
    """How many of the sums are independent (Gauss, modulo 2)."""
    left, found = list(rows), 0
    while left:
        pivot = left.pop()
        if pivot:
            found += 1
            left = [row ^ pivot if row & (pivot & -pivot) else row for row in left]
    return found


@pytest.mark.parametrize("ends", [V4, V6], ids=["v4", "v6"])
def test_three_tiers_in_a_row_choose_independently(ends: tuple[str, str]) -> None:
    by_tier = {tier: sums(tier, ends) for tier in (1, 2, 3)}
    assert rank(by_tier[1] + by_tier[2] + by_tier[3]) == 3 * CHOICE_BITS
    assert rank(by_tier[1] + sums(1, ends)) == CHOICE_BITS, "two spines of one tier choose alike"
