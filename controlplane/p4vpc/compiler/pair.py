# SPDX-License-Identifier: Apache-2.0
"""One VPC at one switch, before and after a change: which rows may differ.

Every summand of a state is a pure function of little (`compile`). Where what it depends on differs, its old rows are
derived again from the old model, and the new ones from the new model; what is the same object in both is not looked at.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import chain, product

from p4vpc.compiler import policy
from p4vpc.compiler.compile import emit_networks, emit_peers, emit_port, emit_vpc
from p4vpc.compiler.input import Input
from p4vpc.compiler.scope import Scope
from p4vpc.compiler.shared import Row
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelVpc


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs around a switch's VPCs.

    Attributes:
        ends: leaves whose ends of tunnels are others in any way.
        numbers: those of them that tunnels have another number to, or none.
        ways: leaves that are reached in another way.
        is_other_way_out: prefixes behind neighbours may be reached in another way.
        is_other_source: the switch itself is another end of tunnels.
        is_other_mtu: the length of tenants' packets is another one.
    """

    ends: Set[str] = frozenset()
    numbers: Set[str] = frozenset()
    ways: Set[str] = frozenset()
    is_other_way_out: bool = False
    is_other_source: bool = False
    is_other_mtu: bool = False


class Pair:
    """One VPC at one switch, before and after. `removed` and `added` are the rows that may differ.

    `changed` are the ports of the VPC that are not the same.
    """

    def __init__(self, before: "Side | None", after: "Side | None", changed: Set[ObjectId], around: Surroundings):
        self._before, self._after = before, after
        self._changed = changed
        self._around = around
        self.removed: list[Row] = []
        self.added: list[Row] = []

    def compare(self) -> None:
        """Find the rows."""
        before, after = self._before, self._after
        if before is None or after is None or not before.is_like(after):
            self.removed += () if before is None else emit_vpc(before.model, before.vpc, before.scope)
            self.added += () if after is None else emit_vpc(after.model, after.vpc, after.scope)
            return
        peers = self._peers(before, after)
        if peers:
            self.removed += emit_peers(before.model, before.scope, peers)
            self.added += emit_peers(after.model, after.scope, peers)
        ports = self._ports(before, after)
        for port_id in ports:
            self.removed += before.port_rows(port_id)
            self.added += after.port_rows(port_id)
        if self._are_networks_other(before, after, ports):
            self.removed += emit_networks(before.model, before.vpc, before.scope)
            self.added += emit_networks(after.model, after.vpc, after.scope)
        if before.scope.is_present:
            self._compare_policy(before, after)

    def _peers(self, before: "Side", after: "Side") -> Set[str]:
        """The leaves that the tunnels to may differ."""
        one, other = before.scope.peers, after.scope.peers
        if self._around.is_other_source:
            return one | other
        return (one ^ other) | (other & (self._around.ends | self._around.ways))

    def _ports(self, before: "Side", after: "Side") -> Set[ObjectId]:
        """The ports whose rows may differ."""
        around, here = self._around, before.scope.switch.name
        found = set(self._changed)
        found |= before.scope.moved ^ after.scope.moved
        entered = before.scope.entered ^ after.scope.entered
        if entered:
            found |= {port.id for port in chain(before.vpc.ports, after.vpc.ports) if port.subnet.id in entered}
        is_other_peer = around.is_other_way_out or around.is_other_source
        if is_other_peer or before.scope.is_redirecting != after.scope.is_redirecting:
            found |= {port.id for port in chain(before.vpc.places.foreign, after.vpc.places.foreign)}
        for leaf in around.numbers:
            found |= {port.id for port in chain(before.vpc.places.at(leaf), after.vpc.places.at(leaf))}
        if around.is_other_mtu:
            found |= {port.id for port in chain(before.vpc.places.at(here), after.vpc.places.at(here))}
            found |= before.scope.moved | after.scope.moved
        return found

    def _are_networks_other(self, before: "Side", after: "Side", ports: Set[ObjectId]) -> bool:
        around = self._around
        if around.is_other_mtu or before.scope.entered != after.scope.entered:
            return True
        one, other = before.vpc, after.vpc
        if (one.subnets, one.routes, one.acls, one.mirrors) != (other.subnets, other.routes, other.acls, other.mirrors):
            return True
        if around.numbers and any(route.next_hop.id in ports for route in other.routes):
            return True
        return (bool(ports or around.ways) or around.is_other_way_out) and _floods(other)

    def _compare_policy(self, before: "Side", after: "Side") -> None:
        one, other = before.vpc, after.vpc
        less, more = before.senders_and_receivers(), after.senders_and_receivers()
        labels = set().union(*less, *more)
        is_same = one.groups == other.groups and all(one.labels.get(it) == other.labels.get(it) for it in labels)
        if is_same and less == more:
            return
        gone, come = set(product(*less)), set(product(*more))
        if is_same:
            gone, come = gone - come, come - gone
        for pair in gone:
            self.removed += policy.pair(one, *pair, before.scope.shared)
        for pair in come:
            self.added += policy.pair(other, *pair, after.scope.shared)


@dataclass(frozen=True, slots=True)
class Side:
    """A VPC at a switch, on one side of a change."""

    model: Model
    vpc: ModelVpc
    scope: Scope

    def is_like(self, other: "Side") -> bool:
        """Whether rows of what is the same are the same."""
        return (self.vpc.vrf, self.scope.is_present) == (other.vpc.vrf, other.scope.is_present)

    def port_rows(self, port_id: ObjectId) -> Iterator[Row]:
        """The rows of one port, if there is one."""
        port = self.vpc.port(port_id)
        if port is not None:
            yield from emit_port(self.model, self.vpc, port, self.scope)

    def senders_and_receivers(self) -> tuple[Set[int], Set[int]]:
        """The labels that may meet here."""
        return policy.sources(self.vpc, self.scope.switch), policy.destinations(self.vpc)


def side_of(of: Input, key: str, name: str) -> Side | None:
    """Return a VPC at a switch; None if there is no such VPC."""
    vpc = of.model.vpcs.get(key)
    if vpc is None:
        return None
    return Side(of.model, vpc, of.scope_of(vpc, name))


def _floods(vpc: ModelVpc) -> bool:
    return any(subnet.flood_group is not None for subnet in vpc.subnets)


def changed_ports(one: ModelVpc | None, other: ModelVpc | None) -> Set[ObjectId]:
    """Return the ids of ports that are not the same in both; those that are one object cost next to nothing."""
    if one is None or other is None or one.ports is other.ports:
        return frozenset()
    before = dict(zip(map(id, one.ports), one.ports, strict=True))
    after = dict(zip(map(id, other.ports), other.ports, strict=True))
    gone = {before[it].id: before[it] for it in before.keys() - after.keys()}
    come = {after[it].id: after[it] for it in after.keys() - before.keys()}
    return {port_id for port_id in gone.keys() | come.keys() if gone.get(port_id) != come.get(port_id)}
